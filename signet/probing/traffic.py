"""Tokens issued and checked without a pause while keys rotate: who was refused, and when.

An issuer signs one token a second with the key that the record confirms, and re-reads the record
only as often as its lag allows. Every token is put to each cloud's gateway at once, and again just
before it expires, so that a key that signs too early and one that vanishes too early both show.
"""

from __future__ import annotations

import heapq
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from signet.errors import SignetError

OK: Final = 200
_TICK: Final = 0.1


@dataclass(frozen=True, kw_only=True)
class Issued:
    """One good token. Times are epoch seconds."""

    token: str = field(repr=False)
    kid: str
    at: float
    expires: float


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """A good token that a gateway did not let pass."""

    cloud: str
    kid: str
    status: int | None
    """None: there was no answer at all."""
    age: float
    """Seconds since it was issued."""
    at: float

    def __str__(self) -> str:
        """Say it as one line, without anything of the token."""
        said = "no answer" if self.status is None else f"status {self.status}"
        return f"{self.cloud}: {said} for a token of {self.kid[:12]}, {self.age:.1f} s old"


@dataclass
class Tally:
    """What came of the traffic so far."""

    issued: int = 0
    accepted: dict[str, int] = field(default_factory=dict)
    """By cloud: checks that let a token pass."""
    refused: list[Refusal] = field(default_factory=list)
    unissued: list[str] = field(default_factory=list)
    """Why a token could not be issued, once for each that was missing."""
    keys: list[str] = field(default_factory=list)
    """Every key that signed, in order."""

    @property
    def checks(self) -> int:
        """How many checks let a token pass."""
        return sum(self.accepted.values())


Issue = Callable[[], Issued]
"""Issues one token. Raises SignetError."""
Check = Callable[[str], int]
"""Puts a token to one gateway and returns the status. Raises SignetError without an answer."""


class Traffic:
    """Issues and checks until it is stopped. `clock` tells epoch seconds."""

    def __init__(
        self,
        issue: Issue,
        checks: Mapping[str, Check],
        clock: Callable[[], float],
        *,
        every: float = 1.0,
        margin: float = 2.0,
    ) -> None:
        self._issue = issue
        self._checks = checks
        self._clock = clock
        self._every = every
        self._margin = margin
        self._lock = threading.Lock()
        self._tally = Tally()
        self._tainted: frozenset[str] = frozenset()
        self._stop = threading.Event()
        self._due: dict[str, list[tuple[float, int, Issued]]] = {cloud: [] for cloud in checks}
        self._threads = [
            threading.Thread(target=self._issuing, name="issuing", daemon=True),
            *(
                threading.Thread(target=self._checking, args=[cloud], name=cloud, daemon=True)
                for cloud in checks
            ),
        ]

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End, once what is under way has ended."""
        self._stop.set()
        for thread in self._threads:
            if thread.is_alive():
                thread.join()

    def except_for(self, kid: str) -> None:
        """Count no check of this key any more: it is tainted, and may be refused from now on."""
        with self._lock:
            self._tainted |= {kid}

    def tally(self) -> Tally:
        """Return a copy of what came of it so far."""
        with self._lock:
            told = self._tally
            return Tally(
                issued=told.issued,
                accepted=dict(told.accepted),
                refused=list(told.refused),
                unissued=list(told.unissued),
                keys=list(told.keys),
            )

    def _issuing(self) -> None:
        while not self._stop.is_set():
            self.issue_one()
            self._stop.wait(self._every)

    def issue_one(self) -> None:
        """Issue one token, and note when every cloud has to be asked about it."""
        try:
            made = self._issue()
        except SignetError as error:
            with self._lock:
                self._tally.unissued.append(error.what)
            return
        last = made.expires - self._margin
        with self._lock:
            self._tally.issued += 1
            if made.kid not in self._tally.keys:
                self._tally.keys.append(made.kid)
            for due in self._due.values():
                for at in (made.at, last):
                    heapq.heappush(due, (at, self._tally.issued, made))

    def _checking(self, cloud: str) -> None:
        while not self._stop.is_set():
            if not self.check_one(cloud):
                self._stop.wait(_TICK)

    def check_one(self, cloud: str) -> bool:
        """Put the token that is due to a cloud's gateway; False when none is."""
        now = self._clock()
        with self._lock:
            due = self._due[cloud]
            if not due or due[0][0] > now:
                return False
            _, _, made = heapq.heappop(due)
        # A machine that is too busy proves nothing about keys with a token that has expired.
        if now >= made.expires - 1:
            return True
        status: int | None
        try:
            status = self._checks[cloud](made.token)
        except SignetError:
            status = None
        after = self._clock()
        with self._lock:
            if status == OK:
                self._tally.accepted[cloud] = self._tally.accepted.get(cloud, 0) + 1
            elif made.kid not in self._tainted and after < made.expires:
                self._tally.refused.append(
                    Refusal(cloud=cloud, kid=made.kid, status=status, age=now - made.at, at=now)
                )
        return True
