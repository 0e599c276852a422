"""An HTTP/1.1 server of one loop: what one connection does, or does not do, holds up no other.

One thread, because the decisions hold Python's lock anyway: threads spent a quarter of an answer on
handing it round, and waited up to 5 ms for it beside a busy one. Where a decision would have to
wait for keys, its connection is set aside until they came. Sizes, times and connections are
bounded. `docs/decisions/0008-the-server-of-cloud-run.md` has what was measured against it.
"""

import errno
import selectors
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress

from ..verification.attempt import Deferral
from .dialogue import HEADER_BYTES
from .line import Handle, Line

_CONNECTIONS = 512
_NO_MORE_FILES = (errno.EMFILE, errno.ENFILE)
_TOGETHER = 8
"""Connections that are served step by step: the first waits a millisecond for the others."""
_AT_ONCE = 16
"""So many new connections between two looks at the others."""
_IDLE_SECONDS = 75.0
"""Longer than proxies keep an idle connection (Envoy: 1 h, but it retries; nginx: 60 s)."""
_REQUEST_SECONDS = 10.0
_LINGER_SECONDS = 2.0
_ROUND_SECONDS = 0.5
"""The longest that a time limit is looked at too late."""


class Server:
    """Serves `handle` until `stop`; requests under way are then answered, for `grace` seconds."""

    def __init__(self, host: str, port: int, handle: Handle, *, grace: float = 8.0) -> None:
        self._handle = handle
        self._grace = grace
        self._ending = False
        self._now = 0.0
        self._looked = 0.0
        # One for all: `recv` would get 32 KB from the system for each request, and give them back.
        self._buffer = bytearray(HEADER_BYTES)
        self._view = memoryview(self._buffer)
        self._lines: set[Line] = set()
        self._parked: set[Line] = set()
        self._listener = socket.create_server((host, port), backlog=512)
        self._bell, self._ear = socket.socketpair()
        self._selector = selectors.DefaultSelector()
        for each, then in ((self._listener, self._accept), (self._ear, self._heard)):
            each.setblocking(False)
            self._selector.register(each, selectors.EVENT_READ, then)
        self._bell.setblocking(False)

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self._listener.getsockname()[1])

    def stop(self) -> None:
        """Take no further connection, and let `run` return. From any thread or signal handler."""
        self._ending = True
        self._ring()

    def run(self) -> None:
        """Serve until told to stop."""
        while not self._ending:
            self._round(_ROUND_SECONDS)
        self._selector.unregister(self._listener)
        self._listener.close()
        self._round(0.0)  # what has come by now is answered
        end = self._now + self._grace
        while self._close_idle() and self._now < end:
            self._round(_ROUND_SECONDS)
        for line in list(self._lines):
            self._close(line)
        self._selector.close()
        self._bell.close()
        self._ear.close()

    def _round(self, seconds: float) -> None:
        """See to everyone who has sent something, or whose time is over."""
        if self._parked:
            first = min(line.until for line in self._parked)
            seconds = max(0.0, min(seconds, first - self._now))
        ready = [key.data for key, _ in self._selector.select(seconds)]
        self._now = time.monotonic()
        for at in range(0, len(ready), _TOGETHER):
            self._serve([each for each in ready[at : at + _TOGETHER] if isinstance(each, Line)])
        for each in ready:
            if not isinstance(each, Line):
                each()
        if self._parked:
            self._see_to([line for line in self._parked if self._is_due(line)], self._resume)
        if self._now - self._looked >= _ROUND_SECONDS:
            self._looked = self._now
            for line in [line for line in self._lines if line.limit <= self._now]:
                self._close(line)

    def _serve(self, lines: list[Line]) -> None:
        """Step by step for all of them: a step's code is then near from the second on.

        One connection after the other takes a sixth longer, since the steps together are larger
        than the processor's first cache.
        """
        for step in (self._receive, self._hear, self._decide, self._tell):
            self._see_to(lines, step)

    def _see_to(self, lines: list[Line], action: Callable[[Line], None]) -> None:
        for line in lines:
            try:
                action(line)
            except Exception as error:  # noqa: BLE001 - a fault of ours ends one connection, unanswered
                sys.stderr.write(f"a connection was closed on {type(error).__name__}\n")
                self._close(line)

    def _accept(self) -> None:
        for _ in range(_AT_ONCE):
            try:
                connection, _peer = self._listener.accept()
            except OSError as error:
                if error.errno in _NO_MORE_FILES:
                    self._make_room()
                return
            if len(self._lines) >= _CONNECTIONS:
                self._make_room()
            connection.setblocking(False)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            line = Line(connection, self._now, _REQUEST_SECONDS)
            self._lines.add(line)
            self._selector.register(connection, selectors.EVENT_READ, line)

    def _make_room(self) -> None:
        """Close the connection that has asked nothing for longest: idle, or an attacker's."""
        waiting = self._lines - self._parked
        if waiting:
            self._close(min(waiting, key=lambda line: line.since))

    def _receive(self, line: Line) -> None:
        try:
            length = line.socket.recv_into(self._buffer)
        except BlockingIOError:
            return
        except OSError:
            length = 0
        if length:
            line.came = bytes(self._view[:length])
        else:
            self._close(line)

    def _hear(self, line: Line) -> None:
        came, line.came = line.came, b""
        if not came or line.dialogue.over:
            return
        line.asked = line.dialogue.hear(came)
        if line.asked is None:
            line.limit = min(line.limit, self._now + _REQUEST_SECONDS)
            self._end_of_turn(line)

    def _decide(self, line: Line) -> None:
        if line.asked is not None:
            line.answer = self._handle(*line.asked)

    def _tell(self, line: Line) -> None:
        """Send the answer; a request that came with this one has its turn after the others'."""
        answer, line.answer = line.answer, None
        if answer is None:
            return
        if isinstance(answer, Deferral):
            self._park(line, answer)
            return
        dialogue = line.dialogue
        self._send(line, dialogue.tell(answer, closing=self._ending))
        line.since = now = self._now
        line.limit = now + _IDLE_SECONDS
        line.asked = None
        if dialogue.amid:
            line.asked = dialogue.more()
            if dialogue.amid:
                line.limit = now + _REQUEST_SECONDS
        if line.asked is not None:
            self._park(line, Deferral())
        elif dialogue.over or dialogue.to_send:
            self._end_of_turn(line)

    def _end_of_turn(self, line: Line) -> None:
        dialogue = line.dialogue
        if dialogue.to_send:
            self._send(line, dialogue.to_send)
            dialogue.to_send = b""
        if dialogue.over:
            self._end(line)

    def _send(self, line: Line, data: bytes) -> None:
        """Send at once or never: who leaves so much unread is given up."""
        try:
            if line.socket.send(data) == len(data):
                return
        except OSError:
            pass
        self._close(line)

    def _park(self, line: Line, deferral: Deferral) -> None:
        self._selector.unregister(line.socket)
        seconds = deferral.then(self._ring)
        line.deferral, line.until = deferral, self._now + seconds
        line.limit = line.until + _REQUEST_SECONDS
        self._parked.add(line)

    def _is_due(self, line: Line) -> bool:
        return line.deferral.finished or self._now >= line.until

    def _resume(self, line: Line) -> None:
        self._parked.discard(line)
        self._selector.register(line.socket, selectors.EVENT_READ, line)
        if line.asked is not None:
            line.answer = self._handle(*line.asked, waited=line.deferral.pending)
        self._tell(line)

    def _end(self, line: Line) -> None:
        """Say that no more is read. A close with octets unread would take the answer back

        (RFC 9112 section 9.6), so that what still comes is dropped for a moment.
        """
        if line not in self._lines:
            return
        if self._ending:
            self._close(line)
            return
        line.limit = self._now + _LINGER_SECONDS
        with suppress(OSError):
            line.socket.shutdown(socket.SHUT_WR)

    def _close(self, line: Line) -> None:
        if line in self._lines:
            self._lines.discard(line)
            self._parked.discard(line)
            line.dialogue.over = True  # nothing that came with the last request is answered
            line.asked = line.answer = None
            with suppress(KeyError):
                self._selector.unregister(line.socket)
            line.socket.close()

    def _close_idle(self) -> bool:
        """Close every connection that no answer is owed; whether there are others."""
        for line in self._lines - self._parked:
            if line.dialogue.over or not line.dialogue.amid:
                self._close(line)
        return bool(self._lines)

    def _ring(self) -> None:
        """Let the loop look at once; harmless where it has ended, or has rung already."""
        with suppress(OSError):
            self._bell.send(b"\0")

    def _heard(self) -> None:
        self._ear.recv_into(self._buffer)
