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
_NO_BODY = ("content-length", "0")
_AS_EVER = (_NO_BODY, ("connection", "keep-alive"))
"""What those may say without saying anything."""


def read(data: bytes) -> tuple[str, str, Headers] | None:
    """Method, target and headers of one ordinary request, or None."""
    usual = len(data) <= LONGEST and data.count(b"\n") <= MOST_LINES
    found = _WHOLE.fullmatch(data) if usual else None
    if found is None:
        return None
    method, target, block = found.groups()
    headers = []
    hosts = 0
    for line in block[:-2].decode("latin-1").split("\r\n"):
        name, _, value = line.partition(":")
        header = (name.lower(), value.strip(" "))
        if header[0] in _UNUSUAL and header not in _AS_EVER:
            return None
        hosts += header[0] == "host"
        headers.append(header)
    if hosts != 1 or headers.count(_NO_BODY) > 1:
        return None
    return method.decode(), target.decode(), tuple(headers)


def write(answer: Answer, *, without_body: bool, closing: bool) -> bytes | None:
    """An answer as it goes over the wire; None where a header could not carry its value."""
    status, headers, body = answer
    lines = [f"{name}: {value}" for name, value in headers]
    if closing:
        lines.append("connection: close")
    whole = "".join(lines)
    if not (whole.isascii() and whole.isprintable()):  # no value can begin a line of its own
        return None
    # RFC 9112 section 4: the reason phrase may be empty, and nobody reads it.
    head = "\r\n".join([f"HTTP/1.1 {status} ", *lines])
    return f"{head}\r\n\r\n".encode() + (b"" if without_body else body)
