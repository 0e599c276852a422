"""Progress that a person can watch and a log file can hold."""

import sys
import time
from types import TracebackType
from typing import TextIO

_LOG_EVERY = 10.0  # seconds between two lines where nobody watches
_DRAW_EVERY = 0.2


class Progress:
    """One line that updates itself on a terminal; elsewhere a line every ten seconds.

    Silent for work that ends within a second. Use as a context manager.
    """

    def __init__(self, label: str, stream: TextIO | None = None) -> None:
        self._label = label
        self._stream = sys.stderr if stream is None else stream
        self._terminal = self._stream.isatty()
        self._begun = time.monotonic()
        self._next = self._begun + (1.0 if self._terminal else _LOG_EVERY)
        self._drawn = False

    def __enter__(self) -> "Progress":
        if not self._terminal:
            self._write(f"{self._label}\n")
        return self

    def update(self, state: str = "") -> None:
        """Show `state` if it is time to; cheap enough to call for each line of a tool's output."""
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + (_DRAW_EVERY if self._terminal else _LOG_EVERY)
        line = f"{self._label}: {state} ({now - self._begun:.0f} s)"
        self._drawn = True
        self._write(f"\r\033[K{line[:100]}" if self._terminal else f"  {line}\n")

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        took = time.monotonic() - self._begun
        if self._drawn and self._terminal:
            self._write("\r\033[K")
        if kind is None and (self._drawn or took >= 1.0):
            self._write(f"{self._label}: done in {took:.0f} s\n")

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()
