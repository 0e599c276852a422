"""What stands in a store, and a store."""

from __future__ import annotations

from dataclasses import dataclass, field

from signet.observed import StoreReading


@dataclass(slots=True, eq=False)
class Document:
    """One version of a published set, as it stands in one store since a moment."""

    sequence: int
    kids: frozenset[str]
    denied: frozenset[str]
    tampered: bool = False
    """Written by an intruder, or an older version put back."""
    noticed_at: int | None = None
    """When a run first read this tampered version."""

    @property
    def content(self) -> tuple[int, frozenset[str], frozenset[str]]:
        return self.sequence, self.kids, self.denied

    def reading(self, clock: int) -> StoreReading:
        return StoreReading(
            "read", self.sequence, self.kids, self.denied, str(hash(self.content)), "", clock
        )


@dataclass(slots=True)
class Store:
    """The object store of one cloud: its versions, and whether it answers."""

    cloud: str
    versions: list[tuple[int, Document]] = field(default_factory=list)
    down_until: int = 0
    slow_until: int = 0
    """It answers consumers, but no read-back within its time limit."""

    @property
    def current(self) -> Document | None:
        return self.versions[-1][1] if self.versions else None

    def put(self, now: int, document: Document) -> None:
        self.versions.append((now, document))
        del self.versions[:-8]

    def seen_at(self, when: int) -> Document | None:
        """What a cache in between that was filled at ``when`` holds."""
        for at, document in reversed(self.versions):
            if at <= when:
                return document
        return self.versions[0][1] if self.versions else None

    def up(self, now: int) -> bool:
        return now >= self.down_until

    def read_back(self, now: int) -> StoreReading:
        if not self.up(now):
            return StoreReading("unverified", detail="connection refused")
        if now < self.slow_until:
            return StoreReading("unverified", detail="no answer within 5 s")
        found = self.current
        if found is None:
            return StoreReading("absent", server_time=now)
        if found.tampered and found.noticed_at is None:
            found.noticed_at = now
        return found.reading(now)
