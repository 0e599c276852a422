"""Decisions as answers to a proxy: 200 lets the caller's request pass, all else is passed back.

An allowed answer always carries every identity header, empty where the token says nothing, so that
a proxy which copies them overwrites what the caller sent. A refusal is RFC 6750 section 3's.
"""

from json import JSONEncoder

from ..verification.decision import Decision
from ..verification.http_refusal import refusal
from ..verification.identity import identity, identity_headers

_to_json = JSONEncoder(separators=(",", ":")).encode

Answer = tuple[int, list[tuple[str, str]], bytes]


def answer(decision: Decision, request_id: str = "") -> Answer:
    """Return status, headers and body; a refusal's names the request as the log does."""
    if not decision.allowed:
        return refusal(decision, request_id)
    found = identity(decision)
    return plain(decision.status, {"identity": found}, identity_headers(found))


def plain(status: int, body: object, headers: list[tuple[str, str]] | None = None) -> Answer:
    """Return an answer in JSON that nobody may keep."""
    text = _to_json(body).encode()
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
