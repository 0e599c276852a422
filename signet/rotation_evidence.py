"""What the read-back of one ring says, weighed against its record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from signet.confirmed import Confirmed
from signet.key_ring import KeyRing
from signet.observed import KeyReading, StoreReading

LARGEST_JUMP = 1_000
"""Invariant 6: a validator refuses a set whose number jumps further."""

NOTHING = StoreReading("unverified", detail="was not read")


@dataclass(frozen=True)
class Evidence:
    """The readings of one ring together with what its record leads one to expect."""

    ring: KeyRing
    confirmed: Confirmed | None
    settled: bool
    """Whether the journal given is the one that was last completely applied."""
    clouds: tuple[str, ...]
    stores: Mapping[str, StoreReading]
    keys: Mapping[int, KeyReading] = field(default_factory=dict)

    def store(self, cloud: str) -> StoreReading:
        """Return the reading of one cloud; one that was not made is ``unverified``."""
        return self.stores.get(cloud, NOTHING)

    def key(self, number: int) -> KeyReading:
        """Return the reading of one KMS key; one that was not made is ``unverified``."""
        return self.keys.get(number, KeyReading("unverified"))

    @cached_property
    def kids(self) -> dict[int, str]:
        """``kid`` of each generation: as confirmed, or else as its tagged KMS key has it."""
        found = {number: key.kid for number, key in self.keys.items() if key.kid}
        if self.confirmed is not None:
            found.update(self.confirmed.kids.get(self.ring.name, {}))
        return found

    def number_of(self, kid: str) -> int | None:
        """Return the generation that has this ``kid``."""
        return next((number for number, known in self.kids.items() if known == kid), None)

    @cached_property
    def read(self) -> dict[str, StoreReading]:
        """The well-formed sets, by cloud; of stores outside ``clouds`` too."""
        return {cloud: found for cloud, found in self.stores.items() if found.status == "read"}

    @cached_property
    def ahead(self) -> dict[str, StoreReading]:
        """The sets that carry a higher number than the journal."""
        ours = self.ring.sequence
        return {cloud: found for cloud, found in self.read.items() if (found.sequence or 0) > ours}

    @cached_property
    def highest(self) -> int:
        """The highest number observed that a validator would take from where the journal is.

        A jump of over ``LARGEST_JUMP`` is refused by validators, so nothing has to climb it.
        """
        limit = self.ring.sequence + LARGEST_JUMP
        numbers = [found.sequence or 0 for found in self.read.values()]
        return max((number for number in numbers if number <= limit), default=0)

    @cached_property
    def expected_kids(self) -> frozenset[str] | None:
        """The ``kid`` values that the published set should hold; None while one is unknown."""
        kids = [self.kids.get(g.number) for g in self.ring.published]
        if None in kids:
            return None
        return frozenset(kid for kid in kids if kid) - self.ring.denied

    def as_recorded(self, cloud: str) -> bool:
        """Whether this store gave back exactly the set of the journal."""
        found = self.store(cloud)
        known = self.confirmed.published_sha256.get(self.ring.name) if self.confirmed else None
        return (
            found.status == "read"
            and found.sequence == self.ring.sequence
            and found.kids == self.expected_kids
            and found.denied == self.ring.denied
            and (not self.settled or known is None or not found.sha256 or found.sha256 == known)
        )

    @cached_property
    def altered(self) -> tuple[str, ...]:
        """Clouds whose store holds, for certain, something else than a completed run left there.

        While the last run was not completed, two things are certain: no store may give a number
        below the confirmed one, and no two stores different bytes under one number.
        """
        if self.settled:
            return tuple(
                cloud
                for cloud in self.clouds
                if (self.store(cloud).status != "unverified" or self.store(cloud).malformed)
                and not self.as_recorded(cloud)
            )
        least = self.confirmed.sequence.get(self.ring.name, 0) if self.confirmed else 0
        same = {c: f.sha256 for c, f in self.read.items() if f.sequence == self.ring.sequence}
        differ = same if len(set(same.values())) > 1 else {}
        older = {c for c, found in self.read.items() if (found.sequence or 0) < least}
        return tuple(sorted({*differ, *older}))

    @cached_property
    def new_denials(self) -> frozenset[str]:
        """Denials that are not settled: shown by some store, or carried along undecided."""
        seen = set(self.ring.undecided)
        for found in self.read.values():
            seen |= found.denied
        return frozenset(seen) - (self.ring.denied - self.ring.undecided)

    def explained_by(self, denied: frozenset[str], found: StoreReading) -> bool:
        """Whether a set ahead of the journal is the journal's own, less keys in ``denied``.

        This is what a taint leaves behind that acted on the stores and did not get further. A
        set with keys that the journal does not know is never explained: that state is older.
        """
        known = {self.kids.get(g.number) for g in self.ring.published}
        return bool(found.denied & denied) and found.kids <= known and not found.kids & denied
