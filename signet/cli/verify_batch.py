"""The stream behind `signet verify --batch`: JSON Lines in, one answer line each, in order.

Every line is answered, a blank one and a broken last one too, so that the number of answers is
always the number of lines. A line ends at LF only (JSON Lines; CR is white space of JSON). A line
over the limit is skipped as it arrives, never held, and answered `token_too_large`.

Answers are written before more input is waited for: another program may write one line and read
one answer, and a file of many lines still costs few writes.
"""

import json
import marshal
from collections.abc import Iterator
from typing import Any, BinaryIO

from validator_functions.verification import limits
from validator_functions.verification.batch import decide_batch_line
from validator_functions.verification.keys import KeySet
from validator_functions.verification.reasons import Reason

_CHUNK = 1 << 16
_TOO_LONG = Reason.TOKEN_TOO_LARGE
_LARGEST_REMEMBERED = 1 << 14
_MOST_REMEMBERED = 256


def answer_all(source: BinaryIO, target: BinaryIO) -> int:
    """Answer every line of `source`; returns how many there were."""
    parse = RememberedKeys().parse
    count = 0
    for lines in line_groups(source):
        answers = [_answer(line, parse) for line in lines]
        count += len(answers)
        target.write(b"".join(answers))
        target.flush()
    return count


def line_groups(source: BinaryIO, limit: int = limits.BATCH_LINE) -> Iterator[list[bytes | None]]:
    """The lines that each read completes; None stands for one longer than `limit` bytes."""
    parts: list[bytes] = []
    held = 0
    # `read1` answers with what is there, and waits only where nothing is.
    while chunk := source.read1(_CHUNK):  # type: ignore[attr-defined]
        *ended, rest = chunk.split(b"\n")
        group: list[bytes | None] = []
        for piece in ended:
            group.append(b"".join([*parts, piece]) if held + len(piece) <= limit else None)
            parts, held = [], 0
        held += len(rest)
        if held <= limit:
            parts.append(rest)
        else:
            parts = []
        if group:
            yield group
    if held:
        yield [b"".join(parts) if held <= limit else None]


class RememberedKeys:
    """Parses key sets, and those that a file repeats only once.

    A set is recognised by its whole content. Only good sets are kept, small ones, and few.
    """

    def __init__(self) -> None:
        self._sets: dict[bytes, KeySet] = {}

    def parse(self, members: dict[str, Any]) -> KeySet:
        """`KeySet.parse`."""
        # Version 2 writes no references, so that equal content gives equal bytes.
        name = marshal.dumps(members, 2)
        found = self._sets.get(name)
        if found is None:
            found = KeySet.parse(members)
            if len(name) <= _LARGEST_REMEMBERED:
                if len(self._sets) >= _MOST_REMEMBERED:
                    self._sets.clear()
                self._sets[name] = found
        return found


def _answer(line: bytes | None, parse: Any) -> bytes:
    if line is None:
        answer: dict[str, Any] = {
            "id": None,
            "allowed": False,
            "reason": str(_TOO_LONG),
            "status": _TOO_LONG.status,
            "claims": None,
        }
    else:
        answer = decide_batch_line(line, parse_keys=parse)
    return json.dumps(answer, separators=(",", ":")).encode() + b"\n"
