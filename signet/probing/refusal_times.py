"""Measures how soon a tainted key is refused, each of the three ways, and what was promised."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from signet.denial import RefusalTimes
from validator_functions.verification.errors import KeysUnavailable, TokenRefused
from validator_functions.verification.fetch import FailureReason, Fetched, Fetcher, FetchFailed
from validator_functions.verification.key_source import KeySource

SLACK: Final = 1.0
"""Seconds on top of a promise: one attempt of a decision to reach its store, and our polling."""


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One cloud's three times in seconds since the taint began; None: it went on for too long."""

    cloud: str
    store_reachable: float | None
    """Until the gateway last let a token of the key pass."""
    redeployed: float | None
    """Until the run was complete that deployed validators without the key."""
    out_of_contact: float | None
    """Until an instance that reaches no store any more last held the key."""

    def late(self, promised: RefusalTimes) -> list[str]:
        """Return what took longer than promised; no setting promises how long a run takes."""
        told = (
            ("its store reachable", self.store_reachable, promised.store_reachable),
            ("settings redeployed", self.redeployed, None),
            ("neither", self.out_of_contact, promised.out_of_contact),
        )
        return [
            f"{self.cloud}, {name}: {_said(took)}" + (f", promised {most} s" if most else "")
            for name, took, most in told
            if took is None or (most is not None and took > most + SLACK)
        ]


def until(
    refused: Callable[[], bool],
    begun: float,
    limit: float,
    *,
    settled: float = 0.0,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], object] = time.sleep,
    every: float = 0.1,
) -> float | None:
    """Return the seconds from `begun` until `refused()` was last false; None when after `limit`.

    Dated by when it was asked, so that a busy machine makes no acceptance later than it was. It has
    to be true for `settled` seconds on end: a gateway may ask one instance and then another.
    """
    last, since = begun, None
    while True:
        now = clock()
        if not refused():
            last, since = now, None
            if now - begun > limit:
                return None
        else:
            since = now if since is None else since
            if clock() - since >= settled:
                return last - begun
        sleep(every)


def _said(took: float | None) -> str:
    return "never" if took is None else f"{took:.1f} s"


class Cuttable:
    """A fetcher that can be cut off from every store."""

    def __init__(self, inner: Fetcher) -> None:
        self._inner = inner
        self.cut = False

    def __call__(self, url: str, *, etag: str | None, timeout: float) -> Fetched:
        """Fetch, or fail as a network does that is gone."""
        if self.cut:
            raise FetchFailed(FailureReason.UNREACHABLE, "cut off")
        return self._inner(url, etag=etag, timeout=timeout)


def refuses(source: KeySource, issuer: str, kid: str, now: Callable[[], float]) -> bool:
    """Whether an instance would refuse every token of a key now, or answer that it cannot check."""
    try:
        found = source.keyset_for(issuer, kid, now())
    except (KeysUnavailable, TokenRefused):
        return True
    return kid not in found.kids
