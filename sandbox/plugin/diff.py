"""What changed between two sets of inputs, and whether it can be changed in place."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.plugin.check import HIDDEN
from sandbox.plugin.spec import Kind, Prop, Resource, Type
from sandbox.plugin.values import UNKNOWN, Archive, Asset, Props

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


@dataclass(frozen=True)
class Change:
    """One changed property: its path in Pulumi's notation, `add`, `delete` or `update`."""

    path: str
    kind: str
    replace: bool

    @property
    def top(self) -> str:
        """The input that it belongs to."""
        return re.split(r"[.\[]", self.path, maxsplit=1)[0]


@dataclass(frozen=True)
class Difference:
    """All changes of one resource."""

    changes: tuple[Change, ...]
    delete_before_replace: bool = False

    @property
    def replaces(self) -> bool:
        """Whether any change needs a new resource."""
        return any(change.replace for change in self.changes)

    @property
    def changed(self) -> frozenset[str]:
        """The names of the inputs that differ."""
        return frozenset(change.top for change in self.changes)


def same(old: Any, new: Any, of: Type) -> bool:
    """Whether two values mean the same to the cloud."""
    return next(_changes(old, new, of, "", replace=False), None) is None


def difference(resource: Resource, old: Props, new: Props) -> Difference:
    """Compare the inputs of one resource. An unknown is a change, as in the real providers."""
    changes = tuple(
        change
        for name, prop in resource.inputs.items()
        for change in _prop_changes(old.get(name), new.get(name), prop, name, replace=False)
    )
    if resource.update is None:
        changes = tuple(Change(c.path, c.kind, replace=True) for c in changes)
    replaces = any(change.replace for change in changes)
    return Difference(changes, replaces and _must_delete_first(resource, old, new))


def _must_delete_first(resource: Resource, old: Props, new: Props) -> bool:
    """A fixed physical name cannot exist twice.

    Source: pulumi-terraform-bridge, pkg/tfbridge/provider.go, nameRequiresDeleteBeforeReplace.
    """
    if resource.delete_before_replace:
        return True
    if resource.autoname is None:
        return False
    name = resource.autoname.prop
    return name not in new.get(HIDDEN, []) and old.get(name) == new.get(name)


def _prop_changes(old: Any, new: Any, prop: Prop, path: str, *, replace: bool) -> Iterator[Change]:
    replace = replace or prop.replace
    if prop.default is not None:
        old = prop.default if old is None else old
        new = prop.default if new is None else new
    if prop.computed and new is None:
        return
    yield from _changes(old, new, prop.type, path, replace=replace)


def _changes(old: Any, new: Any, of: Type, path: str, *, replace: bool) -> Iterator[Change]:
    if _empty(old) and _empty(new):
        return
    if new is UNKNOWN or old is UNKNOWN:
        yield Change(path, "add" if old is None else "update", replace)
    elif _empty(old) or _empty(new):
        yield Change(path, "add" if _empty(old) else "delete", replace)
    elif of.kind is Kind.OBJECT:
        for name, prop in of.fields.items():
            yield from _prop_changes(
                old.get(name), new.get(name), prop, f"{path}.{name}", replace=replace
            )
    elif of.kind is Kind.MAP and of.item is not None:
        for key in sorted({*old, *new}):
            yield from _changes(
                old.get(key), new.get(key), of.item, path + _key(key), replace=replace
            )
    elif isinstance(old, dict) and of.kind is Kind.LIST:
        # What `prepare` told by name (an app's identities). The protocol's maps come in any order.
        if old != new:
            yield Change(path, "update", replace)
    elif of.kind is Kind.LIST and of.item is not None and len(old) == len(new):
        for index, (was, now) in enumerate(zip(old, new, strict=True)):
            yield from _changes(was, now, of.item, f"{path}[{index}]", replace=replace)
    elif _canonical(old, of) != _canonical(new, of):
        yield Change(path, "update", replace)


def _empty(value: Any) -> bool:
    """Absent; an empty text, list or map is the same as none to a Terraform-based provider."""
    return value is None or value in ("", {}, [])


def _canonical(value: Any, of: Type) -> Any:
    if isinstance(value, Asset | Archive):
        return value.hash or value
    if of.kind is Kind.JSON and isinstance(value, str):
        return _sorted_json(value)
    if of.kind in (Kind.LIST, Kind.SET) and of.item is not None:
        items = [_canonical(item, of.item) for item in value]
        return items if of.kind is Kind.LIST else sorted(items, key=repr)
    if of.kind is Kind.OBJECT and isinstance(value, dict):
        return {
            name: _canonical(value[name], prop.type)
            for name, prop in of.fields.items()
            if not _empty(value.get(name))
        }
    return value


def _sorted_json(text: str) -> str:
    try:
        return json.dumps(json.loads(text), sort_keys=True)
    except ValueError:
        return text


def _key(key: str) -> str:
    return f".{key}" if _PLAIN.match(key) else f'["{key}"]'


def settle(inputs: Props, observed: Props, spec: Mapping[str, Prop]) -> Props:
    """Observed properties in the program's own spelling where both mean the same."""
    return {
        name: inputs[name]
        if name in spec
        and inputs.get(name) is not None
        and same(inputs[name], value, spec[name].type)
        else value
        for name, value in observed.items()
    }


def inputs_of(known: Props, observed: Props, spec: Mapping[str, Prop]) -> Props:
    """The inputs that would give what is observed: what refresh and import record.

    One that cannot be read back stays as known; one that the program left to the cloud stays out.
    """
    settled = settle(known, observed, spec)
    found: Props = {}
    for name, prop in spec.items():
        value = settled.get(name, known.get(name) if prop.kept else None)
        if _empty(value):
            continue
        unset = name not in known
        if unset and (prop.computed and not prop.required and known):
            continue
        if unset and not prop.required and same(prop.default, value, prop.type):
            continue
        found[name] = value
    if HIDDEN in known:
        found[HIDDEN] = known[HIDDEN]
    return found
