"""Reads one setting at a time from text, and collects every fault instead of stopping at the first.

Pure: the raw values come in as the engine hands them out (text; lists as JSON).
"""

import difflib
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from signet.errors import Fault

NAMESPACE: Final = "signet"

Kind = Literal["string", "integer", "boolean", "array"]

_DURATION = re.compile(r"([0-9]{1,9})(s|m|h|d)")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One setting as `Pulumi.yaml` declares it: its type and its default."""

    kind: Kind
    default: str | int | bool | tuple[str, ...]

    @property
    def default_text(self) -> str:
        """The default as the engine would hand it out."""
        if isinstance(self.default, bool):
            return str(self.default).lower()
        if isinstance(self.default, tuple):
            return json.dumps(list(self.default))
        return str(self.default)


def seconds(text: str) -> int:
    """Return the whole seconds of a duration such as `90s`, `15m`, `6h`, `30d`.

    Raises ValueError for anything else; a number without a unit is not a duration.
    """
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a duration")
    return int(match[1]) * _SECONDS[match[2]]


@dataclass
class SettingReader:
    """Reads values by key; every fault is remembered, and a usable value always comes back."""

    raw: Mapping[str, str]
    declared: Mapping[str, Setting]
    faults: list[Fault] = field(default_factory=list)

    def fault(self, key: str, problem: str, remedy: str, value: str | None = None) -> None:
        """Remember one fault of a setting; `value` is shown as it was written."""
        shown = self._text(key) if value is None and key in self.declared else value
        self.faults.append(
            Fault(key=f"{NAMESPACE}:{key}", value=shown, problem=problem, remedy=remedy)
        )

    def unknown(self) -> None:
        """Remember a fault for each key that is not declared, with the nearest one that is."""
        for key in sorted(set(self.raw) - set(self.declared)):
            near = difflib.get_close_matches(key, self.declared, n=1, cutoff=0.6)
            remedy = (
                f"did you mean {NAMESPACE}:{near[0]}?"
                if near
                else "remove it; docs/settings.md lists every setting"
            )
            self.fault(key, "there is no such setting", remedy, value=self.raw[key])

    def text(self, key: str, pattern: str = ".*", remedy: str = "") -> str:
        """Return text that matches `pattern` as a whole, or is the declared default."""
        value = self._text(key)
        if (
            value != self.declared[key].default_text
            and re.fullmatch(pattern, value, re.ASCII) is None
        ):
            self.fault(key, "it is not of the right form", remedy)
        return value

    def choice(self, key: str, allowed: Sequence[str]) -> str:
        """Return one of the allowed words."""
        value = self._text(key)
        if value in allowed:
            return value
        near = difflib.get_close_matches(value, allowed, n=1, cutoff=0.6)
        hint = f" (did you mean {near[0]}?)" if near else ""
        self.fault(key, "it is none of the allowed values", f"use {' or '.join(allowed)}{hint}")
        return allowed[0]

    def duration(self, key: str, least: int = 0, most: int | None = None) -> int:
        """Return whole seconds between `least` and `most`."""
        try:
            value = seconds(self._text(key))
        except ValueError:
            self.fault(key, "it is not a duration", "write a number and s, m, h or d, such as 15m")
            return seconds(self.declared[key].default_text)
        return self._within(key, value, least, most, lambda number: f"{number}s")

    def integer(self, key: str, least: int, most: int) -> int:
        """Return a whole number between `least` and `most`."""
        value = self._text(key)
        if re.fullmatch(r"-?[0-9]{1,9}", value) is None:
            self.fault(key, "it is not a whole number", f"use {least} to {most}")
            return least
        return self._within(key, int(value), least, most, str)

    def flag(self, key: str) -> bool:
        """Return true or false."""
        value = self._text(key)
        if value not in {"true", "false"}:
            self.fault(key, "it is neither true nor false", "use true or false")
        return value != "false"

    def strings(self, key: str, pattern: str = ".+", remedy: str = "") -> tuple[str, ...]:
        """Return a list of texts, each matching `pattern` as a whole, none twice."""
        try:
            value = json.loads(self._text(key))
        except ValueError:
            value = None
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            self.fault(key, "it is not a list of texts", "write a YAML list of texts")
            return ()
        for item in value:
            if re.fullmatch(pattern, item, re.ASCII) is None:
                self.fault(key, f"{item!r} is not of the right form", remedy)
        for item in sorted({item for item in value if value.count(item) > 1}):
            self.fault(key, f"{item!r} stands in it twice", "name it once")
        return tuple(value)

    def known(self, keys: Iterable[str]) -> bool:
        """Return whether none of these settings has a fault so far."""
        named = {f"{NAMESPACE}:{key}" for key in keys}
        return not any(fault.key in named for fault in self.faults)

    def _text(self, key: str) -> str:
        return self.raw.get(key, self.declared[key].default_text)

    def _within(
        self, key: str, value: int, least: int, most: int | None, shown: Callable[[int], str]
    ) -> int:
        if value < least or (most is not None and value > most):
            upper = "" if most is None else f" and at most {shown(most)}"
            self.fault(key, "it is out of range", f"use at least {shown(least)}{upper}")
        return value
