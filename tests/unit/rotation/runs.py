"""A stand-in for the program around ``plan``: perfect unless a test says otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from signet.confirmed import Confirmed, KeyResource, ValidatorReport, confirm
from signet.journal import Journal
from signet.key_ring import Generation, KeyRing
from signet.observed import KeyReading, StoreReading
from signet.rotation import Plan, Request, RingSpec, RotationPolicy, plan

RING = "environment"
DAY = 86_400
START = 1_800_000_000

POLICY = RotationPolicy(
    environment="dev",
    rings=(RingSpec(RING, "https://issuer.example/dev"),),
    clouds=("aws", "azure", "gcp"),
    home="aws",
)


def kid_of(number: int, ring: str = RING) -> str:
    return f"kid-of-{ring}-{number}"


def published(ring: KeyRing, **changes: object) -> StoreReading:
    """Return the set of this ring, as a store gives it back."""
    reading = StoreReading(
        "read",
        ring.sequence,
        frozenset(kid_of(g.number, ring.name) for g in ring.published) - ring.denied,
        ring.denied,
        sha256=f"sha-of-{ring.sequence}",
    )
    return replace(reading, **changes)  # type: ignore[arg-type]


@dataclass
class Runs:
    """One environment's record from run to run."""

    policy: RotationPolicy = POLICY
    now: int = START
    journal: Journal | None = None
    confirmed: Confirmed | None = None
    stores: dict[str, dict[str, StoreReading]] = field(default_factory=dict)
    """Overrides of what a store gives back, by ring and cloud."""
    keys: dict[str, dict[int, KeyReading]] = field(default_factory=dict)
    lagging: set[str] = field(default_factory=set)
    """Validators whose deployment is skipped."""
    applied: Journal | None = None

    @property
    def ring(self) -> KeyRing:
        assert self.journal is not None
        return self.journal.rings[RING]

    def states(self) -> dict[int, str]:
        return {g.number: str(g.state) for g in self.ring.generations}

    def journal_ring(self, name: str) -> KeyRing:
        assert self.journal is not None
        return self.journal.rings[name]

    def generation(self, number: int) -> Generation:
        found = self.ring.generation(number)
        assert found is not None
        return found

    def readings(self) -> Mapping[str, Mapping[str, StoreReading]]:
        """What the stores give back: the last applied journal's set, unless overridden."""
        found: dict[str, dict[str, StoreReading]] = {}
        for spec in self.policy.rings:
            ring = self.applied.rings.get(spec.name) if self.applied else None
            shown = ring is not None and ring.published
            reading = published(ring) if ring and shown else StoreReading("absent")
            found[spec.name] = dict.fromkeys(self.policy.clouds, reading)
            found[spec.name].update(self.stores.get(spec.name, {}))
        return found

    def plan(self, request: Request | None = None) -> Plan:
        return plan(
            self.journal,
            self.confirmed,
            self.readings(),
            self.policy,
            self.now,
            keys=self.keys,
            request=request,
        )

    def up(self, after: int = 0, *, request: Request | None = None, complete: bool = True) -> Plan:
        """Run once, ``after`` seconds later; ``complete=False``: fails before its record."""
        self.now += after
        made = self.plan(request)
        if made.stopped:
            return made
        self.journal = made.journal
        if complete:
            self.complete()
        return made

    def complete(self) -> None:
        """Apply everything of the journal, and confirm it."""
        assert self.journal is not None
        self.applied = self.journal
        self.stores = {}
        live = {n: r for n, r in self.journal.rings.items() if r.published}
        names = {f"{cloud}/{ring}": ring for cloud in self.policy.clouds for ring in live}
        digest = self.journal.digest
        self.confirmed = confirm(
            self.journal,
            self.confirmed,
            token_lifetime=self.policy.timings.token_lifetime,
            kids={
                name: {g.number: kid_of(g.number, name) for g in ring.generations if g.exists}
                for name, ring in live.items()
            },
            key_resources={
                name: {g.number: KeyResource(g.cloud, f"key/{g.number}") for g in ring.generations}
                for name, ring in live.items()
            },
            validators={
                name: ValidatorReport((ring,), digest, "old" if name in self.lagging else digest)
                for name, ring in names.items()
            },
        )

    def until_settled(self) -> None:
        """Make the first three runs, an hour apart."""
        for _ in range(3):
            self.up(after=3_600)

    def days(self, count: int) -> list[Plan]:
        """Run once a day."""
        return [self.up(after=DAY) for _ in range(count)]


def settled(**fields: object) -> Runs:
    """Return an environment after its first three runs."""
    runs = Runs(**fields)  # type: ignore[arg-type]
    runs.until_settled()
    return runs
