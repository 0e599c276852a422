"""Validators in both trust modes, and consumers that are not ours.

They follow the trust rules of the design: a deployed validator takes keys from its settings only,
and the published set can only take away; a published one takes keys from the set; both refuse a
lower number, a jump of over 1,000, and other bytes under the same number, but take denials from
any set, and keep them. A foreign consumer believes whatever its cache holds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from signet.timings import Timings
from tests.simulation.documents import Document, Store

JUMP = 1_000


class Verdict(StrEnum):
    """What a consumer answers."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNAVAILABLE = "could not check"


class Mode(StrEnum):
    """Where a consumer's trust comes from."""

    DEPLOYED = "deployed"
    PUBLISHED = "published"
    FOREIGN = "foreign"


@dataclass(frozen=True, slots=True)
class Settings:
    """What a run deploys to a validator."""

    issuer: str
    sequence: int
    kids: frozenset[str]
    denied: frozenset[str]
    longest: int
    """Longest token lifetime that it accepts."""

    @property
    def content(self) -> tuple[int, frozenset[str], frozenset[str]]:
        return self.sequence, self.kids, self.denied


@dataclass(slots=True)
class Consumer:
    """One consumer with its cache. ``interval``: seconds between fetches; ``lag``: age of the
    copy that a cache in between may hand it."""

    name: str
    cloud: str
    mode: Mode
    interval: int
    lag: int
    stale: int
    next_fetch: int
    stores: Mapping[str, Store]
    timings: Timings
    settings: Settings | None = None
    taken: Document | None = None
    denied: frozenset[str] = frozenset()
    contact: int = 0
    cut_off_until: int = 0

    def deploy(self, settings: Settings, now: int) -> None:
        """A redeployed function is a new instance: it forgets what it had fetched."""
        self.settings = settings
        if self.mode is Mode.DEPLOYED:
            self.taken = None
            self.denied = settings.denied
            self.contact = now

    def pass_time(self, until: int, stores: Mapping[str, Store]) -> None:
        """Make the last fetch that falls before ``until``; reachability does not change in it."""
        if self.next_fetch > until:
            return
        last = self.next_fetch + (until - self.next_fetch) // self.interval * self.interval
        self.next_fetch = last + self.interval
        self.fetch(last, stores)
        if self.mode is Mode.FOREIGN and self.contact < last:
            self.next_fetch = last + max(1, self.interval // 100)  # it tries again soon

    def fetch(self, now: int, stores: Mapping[str, Store]) -> None:
        if now < self.cut_off_until:
            return
        own = stores[self.cloud]
        if own.up(now):
            found = own.seen_at(now - self.lag)
        elif self.mode is Mode.FOREIGN:
            return
        else:
            mirrors = [
                s.seen_at(now - self.lag)
                for c, s in stores.items()
                if c != self.cloud and s.up(now)
            ]
            if len(mirrors) < 2 or mirrors[0] is None or mirrors[1] is None:
                for one in mirrors:
                    self.denied |= one.denied if one is not None else frozenset()
                return
            if mirrors[0].content != mirrors[1].content:
                self.denied |= mirrors[0].denied | mirrors[1].denied
                return
            found = mirrors[0]
        if found is not None:
            self.see(found, now)

    def see(self, found: Document, now: int) -> None:
        """Judge a set that was fetched.

        The very document that it took last is taken again without a look: nothing that it was
        judged by has changed, because a deployment, which would, makes it forget what it took.
        """
        if self.mode is Mode.FOREIGN or found is self.taken:
            self.taken, self.contact = found, now
            return
        self.denied |= found.denied
        known = self.taken.content if self.taken is not None else None
        if self.mode is Mode.DEPLOYED and self.settings is not None:
            base = self.settings.content
            known = base if known is None or base[0] > known[0] else known
        if known is not None:
            if found.sequence < known[0] or found.sequence > known[0] + JUMP:
                return
            if found.sequence == known[0] and found.content != known:
                return
        self.taken, self.contact = found, now

    def decide(self, kid: str, lifetime: int, issuer: str, now: int) -> Verdict:
        """Judge a token that has not expired."""
        taken, settings = self.taken, self.settings
        if self.mode is Mode.FOREIGN:
            if taken is None or now > self.contact + self.interval:
                return Verdict.UNAVAILABLE
            return Verdict.ACCEPTED if kid in taken.kids else Verdict.REFUSED
        if settings is None or now > self.contact + self.interval + self.stale:
            return Verdict.UNAVAILABLE
        if self.mode is Mode.PUBLISHED and taken is None:
            return Verdict.UNAVAILABLE
        if kid in self.denied or lifetime > settings.longest or issuer != settings.issuer:
            return Verdict.REFUSED
        known = taken is None or kid in taken.kids
        if self.mode is Mode.DEPLOYED:
            newer = taken is not None and taken.sequence > settings.sequence
            known = kid in settings.kids and (known or not newer)
        return Verdict.ACCEPTED if known else Verdict.REFUSED
