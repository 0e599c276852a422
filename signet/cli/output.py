"""How every command speaks: results on standard output, progress and errors on standard error.

With `--json` standard output holds exactly one JSON document. `rich` is imported only when a table
or colour is drawn. `NO_COLOR` (https://no-color.org) and a pipe both mean plain text.
"""

import json
import os
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO

from signet.errors import NegativeAnswer, SignetError, UsageError

if TYPE_CHECKING:
    from rich.console import Console

STYLES: Mapping[str, str] = {
    "good": "green",
    "bad": "bold red",
    "warn": "yellow",
    "faint": "dim",
    "strong": "bold",
}


def emit_json(value: Any) -> None:
    """Print one JSON document on standard output."""
    sys.stdout.write(json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def say(text: str = "", *, style: str | None = None) -> None:
    """Print a result line on standard output; `style` is one of `STYLES`."""
    _write(sys.stdout, text, style)


def note(text: str, *, style: str | None = None) -> None:
    """Print a line of progress or advice on standard error."""
    _write(sys.stderr, text, style)


def print_table(
    title: str, columns: Sequence[str], rows: Sequence[Sequence[object]], *, caption: str = ""
) -> None:
    """Print a table that fits the terminal; long cells fold, none is cut.

    A cell may be a plain value or a pair `(value, style)` with a name out of `STYLES`.
    """
    from rich import box
    from rich.table import Table
    from rich.text import Text

    console = _console(sys.stdout)
    table = Table(
        title=title or None,
        caption=caption or None,
        title_justify="left",
        caption_justify="left",
        title_style="bold",
        box=box.ASCII if _ascii_only(sys.stdout) else box.SIMPLE_HEAD,
        pad_edge=False,
    )
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        cells = []
        for cell in row:
            value, style = cell if isinstance(cell, tuple) else (cell, None)
            cells.append(Text(str(value), style=STYLES[style] if style else ""))
        table.add_row(*cells)
    console.print(table)


def print_error(error: Exception, *, as_json: bool) -> None:
    """Print an error as what, where and what to do; with `--json` as the one document."""
    if as_json:
        told = error.as_dict() if isinstance(error, SignetError) else {"what": str(error)}
        emit_json({"error": told})
        return
    text = str(error)
    first, _, rest = text.partition("\n")
    note(first, style="bad")
    if rest:
        note(rest)


@contextmanager
def progress(what: str, *, quiet: bool = False, after: float = 0.8) -> Iterator[None]:
    """Say what takes long: one line once `after` seconds are over, and how long it took.

    On a terminal the line counts the seconds; in a pipe it is printed once.
    """
    if quiet:
        yield
        return
    done = threading.Event()
    shown = threading.Event()
    live = sys.stderr.isatty()

    def tell() -> None:
        started = time.monotonic()
        if done.wait(after):
            return
        shown.set()
        if not live:
            sys.stderr.write(f"{what} ...\n")
            sys.stderr.flush()
            return
        while True:
            sys.stderr.write(f"\r{what} ... {time.monotonic() - started:.0f} s ")
            sys.stderr.flush()
            if done.wait(1.0):
                sys.stderr.write("\r\x1b[K")
                sys.stderr.flush()
                return

    thread = threading.Thread(target=tell, name="progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def confirm(question: str, *, yes: bool) -> None:
    """Return when the person agrees (or said `--yes`).

    Raises UsageError where nobody can be asked, NegativeAnswer when the answer is no.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageError(
            "this asks before it acts, and there is no terminal to ask on",
            remedy="add --yes if that is what you want",
        )
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise NegativeAnswer("stopped: nothing was changed")


def confirm_by_name(question: str, name: str, *, yes: bool) -> None:
    """Return when the person writes the name itself (or said `--yes`): for what nothing undoes.

    Raises as `confirm` does.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageError(
            "this asks before it acts, and there is no terminal to ask on",
            remedy="add --yes if that is what you want",
        )
    sys.stderr.write(f"{question} Write {name} to go on: ")
    sys.stderr.flush()
    if sys.stdin.readline().strip() != name:
        raise NegativeAnswer("stopped: nothing was changed")


def use_colour(stream: TextIO, environ: Mapping[str, str] | None = None) -> bool:
    """Return whether this stream may be coloured."""
    env = os.environ if environ is None else environ
    return not env.get("NO_COLOR") and env.get("TERM") != "dumb" and stream.isatty()


def _console(stream: TextIO) -> "Console":
    from rich.console import Console

    coloured = use_colour(stream)
    width = None if stream.isatty() else int(os.environ.get("COLUMNS") or 120)
    return Console(
        file=stream,
        no_color=not coloured,
        force_terminal=coloured,
        highlight=False,
        markup=False,
        width=width,
    )


def _ascii_only(stream: TextIO) -> bool:
    return "utf" not in (stream.encoding or "").lower()


def _write(stream: TextIO, text: str, style: str | None) -> None:
    if style and use_colour(stream):
        from rich.text import Text

        _console(stream).print(Text(text, style=STYLES[style]), soft_wrap=True)
    else:
        stream.write(text + "\n")
    stream.flush()
