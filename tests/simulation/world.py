"""One environment in simulated time: its clouds, its state, its issuers, and what checks them.

``World.up`` does what the program does, in its order: journal, KMS keys, stores, validators, and
the confirmed record last. Any step can fail, be skipped or be the last before a kill.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from random import Random

from signet.confirmed import Confirmed, ValidatorReport, confirm
from signet.denial import assertion
from signet.journal import Journal
from signet.key_ring import KeyRing, State
from signet.observed import KeyReading, StoreReading
from signet.rotation import (
    ALL_RULES,
    AlarmCode,
    Plan,
    Request,
    RotationPolicy,
    Rule,
    plan,
)
from tests.simulation.consumers import Consumer, Mode, Settings, Verdict
from tests.simulation.documents import Document, Store

RING = "environment"
START = 1_800_000_000


@dataclass(slots=True)
class KmsKey:
    """One KMS key, found by the number on its tag."""

    number: int
    kid: str
    enabled: bool = True


@dataclass(frozen=True, slots=True)
class StackState:
    """What the engine's state holds: both records, and the inputs that it last applied."""

    journal: Journal | None = None
    confirmed: Confirmed | None = None
    stored: Mapping[str, tuple[int, frozenset[str], frozenset[str]]] = field(default_factory=dict)
    deployed: Mapping[str, Settings] = field(default_factory=dict)
    made: frozenset[int] = frozenset()
    """Generations whose KMS key the state knows."""


@dataclass(frozen=True, slots=True)
class Faults:
    """What goes wrong during one run."""

    kill_before: int | None = None
    """The number of the step before which the run is killed."""
    stores_fail: frozenset[str] = frozenset()
    validators_fail: frozenset[str] = frozenset()
    kms_refuses: bool = False
    skipped: frozenset[str] = frozenset()
    """Validators that ``--target`` left out, although the run got to its end."""
    targeted: bool = False
    """``--target`` left the confirmed record out."""
    skew: int = 0
    visible: frozenset[str] = frozenset()
    """Denials that the run's read-back showed; filled in by the world."""
    taint_at: int | None = None
    """The step before which an operator taints the active key on the data plane."""


@dataclass(frozen=True, slots=True)
class Violation:
    """An invariant that did not hold."""

    kind: str
    text: str
    at: int


@dataclass(slots=True)
class Tally:
    """What a simulation counted."""

    runs: int = 0
    rotations: int = 0
    tokens: int = 0
    unavailable: int = 0
    excused: int = 0
    faults: Counter[str] = field(default_factory=Counter)

    def add(self, other: Tally) -> None:
        self.runs += other.runs
        self.rotations += other.rotations
        self.tokens += other.tokens
        self.unavailable += other.unavailable
        self.excused += other.excused
        self.faults.update(other.faults)


_ABOUT_A_TAINT = {AlarmCode.DENIAL_UNKNOWN, AlarmCode.RING_BEHIND, AlarmCode.KMS}


class Killed(Exception):
    """The run was killed here."""


class World:
    """The environment. Times are true epoch seconds."""

    def __init__(
        self,
        policy: RotationPolicy,
        random: Random,
        *,
        consumers: int,
        rules: frozenset[Rule] = ALL_RULES,
        consumer_type: type[Consumer] = Consumer,
    ) -> None:
        self.policy = policy
        self.random = random
        self.rules = rules
        self.now = START
        self.stores = {cloud: Store(cloud) for cloud in policy.clouds}
        self.kms: dict[int, KmsKey] = {}
        self.kids_made: dict[str, int] = {}
        self.state = StackState()
        self.newest = self.state
        self.snapshots: list[StackState] = []
        self.issuer_now: Confirmed | None = None
        self.issuer_before: Confirmed | None = None
        self.issuer_since = START
        self.live: dict[tuple[str, int, str], int] = {}
        self.tainted: dict[str, int] = {}
        self.denial_landed: dict[tuple[str, str], int] = {}
        self.flipped_at: dict[str, int] = {}
        self.excused_until: dict[str, int] = {}
        self.broken_until = START
        self.numbered: dict[int, tuple[frozenset[int], frozenset[str]]] = {}
        self.largest = policy.timings
        self.violations: list[Violation] = []
        self.tally = Tally()
        self.last_plan: Plan | None = None
        self.consumers = list(self._consumers(consumers, consumer_type))
        self.by_name = {c.name: c for c in self.consumers if c.mode is Mode.DEPLOYED}
        self.issuer_name = policy.rings[0].issuer
        """The issuer that tokens carry."""
        self.forged: set[str] = set()
        """Keys that an intruder denied."""
        self.taint_under_way: str | None = None
        """The key that was tainted while the last run was under way."""
        self.restored = False
        """Whether an older state is in place and nobody has noticed yet."""
        self._wanted: Settings | None = None

    # --- set-up ----------------------------------------------------------------------------

    def _consumers(self, count: int, made: type[Consumer]) -> Iterator[Consumer]:
        timings = self.policy.timings
        own = max(1, min(timings.jwks_max_age or 1, timings.cache_ceiling or 1))
        fixed = Settings(self.policy.rings[0].issuer, 0, frozenset(), frozenset(), 3_600)
        for number in range(count):
            cloud = self.policy.clouds[number % len(self.policy.clouds)]
            mode = (Mode.DEPLOYED, Mode.PUBLISHED, Mode.FOREIGN)[number // 3 % 3]
            if mode is Mode.FOREIGN and timings.foreign_cache_age == 0:
                mode = Mode.PUBLISHED
            foreign = mode is Mode.FOREIGN
            interval = timings.foreign_cache_age if foreign else own
            yield made(
                name=f"{cloud}/{number}",
                cloud=cloud,
                mode=mode,
                interval=max(1, interval),
                lag=0 if foreign else self.random.randint(0, timings.jwks_max_age),
                stale=timings.stale_if_error,
                next_fetch=START + self.random.randint(1, max(1, interval)),
                settings=None if mode is Mode.DEPLOYED else fixed,
                stores=self.stores,
                timings=timings,
            )

    # --- the record ------------------------------------------------------------------------

    @property
    def ring(self) -> KeyRing:
        assert self.state.journal is not None
        return self.state.journal.rings[RING]

    def violate(self, kind: str, text: str) -> None:
        self.violations.append(Violation(kind, text, self.now - START))

    def kid(self, number: int) -> str | None:
        found = self.kms.get(number)
        return found.kid if found is not None else None

    def content(self, ring: KeyRing) -> tuple[int, frozenset[str], frozenset[str]]:
        kids = (self.kid(g.number) for g in ring.published)
        return ring.sequence, frozenset(kid for kid in kids if kid) - ring.denied, ring.denied

    # --- time ------------------------------------------------------------------------------

    def pass_time(self, seconds: int) -> None:
        """Let time pass; tokens are issued all along, and consumers fetch."""
        end = self.now + seconds
        edges = {s.down_until for s in self.stores.values()}
        edges |= {c.cut_off_until for c in self.consumers if c.cut_off_until > self.now}
        edges.add(self.issuer_since + self.policy.timings.issuer_lag)
        for edge in sorted(at for at in edges if self.now < at < end):
            self._pass(edge)
        self._pass(end)
        self.check()

    def _pass(self, until: int) -> None:
        stores = self.stores
        for consumer in self.consumers:
            if consumer.next_fetch <= until:
                consumer.pass_time(until, stores)
        self._issue(until)
        self.now = until

    def _issue(self, until: int) -> None:
        """Sign with what issuers have read: the record of now, and for D the one before."""
        timings = self.policy.timings
        for record, last in (
            (self.issuer_now, until),
            (self.issuer_before, min(until, self.issuer_since + timings.issuer_lag)),
        ):
            if record is None or last < self.now:
                continue
            number = record.active[RING]
            key = self.kms.get(number)
            kid = record.kid(RING, number)
            if key is None or kid is None or key.kid != kid or not key.enabled:
                if record is self.issuer_now and not (
                    kid in self.tainted
                    or self.broken
                    or self.restored
                    or record is not self.newest.confirmed
                ):
                    self.violate(
                        "issuing", f"generation {number} cannot sign, and nobody tainted it"
                    )
                continue
            lifetime = record.token_lifetime[RING]
            assert self.state.journal is not None
            token = (kid, lifetime, self.issuer_name)
            self.live[token] = max(
                self.live.get(token, 0), last + lifetime + timings.clock_skew // 2
            )

    @property
    def broken(self) -> bool:
        """Whether an operator knowingly went on from a state whose newest copy was lost."""
        return self.now < self.broken_until

    # --- checks ----------------------------------------------------------------------------

    def check(self) -> None:
        """Present every live token to every consumer."""
        now = self.now
        for token in [token for token, until in self.live.items() if until <= now]:
            del self.live[token]
        for (kid, lifetime, issuer), _ in list(self.live.items()):
            tainted_at = self.tainted.get(kid)
            for consumer in self.consumers:
                verdict = consumer.decide(kid, lifetime, issuer, now)
                if verdict is Verdict.UNAVAILABLE:
                    self.tally.unavailable += 1
                    continue
                self.tally.tokens += 1
                if tainted_at is not None:
                    if verdict is Verdict.ACCEPTED:
                        self._check_denied(consumer, kid)
                elif verdict is Verdict.REFUSED and not self._excused(consumer, kid):
                    self.violate(
                        "good token refused",
                        f"{consumer.mode} {consumer.name} refuses a live token of {kid}",
                    )

    def check_recovered(self) -> None:
        """After all faults have ended for long: every consumer takes every good token again."""
        for kid, lifetime, issuer in self.live:
            for consumer in self.consumers:
                verdict = consumer.decide(kid, lifetime, issuer, self.now)
                if verdict is not Verdict.ACCEPTED and kid not in self.tainted:
                    text = f"{consumer.mode} {consumer.name} answers {verdict} for {kid}"
                    self.violate("consumer lost", text)

    def _excused(self, consumer: Consumer, kid: str) -> bool:
        """Whether a refusal is within what the plan announced, or an intruder's doing."""
        excused = self.broken or (
            self.now < self.excused_until.get(kid, 0)
            and (consumer.mode is not Mode.DEPLOYED or self._left_out(consumer, kid))
        )
        if not excused and kid in consumer.denied and self._forged(kid):
            excused = True
        taken = consumer.taken
        if not excused and taken is not None and taken.tampered:
            noticed = taken.noticed_at
            excused = noticed is None or self.flipped_at.get(kid, 0) <= noticed
        self.tally.excused += excused
        return excused

    def _left_out(self, consumer: Consumer, kid: str) -> bool:
        """Whether this validator could not be deployed when the key took over in haste."""
        return consumer.settings is None or kid not in consumer.settings.kids

    def _forged(self, kid: str) -> bool:
        """Whether an intruder's denial of this key reached consumers; ours would be a fault."""
        return kid in self.forged and kid not in self.ring.denied - self.ring.undecided

    def _check_denied(self, consumer: Consumer, kid: str) -> None:
        """Whether a tainted key may still be accepted here, by the three promised bounds."""
        landed = self.denial_landed.get((kid, consumer.cloud))
        if landed is None or self.broken:
            return
        if consumer.mode is Mode.FOREIGN:
            limit = self.policy.timings.foreign_cache_age
        else:
            limit = consumer.interval + consumer.lag
        taken = consumer.taken
        since = max(landed, self.stores[consumer.cloud].down_until, consumer.cut_off_until)
        if consumer.mode is Mode.DEPLOYED and taken is None:
            since = max(since, consumer.contact)  # a run under way has just replaced the instance
        if taken is not None and taken.tampered and consumer.mode is Mode.FOREIGN:
            return
        if self.now > since + limit + 5:
            self.violate("tainted key accepted", f"{consumer.mode} {consumer.name} accepts {kid}")

    # --- a run -----------------------------------------------------------------------------

    def observe(self) -> tuple[dict[str, StoreReading], dict[int, KeyReading]]:
        stores = {cloud: store.read_back(self.now) for cloud, store in self.stores.items()}
        keys = {
            key.number: KeyReading("enabled" if key.enabled else "disabled", key.kid)
            for key in self.kms.values()
        }
        return stores, keys

    def up(
        self,
        faults: Faults | None = None,
        request: Request | None = None,
        policy: RotationPolicy | None = None,
    ) -> Plan:
        """Run once. Returns the plan; whether the run got to its end is in the state."""
        faults = faults or Faults()
        policy = policy or self.policy
        self.tally.runs += 1
        stores, keys = self.observe()
        visible = {kid for r in stores.values() if r.status == "read" for kid in r.denied}
        made = plan(
            self.state.journal,
            self.state.confirmed,
            {RING: stores},
            policy,
            self.now + faults.skew,
            keys={RING: keys},
            request=request,
            rules=self.rules,
        )
        self.last_plan = made
        if made.stopped or made.journal is None:
            if request is None and {alarm.code for alarm in made.stops} <= _ABOUT_A_TAINT:
                self._check_stop(visible)
            return made
        noted = replace(faults, visible=frozenset(visible))
        forgotten = self.content(made.journal.rings[RING])[1] & set(self.tainted)
        if forgotten and request is None and not self.broken:
            self.violate("taint forgotten", f"{sorted(forgotten)} was tainted and stays published")
        try:
            self._apply(made, policy, noted)
        except Killed:
            self.tally.faults["run killed"] += 1
        self.newest = self.state
        self.snapshots.append(self.state)
        del self.snapshots[:-12]
        self.check()
        return made

    def _check_stop(self, visible: set[str]) -> None:
        """A proven taint that was broken off has to be finished by the next run, unattended.

        A denial beside it whose key is enabled is nobody's word: that one rightly stops the run.
        """
        new = visible - self.ring.denied
        proven = {key.kid for key in self.kms.values() if not key.enabled}
        clean = all(
            store.up(self.now) and store.current is not None and not store.current.tampered
            for store in self.stores.values()
        )
        if clean and new and new <= proven and not self.restored and not self.broken:
            self.violate("taint unfinished", "a run stopped at a denial that the KMS proves")

    def _check_plan(self, made: Plan, visible: frozenset[str]) -> None:
        """What has to hold for a plan that is about to be registered."""
        assert made.journal is not None
        ring = made.journal.rings[RING]
        if len(ring.published) > 4:
            self.violate("too many keys", f"{len(ring.published)} keys are published")
        if sum(g.state is State.ACTIVE for g in ring.generations) != 1:
            self.violate("active keys", "not exactly one active generation")
        before = self.state.journal.rings[RING] if self.state.journal is not None else None
        if before is not None and before.sequence > ring.sequence:
            self.violate("sequence", "the sequence fell")
        content = frozenset(g.number for g in ring.published), ring.denied
        if not any(self.kid(g.number) not in ring.denied for g in ring.published):
            self.violate("empty set", "every published key is denied")
        if self.numbered.setdefault(ring.sequence, content) != content and not self.broken:
            self.violate("sequence", f"number {ring.sequence} stands for two different sets")
        known = {kid for kid in visible if kid in self.tainted}
        if lost := known - ring.denied:
            self.violate(
                "un-denied", f"{sorted(lost)} was denied in a store and is published again"
            )
        self._check_steps(made)

    def _check_steps(self, made: Plan) -> None:
        warned = any(alarm.code is AlarmCode.WILL_BREAK for alarm in made.alarms)
        for step in made.transitions:
            if step.before is None and step.generation in self.kids_made.values():
                self.violate("number reused", f"generation {step.generation} had a KMS key before")
            if step.after is not State.ACTIVE:
                continue
            kid = self.kid(step.generation)
            if step.before is None or warned:
                continue
            self.tally.rotations += 1
            if kid is not None:
                self.flipped_at[kid] = self.now
            for cloud, store in self.stores.items():
                if store.current is None or kid not in store.current.kids:
                    self.violate("flip unread", f"{cloud} does not hold {kid} at its flip")

    def _apply(self, made: Plan, policy: RotationPolicy, faults: Faults) -> None:
        assert made.journal is not None
        journal = made.journal
        ring = journal.rings[RING]
        step = 0

        def passed() -> None:
            nonlocal step
            if faults.taint_at == step:
                self.taint_under_way = self.taint_data_plane()
            if faults.kill_before == step:
                raise Killed
            step += 1
            self._pass(self.now + self.random.randint(0, 2))

        passed()
        self._check_plan(made, faults.visible)
        self.state = replace(self.state, journal=journal)
        passed()
        failed = not self._keys(ring, faults)
        passed()
        if not failed:
            failed |= self._publish(ring, faults, passed)
        failed |= self._deploy(ring, policy, faults, passed) if not self._unkeyed(ring) else True
        passed()
        if failed or faults.targeted:
            return
        self._confirm(journal, made, policy, faults)

    def _unkeyed(self, ring: KeyRing) -> bool:
        return any(g.number not in self.kms for g in ring.published)

    def _keys(self, ring: KeyRing, faults: Faults) -> bool:
        made = set(self.state.made)
        for generation in ring.generations:
            number = generation.number
            key = self.kms.get(number)
            if not generation.exists:
                if key is not None and not faults.kms_refuses:
                    del self.kms[number]
                continue
            if key is None:
                if faults.kms_refuses:
                    return False
                self.kms[number] = KmsKey(number, f"k{number}.{len(self.kids_made)}")
                self.kids_made[self.kms[number].kid] = number
            elif not generation.enabled and key.enabled:
                if faults.kms_refuses:
                    return False
                key.enabled = False
            made.add(number)
        self.state = replace(self.state, made=frozenset(made))
        return True

    def _publish(self, ring: KeyRing, faults: Faults, passed: Callable[[], None]) -> bool:
        """Write each store whose input changed since it was last applied."""
        content = self.content(ring)
        if not content[1]:
            self.violate("empty set", "the published set is empty")
        failed = False
        for cloud, store in self.stores.items():
            if self.state.stored.get(cloud) == content:
                continue
            if cloud in faults.stores_fail or not store.up(self.now):
                failed = True
                continue
            passed()
            store.put(self.now, Document(*content))
            stored = {**self.state.stored, cloud: content}
            self.state = replace(self.state, stored=stored)
            for kid in self.tainted:
                if kid in content[2]:
                    self.denial_landed.setdefault((kid, cloud), self.now)
                else:
                    self.denial_landed.pop((kid, cloud), None)
        return failed

    def _deploy(
        self, ring: KeyRing, policy: RotationPolicy, faults: Faults, passed: Callable[[], None]
    ) -> bool:
        sequence, kids, denied = self.content(ring)
        longest = policy.timings.token_lifetime
        if Rule.HIGH_WATER in self.rules:
            longest = ring.in_force(policy.timings).token_lifetime
        wanted = Settings(
            ring.issuer if Rule.ISSUER_FROZEN in self.rules else policy.rings[0].issuer,
            sequence,
            kids,
            denied,
            longest,
        )
        deployed = dict(self.state.deployed)
        failed = False
        changed = [n for n in self.by_name if deployed.get(n) != wanted]
        if changed:
            passed()
        for name in changed:
            if name in faults.skipped:
                continue
            if name in faults.validators_fail:
                failed = True
                continue
            self.by_name[name].deploy(wanted, self.now)
            deployed[name] = wanted
        self.state = replace(self.state, deployed=deployed)
        self._wanted = wanted
        return failed

    def _confirm(
        self, journal: Journal, made: Plan, policy: RotationPolicy, faults: Faults
    ) -> None:
        ring = journal.rings[RING]
        wanted = self._wanted
        reports = {
            name: ValidatorReport(
                (RING,), str(hash(wanted)), str(hash(self.state.deployed.get(name)))
            )
            for name in self.by_name
        }
        heard = confirm(
            journal,
            self.state.confirmed,
            token_lifetime=policy.timings.token_lifetime,
            kids={RING: {g.number: self.kms[g.number].kid for g in ring.generations if g.exists}},
            key_resources={},
            validators=reports,
        )
        confirmed = self.tell_issuers(heard)
        if confirmed is None:
            return
        self.state = replace(self.state, confirmed=confirmed)
        if any(alarm.code is AlarmCode.WILL_BREAK for alarm in made.alarms):
            active = confirmed.kid(RING, confirmed.active[RING])
            wait = self.largest.publish_wait
            self.excused_until[active or ""] = self.now + wait
        if policy is not self.policy and Rule.ISSUER_FROZEN not in self.rules:
            self.issuer_name = policy.rings[0].issuer
        self._issuers_read(confirmed)

    def tell_issuers(self, confirmed: Confirmed) -> Confirmed | None:
        """Deploy what signs, before the record is written; None where the run ends there."""
        return confirmed

    def _issuers_read(self, confirmed: Confirmed | None) -> None:
        if confirmed is self.issuer_now:
            return
        self._issue(self.now)
        if (
            self.issuer_now is None
            or confirmed is None
            or (
                confirmed.active != self.issuer_now.active
                or confirmed.token_lifetime != self.issuer_now.token_lifetime
            )
        ):
            self.issuer_before, self.issuer_since = self.issuer_now, self.now
        self.issuer_now = confirmed
        self._issue(self.now)

    # --- what people and accidents do --------------------------------------------------------

    def taint_data_plane(self, kid: str | None = None) -> str | None:
        """Disable a KMS key and rewrite the sets that can be reached, as the command does first."""
        if kid is None:
            active = self.ring.active if self.state.journal is not None else None
            kid = self.kid(active.number) if active is not None else None
        number = self.kids_made.get(kid or "")
        if kid is None or number is None or number not in self.kms:
            return None
        self._issue(self.now)
        self.tainted.setdefault(kid, self.now)
        self.kms[number].enabled = False
        self.tally.faults["taint"] += 1
        self.reassert(kid)
        return kid

    def reassert(self, kid: str) -> None:
        """Rewrite every reachable set that does not deny the key, above the highest number."""
        readings = {cloud: store.read_back(self.now) for cloud, store in self.stores.items()}
        known = {key.number: key.kid for key in self.kms.values()}
        wanted = assertion(self.ring, known, readings, kid)
        for cloud in wanted.clouds:
            fresh = Document(wanted.sequence, wanted.kids, wanted.denied)
            self.stores[cloud].put(self.now, fresh)
            self.denial_landed.setdefault((kid, cloud), self.now)

    def restore(self, older: StackState) -> None:
        """Put an older copy of the whole state back; issuers read it too."""
        self.state = older
        self.restored = older is not self.newest
        self._issuers_read(older.confirmed)

    def bring_newest_back(self) -> None:
        """Import the newest state, and wait as the runbook says before the next run."""
        self.restore(self.newest)
        self.pass_time(self.largest.retire_wait + 1)
