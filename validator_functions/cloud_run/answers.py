"""Decisions as answers to a proxy: 200 lets the caller's request pass, all else is passed back.

An allowed answer always carries every identity header, empty where the token says nothing, so that
a proxy which copies them overwrites what the caller sent. A refusal is RFC 6750 section 3's.
"""

from json import dumps

from ..verification.decision import Decision
from ..verification.http_refusal import refusal

IDENTITY_HEADERS = {
    "x-signet-subject": "subject",
    "x-signet-issuer": "issuer",
    "x-signet-scope": "scope",
    "x-signet-token-id": "jti",
    "x-signet-key-id": "kid",
}
"""What a proxy may pass on, and what it is called in the answer's body."""

Answer = tuple[int, list[tuple[str, str]], bytes]
_FIRST, _LAST = " ", "~"


def answer(decision: Decision, request_id: str = "") -> Answer:
    """Return status, headers and body; a refusal's names the request as the log does."""
    if not decision.allowed:
        return refusal(decision, request_id)
    found = identity(decision)
    told = [(header, _fitting(found[name])) for header, name in IDENTITY_HEADERS.items()]
    return plain(decision.status, {"identity": found}, told)


def plain(status: int, body: object, headers: list[tuple[str, str]] | None = None) -> Answer:
    """Return an answer in JSON that nobody may keep."""
    text = dumps(body, separators=(",", ":")).encode()
    return (
        status,
        [
            ("content-type", "application/json"),
            ("content-length", str(len(text))),
            ("cache-control", "no-store"),
            *(headers or []),
        ],
        text,
    )


def identity(decision: Decision) -> dict[str, str]:
    """What the back end learns of the caller; every name is always there."""
    claims = decision.claims
    if claims is None:
        return dict.fromkeys(IDENTITY_HEADERS.values(), "")
    found = {
        "subject": claims.subject,
        "issuer": claims.issuer,
        "scope": claims.get("scope"),
        "jti": claims.token_id,
        "kid": claims.kid,
    }
    return {
        name: value if isinstance(value, str) and value.isprintable() else ""
        for name, value in found.items()
    }


def _fitting(value: str) -> str:
    """The value if a header carries it unchanged (RFC 9110 section 5.5), else nothing."""
    fits = value == value.strip() and all(_FIRST <= letter <= _LAST for letter in value)
    return value if fits else ""
