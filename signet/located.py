"""YAML files that know their lines: every fault names file, line and field. Pure.

A document comes back as plain values; `Located.fault` finds where a field stands, or the nearest
thing around it. Comments are not kept here: what edits files works on their text.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from signet.errors import Fault, SettingsError

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError

LARGEST_FILE: Final = 256 * 1024
_MOST_VALUES: Final = 20_000
_LONGEST_SHOWN: Final = 80

Path = Sequence[str | int]


@dataclass(frozen=True)
class Located:
    """One file's content: `data` is plain, `lines` says where each field begins (from 1)."""

    file: str
    data: Mapping[str, Any]
    lines: Mapping[tuple[str | int, ...], int]

    def where(self, path: Path) -> str:
        """Return `file:line: field`, the line that of the nearest thing around it that exists."""
        known = tuple(path)
        while known and known not in self.lines:
            known = known[:-1]
        line = self.lines.get(known, 1)
        return f"{self.file}:{line}: {shown(path)}" if path else f"{self.file}:{line}"

    def fault(self, path: Path, problem: str, remedy: str) -> Fault:
        """Return one fault of a field, with its value where that is short and plain."""
        return Fault(key=self.where(path), value=self._value(path), problem=problem, remedy=remedy)

    def _value(self, path: Path) -> str | None:
        value: Any = self.data
        for step in path:
            try:
                value = value[step]
            except (KeyError, IndexError, TypeError):
                return None
        if isinstance(value, Mapping | list) or value is None:
            return None
        return str(value)[:_LONGEST_SHOWN]


def shown(path: Path) -> str:
    """Return a path as people write it: `routes[0].scopes`."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


def load(text: str, file: str) -> Located:
    """Read a YAML 1.2 file. Raises SettingsError when it is none, or is no mapping."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    if len(text.encode()) > LARGEST_FILE:
        raise SettingsError([_whole(file, 1, "the file is over 256 KiB", "split it")])
    try:
        # The first document alone counts nowhere: a second one is an error.
        found = YAML(typ="rt").load(text)
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        problem = f"it is not YAML: {(error.problem or 'malformed').splitlines()[0]}"
        raise SettingsError([_whole(file, line, problem, "correct this line")]) from None
    except (YAMLError, ValueError, RecursionError) as error:
        problem = f"it is not YAML: {str(error).splitlines()[0] if str(error) else 'malformed'}"
        raise SettingsError([_whole(file, 1, problem, "correct it")]) from None
    lines: dict[tuple[str | int, ...], int] = {}
    budget = [_MOST_VALUES]
    try:
        data = _plain(found, (), lines, budget)
    except OverflowError:
        problem = "it holds too many values (do aliases refer to aliases?)"
        raise SettingsError([_whole(file, 1, problem, "write the values out")]) from None
    if not isinstance(data, dict):
        raise SettingsError([_whole(file, 1, "it is no mapping", "write `name: value` lines")])
    return Located(file, data, lines)


def schema_faults(
    located: Located, schema: Mapping[str, Any], *, besides: Iterable[str] = ()
) -> list[Fault]:
    """Return every fault of shape against a JSON Schema, but for the top fields `besides`.

    The remedy of a fault is the `description` of what the schema wants there.
    """
    return judged(located, schema, besides=besides)[0]


def judged(
    located: Located, schema: Mapping[str, Any], *, besides: Iterable[str] = ()
) -> tuple[list[Fault], frozenset[str]]:
    """Return `schema_faults`, and every top field whose shape is wrong, those of `besides` too.

    What such a field means cannot be judged.
    """
    from jsonschema import Draft202012Validator

    apart = set(besides)
    errors = list(Draft202012Validator(schema).iter_errors(located.data))
    faults = [
        fault
        for error in sorted(errors, key=lambda each: [str(step) for step in each.absolute_path])
        if not error.absolute_path or error.absolute_path[0] not in apart
        for fault in _faults_of(located, error)
    ]
    return faults, frozenset(str(each.absolute_path[0]) for each in errors if each.absolute_path)


def by_line(file: str, faults: Iterable[Fault]) -> list[Fault]:
    """Return one file's faults in the order of its lines, as a reader mends them."""

    def line(fault: Fault) -> int:
        number = fault.key.removeprefix(f"{file}:").partition(":")[0]
        return int(number) if number.isdigit() else 0

    return sorted(faults, key=line)


def _faults_of(located: Located, error: ValidationError) -> list[Fault]:
    path: list[str | int] = list(error.absolute_path)
    wanted = error.schema if isinstance(error.schema, Mapping) else {}
    remedy = str(wanted.get("description", "see docs/onboarding.md"))
    rule, value = str(error.validator), error.validator_value
    if rule == "additionalProperties":
        known = sorted(wanted.get("properties", {}))
        given = error.instance if isinstance(error.instance, Mapping) else {}
        unknown = [name for name in given if name not in known]
        return [
            located.fault([*path, name], "there is no such field", _nearest(name, known))
            for name in unknown
        ]
    if rule == "required":
        missing = str(error.message).split("'")[1]
        told = wanted.get("properties", {}).get(missing, {}).get("description", "")
        return [located.fault([*path, missing], "it is missing", told or f"add `{missing}`")]
    if rule in ("anyOf", "oneOf"):
        return [located.fault(path, "it is not of the right form", remedy)]
    problem = {
        "type": f"it is not a {value}" if value != "array" else "it is not a list",
        "enum": "it is none of the allowed values",
        "const": "it is not what stands here",
        "pattern": "it is not of the right form",
        "uniqueItems": "something stands in it twice",
        "minItems": "it is empty",
        "minProperties": "it is empty",
        "maxItems": "it has too many entries",
        "maxLength": "it is too long",
        "minLength": "it is empty",
    }.get(rule, "it is not of the right form")
    return [located.fault(path, problem, remedy)]


def _nearest(name: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(str(name), known, n=1, cutoff=0.6)
    return f"did you mean {near[0]}?" if near else f"remove it; there are {', '.join(known)}"


def _whole(file: str, line: int, problem: str, remedy: str) -> Fault:
    return Fault(key=f"{file}:{line}", problem=problem, remedy=remedy)


def _plain(
    value: Any,
    path: tuple[str | int, ...],
    lines: dict[tuple[str | int, ...], int],
    budget: list[int],
) -> Any:
    """Return the value without ruamel's own types, noting the line of each field and item."""
    budget[0] -= 1
    if budget[0] < 0:
        raise OverflowError
    container: Any = value
    if isinstance(value, Mapping):
        for key in value:
            lines[(*path, str(key))] = _line(container, key)
        return {str(k): _plain(v, (*path, str(k)), lines, budget) for k, v in value.items()}
    if isinstance(value, list):
        for index in range(len(value)):
            lines[(*path, index)] = _line(container, index)
        return [_plain(item, (*path, i), lines, budget) for i, item in enumerate(value)]
    for kind in (bool, int, float, str):
        if isinstance(value, kind):
            return kind(value)
    # A date without quotes, for one, is meant as the text that it was written as.
    return value if value is None else str(value)


def _line(value: Any, key: Any) -> int:
    place = value.lc
    try:
        found = (
            place.item(key) if isinstance(key, int) and isinstance(value, list) else place.key(key)
        )
    except (AttributeError, KeyError, TypeError):  # merged from an alias: it has no place here
        return int(place.line or 0) + 1
    return int(found[0]) + 1
