"""Whether inputs are of the types that the table says: every fault at once, unknown names too."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from sandbox.plugin.spec import Fault, Kind, Prop, Type
from sandbox.plugin.values import UNKNOWN, Archive, Asset, Props

HIDDEN = "__defaults"


def faults_of(inputs: Props, spec: Mapping[str, Prop], path: str = "") -> Iterator[Fault]:
    """Faults of an object's fields."""
    for name in sorted(set(inputs) - set(spec) - {HIDDEN}):
        if inputs[name] is not None:
            yield Fault(path + name, f"is not one that the sandbox handles ({_known(spec)})")
    for name, prop in spec.items():
        value = inputs.get(name)
        if value is None:
            if prop.required:
                yield Fault(path + name, "is missing")
        else:
            yield from _faults(value, prop.type, path + name)


def _known(spec: Mapping[str, Prop]) -> str:
    return "it handles " + ", ".join(sorted(spec)) if spec else "it takes none"


def _faults(value: Any, of: Type, path: str) -> Iterator[Fault]:
    if value is UNKNOWN:
        return
    if not _fits(value, of.kind):
        yield Fault(path, f"must be {of.kind.value}, not {_say(value)}")
    elif of.choices and value not in of.choices:
        yield Fault(path, f"must be one of {', '.join(sorted(of.choices))}, not {value!r}")
    elif of.kind is Kind.OBJECT:
        yield from faults_of(value, of.fields, path + ".")
    elif of.item is not None:
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, item in items:
            if item is None:
                yield Fault(f"{path}[{key}]", "is null")
            else:
                yield from _faults(item, of.item, f"{path}[{key}]")


def _fits(value: Any, kind: Kind) -> bool:  # noqa: PLR0911 - one line for each kind
    match kind:
        case Kind.STRING:
            return isinstance(value, str)
        case Kind.INTEGER:
            return isinstance(value, int) and not isinstance(value, bool)
        case Kind.NUMBER:
            return isinstance(value, int | float) and not isinstance(value, bool)
        case Kind.BOOLEAN:
            return isinstance(value, bool)
        case Kind.JSON:
            return isinstance(value, dict) or (isinstance(value, str) and _is_json(value))
        case Kind.LIST | Kind.SET:
            return isinstance(value, list)
        case Kind.MAP | Kind.OBJECT:
            return isinstance(value, dict)
        case Kind.ARCHIVE:
            return isinstance(value, Archive)
        case Kind.ASSET:
            return isinstance(value, Asset)


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _say(value: Any) -> str:
    for kinds, word in (
        ((bool,), "a boolean"),
        ((str,), "a string"),
        ((int, float), "a number"),
        ((list,), "a list"),
        ((Asset,), "an asset"),
        ((Archive,), "an archive"),
        ((dict,), "an object"),
    ):
        if isinstance(value, kinds):
            return word
    return type(value).__name__


def normalised(inputs: Props, spec: Mapping[str, Prop]) -> Props:
    """Inputs as they are kept: no `None`, a JSON document given as an object written as text."""
    return {
        name: _normal(value, spec[name].type) if name in spec else value
        for name, value in inputs.items()
        if value is not None
    }


def _normal(value: Any, of: Type) -> Any:
    if of.kind is Kind.JSON and isinstance(value, dict):
        return json.dumps(value, sort_keys=True)
    if of.kind is Kind.OBJECT and isinstance(value, dict):
        return normalised(value, of.fields)
    if of.item is not None and isinstance(value, list):
        return [_normal(item, of.item) for item in value]
    if of.item is not None and isinstance(value, dict):
        return {key: _normal(item, of.item) for key, item in value.items()}
    return value
