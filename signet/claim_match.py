"""How a caller's rule compares one claim: an exact value, or a bounded full-match pattern. Pure.

A pattern is text in which `*` stands for any characters but `/`, so that it never reaches from one
part of a ref, a path or an ARN into the next. The whole value must match. Comparing takes time
proportional to pattern times value (both bounded), whatever either says: no regular expression, no
backtracking.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

WILDCARD: Final = "*"
LONGEST_PATTERN: Final = 256
LONGEST_VALUE: Final = 2_048
MOST_ALTERNATIVES: Final = 32


@dataclass(frozen=True)
class Wanted:
    """What one claim must be: any one of `alternatives`, in order as written."""

    alternatives: tuple[str, ...]

    @property
    def exact(self) -> bool:
        """Whether every alternative is a value and none a pattern."""
        return not any(WILDCARD in text for text in self.alternatives)

    @property
    def open(self) -> bool:
        """Whether some alternative is nothing but wildcards."""
        return any(not text.strip("*/") for text in self.alternatives)

    def accepts(self, value: Any) -> bool:
        """Whether a claim's value is one of the alternatives; absent or structured: never."""
        text = as_text(value)
        if text is None or len(text) > LONGEST_VALUE:
            return False
        return any(
            matches(wanted, text) if WILDCARD in wanted else wanted == text
            for wanted in self.alternatives
        )


def as_text(value: Any) -> str | None:
    """Return a scalar claim as rules write it: `true`, `false`, digits, text; else None.

    GitHub and GitLab send ids and booleans as text, Google sends real booleans and numbers.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    return value if isinstance(value, str) else None


def matches(pattern: str, value: str) -> bool:
    """Whether all of `value` fits `pattern`."""
    wanted, found = pattern.split("/"), value.split("/")
    return len(wanted) == len(found) and all(map(_part_matches, wanted, found))


def _part_matches(pattern: str, part: str) -> bool:
    """Leftmost placement of each literal between wildcards is as good as any other."""
    first, *rest = pattern.split(WILDCARD)
    if not rest:
        return part == first
    *middle, last = rest
    if len(part) < len(first) + len(last) or not part.startswith(first) or not part.endswith(last):
        return False
    position, end = len(first), len(part) - len(last)
    for literal in middle:
        position = part.find(literal, position, end)
        if position < 0:
            return False
        position += len(literal)
    return True


def claim_at(claims: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    """Return the value that stands under nested names; None where there is none."""
    found: Any = claims
    for name in path:
        if not isinstance(found, Mapping):
            return None
        found = found.get(name)
    return found
