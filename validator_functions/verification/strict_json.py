"""JSON with one reading only: what two parsers could take differently is refused.

UTF-8 without a byte order mark, every name once in its object (RFC 8259 section 4, RFC 7515
section 4, RFC 7519 section 4), no NaN or Infinity, no lone surrogate, numbers and depth bounded,
nothing after the value. All faults are `ValueError`s.
"""

from _json import make_scanner
from collections.abc import Callable
from math import inf, isfinite
from typing import Any, NoReturn

from . import limits

_WHITE_SPACE = " \t\n\r"
_LONGEST = limits.NUMBER_CHARACTERS
_DEEPEST = limits.JSON_DEPTH


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a name stands twice in one object")
    return members


def _integer(text: str) -> int:
    if len(text) > _LONGEST:
        raise ValueError("a number is too long")
    return int(text)


def _fraction(text: str) -> float:
    value = float(text) if len(text) <= _LONGEST else inf
    if not isfinite(value):
        raise ValueError("a number is too long or out of range")
    return value


def _constant(_: str) -> NoReturn:
    raise ValueError("NaN and Infinity are not JSON")


class _Options:
    """What CPython's scanner (the C half of `json`) wants to know.

    `json` itself is a twentieth of a cold start, and adds nothing to its scanner but messages.
    """

    strict = True
    object_hook = None
    parse_float = staticmethod(_fraction)
    parse_constant = staticmethod(_constant)

    def __init__(
        self, hook: Callable[[list[tuple[str, Any]]], Any], integer: Callable[[str], int]
    ) -> None:
        self.object_pairs_hook = hook
        self.parse_int = integer


def _scanner(
    hook: Callable[[list[tuple[str, Any]]], Any], integer: Callable[[str], int]
) -> Callable[[str, int], tuple[Any, int]]:
    options: Any = _Options(hook, integer)
    return make_scanner(options)


_scan = _scanner(_members, _integer)
# Gives a lone object as a tuple of its pairs, all in C: no call back into Python for each number
# and object. Only for texts too short to hold an overlong number.
_scan_flat = _scanner(tuple, int)


class TooLarge(ValueError):
    """A text that is over its limit."""


def parse_object(data: bytes, most: int = limits.JSON_TEXT) -> dict[str, Any]:
    """Parse one JSON object; raise `ValueError` (also for bad UTF-8) on anything else.

    A text of more than `most` bytes is refused before it is decoded.

    An ordinary token's claims are one short object without another in it: that case has a way of
    its own, which refuses the same.
    """
    members: dict[str, Any]
    if len(data) > _LONGEST:
        if len(data) > most:
            raise TooLarge("the text is too large")
        text = data.decode()
        members = _parse_any(text)
    else:
        text = data.decode()
        if text.rfind("{") or text.count("[") >= _DEEPEST:
            members = _parse_any(text)
        else:
            try:
                pairs, end = _scan_flat(text, 0)
            except StopIteration:
                raise ValueError("a value is missing") from None
            members = dict(pairs)
            if len(members) != len(pairs):
                raise ValueError("a name stands twice in one object")
            if end != len(text):
                _check_end(text, end)
    if "\\" in text:
        _check_text(members)
    return members


def _parse_any(text: str) -> dict[str, Any]:
    _check_depth(text)
    stripped = text.lstrip(_WHITE_SPACE)
    if not stripped.startswith("{"):
        raise ValueError("not a JSON object")
    members: dict[str, Any]
    try:
        members, end = _scan(stripped, 0)
    except StopIteration:
        raise ValueError("a value is missing") from None
    _check_end(stripped, end)
    return members


def _check_end(text: str, end: int) -> None:
    if text[end:].strip(_WHITE_SPACE):
        raise ValueError("something follows the JSON value")


def _check_depth(text: str) -> None:
    if text.count("[") + text.count("{") <= _DEEPEST:
        return
    import re

    depth = 0
    outside = re.sub(r'"[^"\\]*(?:\\.[^"\\]*)*"', "", text, flags=re.DOTALL)
    for bracket in re.findall(r"[][{}]", outside):
        if bracket in "[{":
            depth += 1
            if depth > _DEEPEST:
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
