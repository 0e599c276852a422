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
    """One cloud's three times in seconds; None where it was not refused while it was watched."""

    cloud: str
    store_reachable: float | None
    """From the store's rewriting to the gateway's first refusal."""
    redeployed: float | None
    """From the taint to the validator's deployment with settings that lack the key."""
    out_of_contact: float | None
    """From the taint to the refusal of an instance that reaches no store any more."""

    def late(self, promised: RefusalTimes, run: float) -> list[str]:
        """Return what took longer than promised. `run` is how soon a run is promised to be over."""
        told = (
            ("its store reachable", self.store_reachable, promised.store_reachable),
            ("settings redeployed", self.redeployed, run),
            ("neither", self.out_of_contact, promised.out_of_contact),
        )
        return [
            f"{self.cloud}, {name}: {_said(took)}, promised {most:g} s"
            for name, took, most in told
            if took is None or took > most + SLACK
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
    """Return the seconds from `begun` until `refused()` for good; None when not within `limit`.

    For good: for `settled` seconds on end, because a gateway may ask one instance and then another.
    """
    since: float | None = None
    while True:
        now = clock()
        if not refused():
            since = None
            if now - begun > limit:
                return None
        else:
            since = now if since is None else since
            if clock() - since >= settled:
                return since - begun
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
