"""Decisions as answers to a proxy: 200 lets the caller's request pass, all else is passed back.

An allowed answer always carries every identity header, empty where the token says nothing, so that
a proxy which copies them overwrites what the caller sent. A refusal is RFC 6750 section 3's.
"""

from json import dumps
from json.encoder import encode_basestring_ascii as _quoted

from ..verification.decision import Decision
from ..verification.http_refusal import refusal
from ..verification.identity import IDENTITY_HEADERS, identity, identity_headers, plain_identity

Answer = tuple[int, str, bytes]
"""Status, the header lines as they go over the wire, each with its end, and the body."""

_FIRST = "content-type: application/json\r\ncontent-length: %d\r\ncache-control: no-store\r\n"
_PASSED = _FIRST + "".join(f"{name}: %s\r\n" for name in IDENTITY_HEADERS)
_NAMES = tuple(IDENTITY_HEADERS.values())
_TOLD = '{"identity":{' + ",".join(f'"{name}":%s' for name in _NAMES) + "}}"
_TOLD_PLAINLY = _TOLD.replace("%s", '"%s"')
"""By hand: `json` and a list of headers took a tenth of the whole decision."""


def answer(decision: Decision, request_id: str = "") -> Answer:
    """Return status, headers and body; a refusal's names the request as the log does."""
    if not decision.allowed:
        status, headers, content = refusal(decision, request_id)
        return status, header_lines(headers), content
    values = plain_identity(decision)
    if values is not None:  # the same in headers and in JSON
        body = _TOLD_PLAINLY % values
    else:
        found = identity(decision)
        body = _TOLD % tuple([_quoted(found.get(name, "")) for name in _NAMES])
        values = tuple([value for _, value in identity_headers(found)])
    return decision.status, _PASSED % (len(body), *values), body.encode("ascii")


def plain(status: int, body: object, headers: list[tuple[str, str]] | None = None) -> Answer:
    """Return an answer in JSON that nobody may keep."""
    content = dumps(body, separators=(",", ":")).encode()
    return status, _FIRST % len(content) + header_lines(headers or []), content


def header_lines(headers: list[tuple[str, str]]) -> str:
    """Headers as they go over the wire; ValueError for a value that could end its line."""
    for name, value in headers:
        if not (value.isascii() and value.isprintable()):
            raise ValueError(f"a value that no header can carry, for {name}")
    return "".join([f"{name}: {value}\r\n" for name, value in headers])
