"""Asks a person for what a new manifest lacks; an answer that will not do is asked for again."""

import re
import sys
from collections.abc import Callable
from typing import TypeVar

from signet.cli import output
from signet.errors import UsageError
from signet.located import Located, schema_faults
from signet.service import service_schema

Answer = TypeVar("Answer")


def ask(
    field: str,
    what: str,
    default: str = "",
    *,
    read: Callable[[str], Answer],
    refuses: Callable[[Answer], str] = lambda _: "",
) -> Answer:
    """Return the answer as `read` makes it, once the schema's `field` takes it.

    `read` raises UsageError for what it cannot read; `refuses` says what else is wrong with it, or
    "". Raises UsageError where the answers end.
    """
    while True:
        text = _line(what, default)
        try:
            value = read(text)
        except UsageError as error:
            output.note(f"{error.what}: {error.remedy}", style="warn")
            continue
        wrong = _misshapen(field, value) or refuses(value)
        if not wrong:
            return value
        output.note(wrong, style="warn")


def words(text: str) -> list[str]:
    """Read a list with spaces or commas between."""
    return [word for word in re.split(r"[\s,]+", text) if word]


def _misshapen(field: str, value: object) -> str:
    located = Located("answer", {field: value}, {})
    faults = schema_faults(located, service_schema())
    return next((f.remedy for f in faults if f.key.startswith(f"answer:1: {field}")), "")


def _line(what: str, default: str) -> str:
    sys.stderr.write(f"{what}{f' [{default}]' if default else ''}: ")
    sys.stderr.flush()
    answer = sys.stdin.readline()
    if not answer:
        raise UsageError("the answers ended", remedy="give the rest by flags")
    return answer.strip() or default
