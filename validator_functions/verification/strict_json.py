"""JSON with one reading only: what two parsers could take differently is refused.

UTF-8 without a byte order mark, every name once in its object (RFC 8259 section 4, RFC 7515
section 4, RFC 7519 section 4), no NaN or Infinity, no lone surrogate, numbers and depth bounded,
nothing after the value. All faults are `ValueError`s.
"""

import re
from json import JSONDecoder
from math import isfinite
from typing import Any, NoReturn

from . import limits

_STRINGS = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_WHITE_SPACE = " \t\n\r"


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a name stands twice in one object")
    return members


def _integer(text: str) -> int:
    if len(text) > limits.NUMBER_CHARACTERS:
        raise ValueError("a number is too long")
    return int(text)


def _fraction(text: str) -> float:
    if len(text) > limits.FRACTION_CHARACTERS:
        raise ValueError("a number is too long")
    value = float(text)
    if not isfinite(value):
        raise ValueError("a number is out of range")
    return value


def _constant(_: str) -> NoReturn:
    raise ValueError("NaN and Infinity are not JSON")


_decoder: Any = JSONDecoder(
    object_pairs_hook=_members,
    parse_int=_integer,
    parse_float=_fraction,
    parse_constant=_constant,
)
_scan = _decoder.scan_once


def parse(data: bytes) -> Any:
    """Parse one JSON text; raise `ValueError` (also for bad UTF-8) on anything else."""
    text = data.decode()
    if data.count(b"[") + data.count(b"{") > limits.JSON_DEPTH:
        _check_depth(data)
    try:
        value, end = _scan(text, 0)
        if end != len(text):
            _check_end(text, end)
    except StopIteration:
        value = _parse_indented(text)
    if "\\u" in text:
        _check_text(value)
    return value


def parse_object(data: bytes) -> dict[str, Any]:
    """Parse one JSON object; raise `ValueError` on anything else."""
    value = parse(data)
    if value.__class__ is not dict:
        raise ValueError("not a JSON object")
    members: dict[str, Any] = value
    return members


def _parse_indented(text: str) -> Any:
    stripped = text.lstrip(_WHITE_SPACE)
    if stripped == text:
        raise ValueError("no JSON value")
    try:
        value, end = _scan(stripped, 0)
    except StopIteration:
        raise ValueError("no JSON value") from None
    _check_end(stripped, end)
    return value


def _check_end(text: str, end: int) -> None:
    if text[end:].strip(_WHITE_SPACE):
        raise ValueError("something follows the JSON value")


def _check_depth(data: bytes) -> None:
    depth = 0
    for bracket in _STRINGS.sub(b"", data).translate(None, _NOT_BRACKETS):
        if bracket in b"[{":
            depth += 1
            if depth > limits.JSON_DEPTH:
                raise ValueError("nested too deeply")
        else:
            depth -= 1


def _check_text(value: Any) -> None:
    """Refuse lone surrogates, which an escape can smuggle past the UTF-8 decoder."""
    if isinstance(value, str):
        value.encode()
    elif isinstance(value, dict):
        for name, member in value.items():
            name.encode()
            _check_text(member)
    elif isinstance(value, list):
        for member in value:
            _check_text(member)
