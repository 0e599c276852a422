"""One fetch under way, and the ways to wait for it: a thread's, an event loop's, or none."""

import threading
from collections.abc import Callable
from contextlib import suppress
from contextvars import ContextVar, Token
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio

from .refresh_timing import Moment

MOST_SEEKERS = 16
"""So many decisions with an unknown `kid` wait for one fetch; a flood must not hold threads."""


class Attempt:
    """A fetch that started at `started`; `required` decisions wait for it, others need not.

    `seeking` names why: some decision had a `kid` that is not known here.
    """

    def __init__(self, started: Moment, *, required: bool, seeking: bool) -> None:
        self.started = started
        self.required = required
        self.seeking = seeking
        self._done = threading.Event()
        self._lock = threading.Lock()
        self._seekers = 0
        self._callbacks: list[Callable[[], None]] = []

    @property
    def finished(self) -> bool:
        """Whether it brought a result, good or bad."""
        return self._done.is_set()

    def admit_seeker(self) -> bool:
        """Count one more decision that waits for an unknown `kid`; False where there are enough."""
        with self._lock:
            self._seekers += 1
            return self._seekers <= MOST_SEEKERS

    def wait(self, seconds: float) -> None:
        """Block the calling thread until it is finished, at most `seconds`."""
        if seconds > 0:
            self._done.wait(seconds)

    def then(self, callback: Callable[[], None]) -> None:
        """Call `callback` once it is finished, perhaps now; from whatever thread finishes it."""
        with self._lock:
            if not self._done.is_set():
                self._callbacks.append(callback)
                return
        callback()

    def finish(self) -> None:
        """Wake everyone who waits."""
        with self._lock:
            self._done.set()
            callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            callback()


class Deferral:
    """What a decision would have waited for, had it been allowed to block.

    Entered, it is a block within which no key source does (`deferring`).
    """

    __slots__ = ("_token", "attempts")
    _token: "Token[Deferral | None]"

    def __init__(self) -> None:
        self.attempts: list[tuple[Attempt, float]] = []

    def __enter__(self) -> "Deferral":
        self._token = _deferral.set(self)
        return self

    def __exit__(self, *_: object) -> None:
        _deferral.reset(self._token)

    @property
    def pending(self) -> bool:
        """Whether the decision has to be made again after `settled`."""
        return bool(self.attempts)

    @property
    def finished(self) -> bool:
        """Whether all of it has brought a result by now."""
        return all(attempt.finished for attempt, _ in self.attempts)

    def then(self, callback: Callable[[], None]) -> float:
        """Call `callback` as each part finishes, from any thread; the most seconds to wait."""
        for attempt, _ in self.attempts:
            attempt.then(callback)
        return max((seconds for _, seconds in self.attempts), default=0.0)

    async def settled(self) -> None:
        """Wait without blocking the loop until what was deferred finished or its time is over."""
        import asyncio

        loop = asyncio.get_running_loop()
        for attempt, seconds in self.attempts:
            done = asyncio.Event()
            attempt.then(partial(_wake, loop, done))
            with suppress(TimeoutError):
                await asyncio.wait_for(done.wait(), seconds)


def _wake(loop: "asyncio.AbstractEventLoop", event: "asyncio.Event") -> None:
    # RuntimeError: the loop was closed meanwhile, so nobody waits any more.
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(event.set)


_deferral: ContextVar[Deferral | None] = ContextVar("signet_deferral", default=None)


def deferring() -> Deferral:
    """Within this block no key source blocks: it answers from what it has and notes the rest."""
    return Deferral()


def wait_or_defer(attempt: Attempt, seconds: float) -> None:
    """Block for `attempt`, or note it where the caller may not block."""
    deferral = _deferral.get()
    if deferral is None:
        attempt.wait(seconds)
    elif seconds > 0 and not attempt.finished:
        deferral.attempts.append((attempt, seconds))
