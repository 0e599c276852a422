"""Keeps many connections busy from one thread, and says how long each answer took."""

import selectors
import socket
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple

ALLOWED = frozenset({200})
_PATIENCE = 30.0


class Question(NamedTuple):
    """A request and the statuses that are right for it, with its kind for the report."""

    request: bytes
    right: frozenset[int]
    kind: str = "good"


class Seen:
    """What came of the questions: seconds of each, wrong verdicts and errors."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.wrong: Counter[tuple[str, int]] = Counter()
        self.errors: Counter[str] = Counter()
        self.elapsed = 0.0

    def note(self, question: Question, status: int, seconds: float) -> None:
        """Take one answer."""
        self.seconds.append(seconds)
        if status not in question.right:
            self.wrong[question.kind, status] += 1

    def fail(self, error: str) -> None:
        """Take one question that got no answer."""
        self.errors[error] += 1

    def add(self, more: "Seen") -> None:
        """Take what came of further questions."""
        self.seconds += more.seconds
        self.wrong.update(more.wrong)
        self.errors.update(more.errors)

    def part(self, share: float) -> float:
        """The latency below which this share of the answers stayed, in seconds."""
        return sorted(self.seconds)[min(int(len(self.seconds) * share), len(self.seconds) - 1)]


class _Line:
    """One kept connection with at most one question under way."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.asked: Question | None = None
        self.begun = 0.0
        self.data = b""

    def ask(self, question: Question) -> None:
        self.asked, self.data, self.begun = question, b"", time.perf_counter()
        self.socket.sendall(question.request)

    def status(self) -> int | None:
        """The status, once the whole answer is there."""
        more = self.socket.recv(65_536)
        if not more:
            raise ConnectionError("closed before an answer")
        self.data += more
        head, found, body = self.data.partition(b"\r\n\r\n")
        if not found:
            return None
        _, told, rest = head.lower().partition(b"content-length:")
        if told and len(body) < int(rest.split(b"\r\n", 1)[0]):
            return None
        return int(head.split(b" ", 2)[1])


class Traffic:
    """Connections to one server on loopback; `run` asks on all of them."""

    def __init__(self, port: int, connections: int) -> None:
        self._port = port
        self._selector = selectors.DefaultSelector()
        self._idle: list[_Line] = []
        self._busy: set[_Line] = set()
        self.seen = Seen()
        for _ in range(connections):
            self._connect()

    def run(
        self,
        questions: Callable[[], Question | None],
        seconds: float,
        rate: float | None = None,
    ) -> Seen:
        """Ask until time or questions run out; `rate` a second in all, where it is given."""
        begun = time.perf_counter()
        end, sent = begun + seconds, 0
        while (now := time.perf_counter()) < end or self._busy:
            while self._idle and now < end and (rate is None or sent < (now - begun) * rate):
                question = questions()
                if question is None:
                    end = now
                    break
                self._ask(question)
                sent += 1
            if now > end + _PATIENCE:
                self.seen.fail("no answer in time")
                break
            for key, _ in self._selector.select(0.002 if rate else 0.1):
                self._hear(key.data)
        self.seen.elapsed = time.perf_counter() - begun
        for line in [*self._idle, *self._busy]:
            line.socket.close()
        self._selector.close()
        return self.seen

    def _connect(self) -> None:
        line = _Line(self._port)
        self._selector.register(line.socket, selectors.EVENT_READ, line)
        self._idle.append(line)

    def _ask(self, question: Question) -> None:
        line = self._idle.pop()
        self._busy.add(line)
        try:
            line.ask(question)
        except OSError as error:
            self._lose(line, error)

    def _hear(self, line: _Line) -> None:
        try:
            status = line.status()
        except (OSError, ValueError) as error:
            self._lose(line, error)
            return
        if status is not None and line.asked is not None:
            self.seen.note(line.asked, status, time.perf_counter() - line.begun)
            line.asked = None
            self._busy.discard(line)
            self._idle.append(line)

    def _lose(self, line: _Line, error: Exception) -> None:
        """Count a question that got no answer; an idle connection may be closed by its server."""
        if line.asked is not None:
            self.seen.fail(f"{type(error).__name__}: {error}")
        self._selector.unregister(line.socket)
        line.socket.close()
        self._busy.discard(line)
        if line in self._idle:
            self._idle.remove(line)
        self._connect()


def in_turn(questions: Sequence[Question]) -> Callable[[], Question]:
    """The same questions again and again."""
    at = iter(range(1 << 62))
    return lambda: questions[next(at) % len(questions)]
