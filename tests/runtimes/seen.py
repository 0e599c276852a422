"""What was seen of one case at one runtime, and what should have been."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from tests.cases.table import Line
from validator_functions.verification.batch import decide_batch_line
from validator_functions.verification.reasons import Reason

from .deployed import Asked, at_request

OWN_STATUSES = frozenset({400, 413, 414, 431, 502})
"""What a gateway says to a request that it does not take, without asking anybody."""


class Seen(NamedTuple):
    """The client's status, and each decision that was logged: its status and reason."""

    status: int
    logged: tuple[tuple[int, str | None], ...]


class Sent(NamedTuple):
    """What a request carries, and every reason that is right for it."""

    octets: bytes | None
    reasons: frozenset[str | None]


class Untakable(NamedTuple):
    """A request that HTTP cannot carry, and why."""

    why: str


def over_http(asked: Asked) -> Sent | Untakable:
    """What arrives of a case over HTTP (RFC 9110 section 5.5).

    White space at a value's end is not part of it, and how octets outside ASCII are read is each
    reader's own: as UTF-8, or one letter an octet.
    """
    value = asked.authorization
    if value is None:
        return Sent(None, frozenset({asked.reason}))
    if not {"\r", "\n", "\0"}.isdisjoint(value):
        return Untakable("RFC 9110 section 5.5 forbids CR, LF and NUL in a header")
    octets = value.encode()
    if asked.settled:
        return Sent(octets, frozenset({asked.reason}))
    readings = {value, octets.decode("latin-1")}
    return Sent(octets, frozenset(_reason(asked, reading.strip(" \t")) for reading in readings))


def _reason(asked: Asked, arrived: str) -> str | None:
    if arrived == (asked.authorization or "").strip(" \t") == asked.authorization:
        return asked.reason
    if asked.line is None or not arrived.isascii():
        return at_request(arrived, asked.token_reason)
    # Shorter by its white space it is another token: the module says which.
    return at_request(arrived, _decided({**asked.line, "token": arrived[7:]}))


def _decided(line: Line) -> str | None:
    reason: str | None = decide_batch_line(json.dumps({"id": "", **line}))["reason"]
    return reason


def decision_status(reason: str | None) -> int:
    """The status that goes with a reason."""
    return 200 if reason is None else Reason(reason).status


def decisions(lines: Iterable[str]) -> tuple[tuple[int, str | None], ...]:
    """Status and reason of each decision among log lines."""
    found = []
    for line in lines:
        start = line.find('{"signet":"decision"')
        if start >= 0:
            told: dict[str, Any] = json.loads(line[start:])
            found.append((told["status"], told["reason"]))
    return tuple(found)


class LogFile:
    """A file that a process writes its log to, read as far as it is written."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read = 0

    def decisions(self) -> tuple[tuple[int, str | None], ...]:
        """The decisions since the last time."""
        with self._path.open("rb") as file:
            file.seek(self._read)
            data = file.read()
        self._read += len(data)
        return decisions(data.decode("utf-8", "replace").splitlines())
