"""When a key source asks its store: limits, ages, backoff. Pure; every clock is passed in.

An age is the larger of two differences, one of a clock that only grows and one of the wall clock:
a frozen function's monotonic clock may have stood still (then the wall clock tells), and the wall
clock may be set back (then the other one tells). Too old costs one fetch; too young could miss a
denial.
"""

from collections.abc import Callable

from ._frozen import Frozen

JITTER = 0.2
SHORTEST_REFRESH = 5.0
"""Seconds; what `max-age=0` or an absurdly short one is taken for, so that a store sets no pace."""
SHORTEST_CEILING = 1.0
"""Seconds; what a ceiling of 0 is taken for, so that not every decision is a fetch."""
FIRST_BACKOFF = 1.0
LONGEST_BACKOFF = 60.0
UNKNOWN_BACKOFF = 5.0


class Moment(Frozen):
    """A point in time on both clocks: seconds of a monotonic one, and epoch seconds."""

    __slots__ = ("monotonic", "wall")
    monotonic: float
    wall: float

    def __init__(self, monotonic: float, wall: float) -> None:
        self._fill(monotonic=monotonic, wall=wall)

    def until(self, monotonic: float, wall: float) -> float:
        """Seconds from here to there by the clock that says more."""
        return max(monotonic - self.monotonic, wall - self.wall)


class Timing(Frozen):
    """The timings of `DESIGN.md` that a key source keeps, in seconds.

    `max_age` is A, the `max-age` that sets are published with; `ceiling` is C, the longest that a
    fetched set counts as fresh; `stale` is E, how long an instance goes on without contact;
    `patience` is the longest that one decision ever waits.
    """

    __slots__ = ("ceiling", "max_age", "patience", "stale")
    max_age: float
    ceiling: float
    stale: float
    patience: float

    def __init__(
        self,
        max_age: float = 300.0,
        ceiling: float = 300.0,
        stale: float = 21_600.0,
        patience: float = 1.0,
    ) -> None:
        self._fill(max_age=max_age, ceiling=ceiling, stale=stale, patience=patience)

    @property
    def overdue(self) -> float:
        """A + C: a contact older than this is one that a decision tries to renew first."""
        return max(self.max_age + self.ceiling, SHORTEST_CEILING)

    def refresh_after(self, max_age: int | None, random: Callable[[], float]) -> float:
        """Seconds after which a set just fetched is renewed in the background.

        `max_age` is what the store said, honoured from `SHORTEST_REFRESH` up to the ceiling; the
        jitter only shortens, so the ceiling holds, and spreads a fleet that started together.
        """
        said = self.max_age if max_age is None else float(max_age)
        fresh = min(max(said, SHORTEST_REFRESH), self._ceiling)
        return fresh * (1 - JITTER * random())

    def failure_backoff(self, failures: int, random: Callable[[], float]) -> float:
        """Seconds to leave a store alone after this many failures in a row."""
        return _backoff(FIRST_BACKOFF, min(LONGEST_BACKOFF, self._ceiling), failures, random)

    def unknown_backoff(self, misses: int, random: Callable[[], float]) -> float:
        """Seconds during which no unknown `kid` causes a fetch, after this many vain ones."""
        return _backoff(UNKNOWN_BACKOFF, self._ceiling, misses, random)

    @property
    def _ceiling(self) -> float:
        return max(self.ceiling, SHORTEST_CEILING)


def _backoff(first: float, longest: float, count: int, random: Callable[[], float]) -> float:
    # Half fixed, half random ("equal jitter"): never immediate, never in step with a fleet.
    whole = min(longest, first * 2.0 ** min(max(count, 1) - 1, 32))
    return whole * (0.5 + 0.5 * random())
