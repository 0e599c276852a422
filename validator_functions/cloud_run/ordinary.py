"""The requests that proxies send all day, read by one pattern; everything else is `h11`'s.

A pattern that knows only the ordinary case is quick and easy to see through: a whole request in one
piece, HTTP/1.1, no body, every header a token, a colon and printable characters. What it takes, it
reads as `h11` does (a test compares them); what it does not take is not refused here but read by
`h11`, which is fifteen times as slow and knows the rest.
"""

import re

from .answers import Answer
from .requests import Headers

LONGEST = 16_384
"""Octets; more is no ordinary request."""
MOST_LINES = 100

_TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]"
# RFC 9112 sections 3 and 5; printable only, where RFC 9110 section 5.5 also knows tabs. Possessive
# quantifiers (`*+`) never go back, so that the time grows with the length and no faster.
_WHOLE = re.compile(
    rb"([A-Z]{3,7}+) ([!-~]++) HTTP/1\.1\r\n((?:%b++:[ -~\x80-\xff]*+\r\n)++)\r\n" % _TOKEN
)
_UNUSUAL = frozenset(
    {"connection", "content-length", "transfer-encoding", "expect", "upgrade", "trailer", "te"}
)
"""Headers about the message itself, not about who asks for what."""
_AS_EVER = frozenset({("content-length", "0"), ("connection", "keep-alive")})
"""What those may say without saying anything."""


def read(data: bytes) -> tuple[str, str, Headers] | None:
    """Method, target and headers of one ordinary request, or None."""
    usual = len(data) <= LONGEST and data.count(b"\n") <= MOST_LINES
    found = _WHOLE.fullmatch(data) if usual else None
    if found is None:
        return None
    method, target, block = found.groups()
    names, headers = [], []
    for line in block[:-1].decode("latin-1").split("\n"):
        name, _, value = line.partition(":")
        name = name.lower()
        names.append(name)
        headers.append((name, value.strip(" \r")))
    if names.count("host") != 1 or not (_UNUSUAL.isdisjoint(names) or _says_nothing(headers)):
        return None
    return method.decode(), target.decode(), tuple(headers)


def _says_nothing(headers: list[tuple[str, str]]) -> bool:
    unusual = [header for header in headers if header[0] in _UNUSUAL]
    return len(set(unusual)) == len(unusual) and _AS_EVER.issuperset(unusual)


def write(answer: Answer, *, without_body: bool, closing: bool) -> bytes:
    """An answer as it goes over the wire."""
    status, lines, body = answer
    last = "connection: close\r\n" if closing else ""
    # RFC 9112 section 4: the reason phrase may be empty, and nobody reads it.
    head = f"HTTP/1.1 {status} \r\n{lines}{last}\r\n".encode("ascii")
    return head if without_body else head + body
