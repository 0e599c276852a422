"""What a token says, for people to look at. Pure, and proves nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from signet.errors import NegativeAnswer
from signet.timings import duration, moment
from validator_functions.verification import TokenRefused, unverified_parts

_DATES: Final = ("iat", "nbf", "exp", "auth_time")
_LATEST: Final = 253_402_300_799  # the last second of the year 9999
_MEANINGS: Final = {
    "iss": "issuer",
    "sub": "subject",
    "aud": "audience",
    "jti": "token id",
    "act": "acts for the subject",
    "client_id": "asked for the token",
    "scope": "scopes",
    "roles": "roles",
}


@dataclass(frozen=True, kw_only=True)
class UnverifiedToken:
    """Header and payload as they stand in a token that nobody has checked; sizes in bytes."""

    unverified_header: Mapping[str, Any]
    unverified_payload: Mapping[str, Any]
    segment_sizes: tuple[int, int, int]
    size: int
    now: int

    def header_rows(self) -> list[tuple[str, str]]:
        """Return each header member as it stands."""
        return [(name, shown(value)) for name, value in self.unverified_header.items()]

    def payload_rows(self) -> list[tuple[str, str, str]]:
        """Return each claim as it stands, with what it claims to mean."""
        return [
            (name, shown(value), self._meaning(name, value))
            for name, value in self.unverified_payload.items()
        ]

    def sizes(self) -> str:
        """Say how large the token and its parts are."""
        header, payload, signature = self.segment_sizes
        return (
            f"{self.size} bytes: header {header}, payload {payload}, signature {signature} "
            "(in base64url)"
        )

    def as_dict(self) -> dict[str, Any]:
        """Return all of it as `--json` prints it; every name says that it is unverified."""
        payload = self.unverified_payload
        return {
            "unverified_header": dict(self.unverified_header),
            "unverified_payload": dict(payload),
            "unverified_times": {
                name: moment(payload[name]) for name in _DATES if is_date(payload.get(name))
            },
            "bytes": self.size,
            "segment_bytes": list(self.segment_sizes),
        }

    def _meaning(self, name: str, value: Any) -> str:
        if name not in _DATES:
            return _MEANINGS.get(name, "")
        if not is_date(value):
            return "not a date"
        away = value - self.now
        when = f"in {duration(away)}" if away > 0 else f"{duration(-away)} ago"
        return f"{moment(value)}, {when}"


def inspect(token: str, now: int) -> UnverifiedToken:
    """Open a compact JWS and return its parts. `now` is epoch seconds.

    Raises NegativeAnswer where the text has no readable header and payload.
    """
    try:
        header, payload = unverified_parts(token)
    except (TokenRefused, UnicodeEncodeError) as error:
        detail = f" ({error.detail})" if isinstance(error, TokenRefused) and error.detail else ""
        raise NegativeAnswer(
            f"this cannot be read as a signed token{detail}",
            remedy="a token is three base64url segments joined by dots, and nothing else",
        ) from None
    segments = token.split(".")
    return UnverifiedToken(
        unverified_header=header,
        unverified_payload=payload,
        segment_sizes=(len(segments[0]), len(segments[1]), len(segments[2])),
        size=len(token),
        now=now,
    )


def shown(value: Any) -> str:
    """Return a claim's value on one line; control characters cannot reach the terminal."""
    if isinstance(value, str) and value.isprintable():
        return value
    return json.dumps(value, ensure_ascii=not _printable(value), sort_keys=True)


def is_date(value: Any) -> bool:
    """Return whether a claim is a NumericDate that a calendar can show."""
    return type(value) is int and 0 <= value <= _LATEST


def _printable(value: Any) -> bool:
    return json.dumps(value, ensure_ascii=False).isprintable()
