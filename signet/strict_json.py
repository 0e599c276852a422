"""Strict reading of our own JSON records: nothing unknown, nothing missing, nothing twice."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

T = TypeVar("T")

_LATEST = 4_102_444_800  # 2100-01-01: a time past it is a fault, not a plan
_LARGEST = 2**53 - 1  # RFC 8259 section 6: the largest integer that every reader keeps exact


class RecordError(ValueError):
    """A stored record is not what this version of Signet writes; says where and why."""


def loads(text: str, what: str) -> dict[str, Any]:
    """Parse ``text`` as one JSON object without duplicate names; raises RecordError."""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            raise RecordError(f"{what}: a name stands twice in one object")
        return found

    def no_constant(name: str) -> Any:
        raise RecordError(f"{what}: {name} is not JSON")

    try:
        value = json.loads(text, object_pairs_hook=unique, parse_constant=no_constant)
    except RecordError:
        raise
    except (ValueError, RecursionError) as error:
        raise RecordError(f"{what}: not JSON: {error}") from error
    if not isinstance(value, dict):
        raise RecordError(f"{what}: not an object")
    return value


def dumps(value: object) -> str:
    """Write ``value`` canonically: names sorted, no spaces, ASCII."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def members(value: object, names: Iterable[str], where: str) -> Mapping[str, Any]:
    """Return ``value`` as an object that has exactly the members ``names``."""
    if not isinstance(value, dict):
        raise RecordError(f"{where}: not an object")
    wanted = set(names)
    if unknown := sorted(set(value) - wanted):
        raise RecordError(
            f"{where}: unknown field {', '.join(unknown)} (written by a newer Signet?)"
        )
    if missing := sorted(wanted - set(value)):
        raise RecordError(f"{where}: missing field {', '.join(missing)}")
    return value


def schema(value: Mapping[str, Any], number: int, where: str) -> None:
    """Refuse any schema version but ``number``."""
    found = value.get("schema")
    if type(found) is not int or found != number:
        raise RecordError(f"{where}: schema {found!r}, but this Signet reads schema {number} only")


def text(value: object, where: str) -> str:
    """Return a string that is not empty."""
    if not isinstance(value, str) or not value:
        raise RecordError(f"{where}: not a string with content")
    return value


def count(value: object, where: str) -> int:
    """Return an integer from 0 to 2**53 - 1 (a boolean is none)."""
    if type(value) is not int or not 0 <= value <= _LARGEST:
        raise RecordError(f"{where}: not a whole number in range")
    return value


def moment(value: object, where: str) -> int:
    """Return epoch seconds before the year 2100."""
    found = count(value, where)
    if found > _LATEST:
        raise RecordError(f"{where}: a time after the year 2100")
    return found


def optional_moment(value: object, where: str) -> int | None:
    """Return epoch seconds, or None for null."""
    return None if value is None else moment(value, where)


def strings(value: object, where: str) -> frozenset[str]:
    """Return a sorted list of distinct strings as a set."""
    if not isinstance(value, list):
        raise RecordError(f"{where}: not a list")
    found = [text(item, where) for item in value]
    if found != sorted(set(found)):
        raise RecordError(f"{where}: not sorted and distinct")
    return frozenset(found)


def mapping(value: object, where: str, read: Callable[[object, str], T]) -> dict[str, T]:
    """Return an object whose every value is read by ``read(value, where)``."""
    if not isinstance(value, dict):
        raise RecordError(f"{where}: not an object")
    return {text(name, where): read(item, f"{where}.{name}") for name, item in value.items()}


def numbered(value: object, where: str, read: Callable[[object, str], T]) -> dict[int, T]:
    """Return an object whose names are generation numbers (``"1"``, ``"2"``, ...)."""
    found: dict[int, T] = {}
    for name, item in mapping(value, where, read).items():
        if not name.isascii() or not name.isdigit() or str(int(name)) != name or name == "0":
            raise RecordError(f"{where}: {name!r} is not a generation number")
        found[int(name)] = item
    return found
