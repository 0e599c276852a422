"""Decisions as answers to a proxy: 200 lets the caller's request pass, all else is passed back.

An allowed answer always carries every identity header, empty where the token says nothing, so that
a proxy which copies them overwrites what the caller sent. A refusal is RFC 6750 section 3's.
"""

from json import dumps
from json.encoder import encode_basestring_ascii as _quoted

from ..verification.decision import Decision
from ..verification.http_refusal import refusal
from ..verification.identity import identity, identity_headers

Answer = tuple[int, list[tuple[str, str]], bytes]


def answer(decision: Decision, request_id: str = "") -> Answer:
    """Return status, headers and body; a refusal's names the request as the log does."""
    if not decision.allowed:
        return refusal(decision, request_id)
    found = identity(decision)
    # By hand: an encoder of `json` takes three times as long for five strings.
    members = ",".join([f'"{name}":{_quoted(value)}' for name, value in found.items()])
    return _whole(decision.status, f'{{"identity":{{{members}}}}}', identity_headers(found))


def plain(status: int, body: object, headers: list[tuple[str, str]] | None = None) -> Answer:
    """Return an answer in JSON that nobody may keep."""
    return _whole(status, dumps(body, separators=(",", ":")), headers or [])


def _whole(status: int, text: str, headers: list[tuple[str, str]]) -> Answer:
    body = text.encode()
    first = [
        ("content-type", "application/json"),
        ("content-length", str(len(body))),
        ("cache-control", "no-store"),
    ]
    return status, first + headers, body
