"""Reading one caller of a manifest, with every fault noted and where it is. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from signet.claim_match import LONGEST_PATTERN, MOST_ALTERNATIVES, WILDCARD, Wanted
from signet.errors import Fault
from signet.identities import IdentityKind

FIELDS: Final = (
    "name", "identity", "issuer", "match", "scopes", "roles", "lifetime", "once",
    "subject_audience",
)  # fmt: skip
"""Every field of a caller."""

_DURATION = re.compile(r"([1-9][0-9]{0,5})([smh])")
_UNITS: Final = {"s": 1, "m": 60, "h": 3_600}
_ISSUER = re.compile(r"https://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[A-Za-z0-9._~/-]*)?")
_LOOPBACK = re.compile(r"http://127\.0\.0\.1(:[0-9]{1,5})?(/[A-Za-z0-9._~/-]*)?")
_LONGEST_TEXT: Final = 255
# RFC 6749 section 3.3, one word of a scope; roles are held to the same.
_WORD = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,255}")
_VISIBLE = re.compile(r"[\x21-\x7e]+")


@dataclass(frozen=True)
class Notes:
    """The faults found so far, shared by all parts, and the place that is being read."""

    where: str
    faults: list[Fault] = field(default_factory=list)

    def at(self, inside: str) -> Notes:
        """The same list, one place further in."""
        return Notes(self.where + inside, self.faults)

    def add(self, name: str, value: object, problem: str, remedy: str) -> None:
        """Note one fault."""
        key = f"{self.where}.{name}" if name else self.where
        shown = None if value is None else str(value)[:80]
        self.faults.append(Fault(key=key, value=shown, problem=problem, remedy=remedy))


class Reader:
    """Reads the fields of one caller; each method notes a fault and returns a harmless value."""

    def __init__(self, members: Mapping[str, Any], notes: Notes) -> None:
        self._members = members
        self._notes = notes

    @classmethod
    def of(cls, raw: object, notes: Notes) -> Reader | None:
        """Take one entry of the list, noting fields that no caller has."""
        if not isinstance(raw, Mapping):
            notes.add("", raw, "is not a mapping", "write name, identity, match and scopes")
            return None
        for name in raw:
            if name not in FIELDS:
                notes.add(str(name), None, "is no field of a caller", f"use {', '.join(FIELDS)}")
        return cls(raw, notes)

    def text(self, name: str) -> str:
        """A field that must be there."""
        value = self._members.get(name)
        if value is None:
            self._notes.add(name, None, "is missing", f"add `{name}`")
            return ""
        return self._text(name, value)

    def optional_text(self, name: str) -> str | None:
        """A field that may be left out."""
        value = self._members.get(name)
        return None if value is None else self._text(name, value) or None

    def words(self, name: str) -> tuple[str, ...]:
        """A list of scopes or roles."""
        value = self._members.get(name)
        if value is None:
            return ()
        if not isinstance(value, list) or not all(
            isinstance(word, str) and _WORD.fullmatch(word) for word in value
        ):
            problem = "is not a list of words of visible ASCII (RFC 6749 section 3.3)"
            self._notes.add(name, value, problem, f"write {name}: [orders:read]")
            return ()
        if len(set(value)) != len(value):
            self._notes.add(name, value, "has a word twice", "write each word once")
        return tuple(value)

    def boolean(self, name: str) -> bool:
        """A field that is false where it is left out."""
        value = self._members.get(name, False)
        if not isinstance(value, bool):
            self._notes.add(name, value, "is not true or false", f"write {name}: true")
            return False
        return value

    def duration(self, name: str, default: int, most: int) -> int:
        """A duration such as `90s` or `5m`, in seconds."""
        value = self._members.get(name)
        if value is None:
            return default
        found = _DURATION.fullmatch(value) if isinstance(value, str) else None
        seconds = int(found[1]) * _UNITS[found[2]] if found else 0
        if found is None:
            self._notes.add(name, value, "is not a duration", "write it as 90s, 5m or 1h")
        elif seconds > most:
            self._notes.add(name, value, f"is over {most // 60}m", f"write {most // 60}m or less")
        return seconds if 0 < seconds <= most else default

    def issuer(self, kind: IdentityKind, *, sandbox: bool) -> str:
        """The platform's issuer: its only one, or the one that the caller names."""
        value = self._members.get("issuer")
        if value is None and kind.issuer is not None:
            return kind.issuer
        remedy = f"write the `iss` that its tokens carry: {_ISSUERS[kind.name]}"
        if value is None:
            self._notes.add("issuer", None, f"is missing; {kind.says} has many", remedy)
            return ""
        good = isinstance(value, str) and (
            _ISSUER.fullmatch(value) or (sandbox and _LOOPBACK.fullmatch(value))
        )
        if not good:
            self._notes.add("issuer", value, "is not an HTTPS URL without query", remedy)
            return ""
        return str(value)

    def match(self) -> dict[str, Wanted]:
        """What each named claim must be."""
        raw = self._members.get("match")
        inside = self._notes.at(".match")
        if not isinstance(raw, Mapping) or not raw:
            inside.add("", raw, "names no claim", "write the ids by which the caller is known")
            return {}
        found = {str(name): _wanted(str(name), value, inside) for name, value in raw.items()}
        return {name: wanted for name, wanted in found.items() if wanted is not None}

    def _text(self, name: str, value: object) -> str:
        if not isinstance(value, str) or not _VISIBLE.fullmatch(value):
            self._notes.add(name, value, "is not text of visible ASCII", "put it in quotes")
            return ""
        if len(value) > _LONGEST_TEXT:
            self._notes.add(name, value, "is too long", f"use at most {_LONGEST_TEXT} characters")
            return ""
        return value


_ISSUERS: Final = {
    "github": "https://HOST/_services/token for GitHub Enterprise Server",
    "gitlab": "https://gitlab.example.com for an instance of your own",
    "aws": "https://ID.tokens.sts.global.api.aws, from GetOutboundWebIdentityFederationInfo",
    "azure": "https://login.microsoftonline.com/TENANT/v2.0 or https://sts.windows.net/TENANT/",
    "google": "leave it out",
    "signet": "the other environment's `signet outputs STACK`, issuer",
}


def _wanted(name: str, raw: object, notes: Notes) -> Wanted | None:
    values = raw if isinstance(raw, list) else [raw]
    if not 0 < len(values) <= MOST_ALTERNATIVES:
        remedy = f"write 1 to {MOST_ALTERNATIVES} values"
        notes.add(name, len(values), "has too few or too many values", remedy)
        return None
    texts = ["true" if v is True else "false" if v is False else v for v in values]
    before = len(notes.faults)
    for value in texts:
        if isinstance(value, int | float):
            # YAML reads 012 and 1e3 as other numbers than the id that was meant.
            notes.add(name, value, "is a number, and ids are text", f'write "{value}" in quotes')
        elif not isinstance(value, str) or not value.isprintable() or not value:
            notes.add(name, value, "is not a text", "write an exact value or a pattern")
        elif len(value) > LONGEST_PATTERN:
            notes.add(name, value, "is too long", f"use at most {LONGEST_PATTERN} characters")
        elif WILDCARD * 2 in value:
            problem = "has two wildcards in a row; one stands for anything within one part"
            notes.add(name, value, problem, "write * once, and each / where one stands")
    return Wanted(tuple(map(str, texts))) if len(notes.faults) == before else None
