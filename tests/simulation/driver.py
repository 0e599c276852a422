"""What happens to a world: a random environment, random faults, and an operator who reacts."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from random import Random

from signet.rotation import (
    ALL_RULES,
    AlarmCode,
    Plan,
    Request,
    RingSpec,
    RotationPolicy,
    Rule,
    Timings,
    check_policy,
)
from tests.simulation.consumers import Consumer
from tests.simulation.documents import Document
from tests.simulation.world import RING, Faults, World

ISSUER = "https://issuer.example/sim"

FAULTS: dict[str, float] = {
    "store down": 4,
    "store slow": 3,
    "store rolled back": 3,
    "store rolled back and slow": 1,
    "set forged": 4,
    "denial forged": 2,
    "older state restored": 2,
    "newest state lost": 0.3,
    "consumers cut off": 4,
    "schedule asleep": 2,
    "run repeated at once": 3,
    "run killed": 5,
    "store write fails": 4,
    "store write fails for long": 1,
    "validator not deployed": 4,
    "validator broken for long": 2,
    "KMS refuses": 2,
    "run targeted": 3,
    "validator left out by target": 3,
    "clock wrong": 2,
    "older checkout": 2,
    "emergency rotation": 2,
    "rotation by request": 2,
    "key tainted": 2,
    "taint during a run": 2,
    "taint broken off": 2,
}
"""Every fault, with its weight."""


def random_policy(random: Random) -> RotationPolicy:
    """Return good settings with few runs to a period, so that rotations come quickly."""
    max_age, ceiling = random.choice((2, 60, 300)), random.choice((2, 60, 300))
    timings = Timings(
        token_lifetime=random.choice((60, 300, 900, 3_600)),
        jwks_max_age=max_age,
        cache_ceiling=ceiling,
        stale_if_error=random.choice((max_age + ceiling, 600, 21_600)),
        foreign_cache_age=random.choice((0, 3_600, 86_400)),
        clock_skew=random.choice((1, 10, 60)),
        issuer_lag=random.choice((2, 60)),
    )
    clouds = ("aws", "azure", "gcp")[: random.randint(1, 3)]
    every = max(60, timings.publish_wait // random.randint(1, 3))
    policy = RotationPolicy(
        environment="sim",
        rings=(RingSpec(RING, ISSUER),),
        clouds=clouds,
        home=clouds[0],
        timings=timings,
        up_interval=every,
        rotation_period=1,
        retention=timings.retire_wait * random.choice((1, 1, 3)),
        hold=every * random.randint(0, 9),
    )
    (fault,) = check_policy(policy)
    assert isinstance(fault.smallest, int)
    period = fault.smallest + every * random.randint(0, 2)
    return replace(policy, rotation_period=period)


@dataclass
class Driver:
    """Drives one world through runs, faults and decisions."""

    world: World
    random: Random
    weights: dict[str, float] = field(default_factory=lambda: dict(FAULTS))
    fault_rate: float = 0.35
    stuck: list[list[int | frozenset[str]]] = field(default_factory=list)
    """Faults that last: runs left, clouds whose store refuses writes, validators that fail."""

    # --- one round -------------------------------------------------------------------------

    def round(self) -> None:
        """One interval: perhaps a fault, then a run, what follows from it, and the time after."""
        names, weights = list(self.weights), list(self.weights.values())
        fault = "none"
        if self.random.random() < self.fault_rate:
            fault = self.random.choices(names, weights)[0]
        self.run_with(fault)

    def run_with(self, fault: str) -> None:
        """Let one named fault happen around one run."""
        world = self.world
        if fault != "none":
            world.tally.faults[fault] += 1
        getattr(self, "_" + fault.replace(" ", "_"), lambda: None)()
        if fault not in _RUNS_ITSELF:
            self.run(self._faults_of(fault), policy=self._checkout(fault))
        self._finish_taint()
        self.rest(fault)

    def rest(self, fault: str = "none") -> None:
        """Let time pass until the next run, looking at caches on the way."""
        random, policy = self.random, self.world.policy
        left = policy.up_interval
        hasty = fault == "emergency rotation" and random.random() < 0.5
        if fault == "run repeated at once" or hasty:
            left = random.randint(1, 60)
        for _ in range(2):
            part = random.randint(0, max(1, left // 3))
            self.world.pass_time(part)
            left -= part
        self.world.pass_time(max(1, left))

    def run(
        self,
        faults: Faults | None = None,
        request: Request | None = None,
        policy: RotationPolicy | None = None,
    ) -> Plan:
        """Run, let the operator decide what stopped it, and make the run that should follow."""
        made = self.world.up(self._skewed(faults), request, policy)
        for _ in range(4):
            if not made.stopped:
                break
            made = self.decide(made)
        if made.follow_up:
            made = self.world.up(self._skewed(None))
        return made

    def _skewed(self, faults: Faults | None) -> Faults:
        found = faults or Faults()
        skew = self.world.policy.timings.clock_skew // 2
        return found if found.skew else replace(found, skew=self.random.randint(-skew, skew))

    # --- the operator ----------------------------------------------------------------------

    def decide(self, made: Plan) -> Plan:
        """Do what the runbook says for the alarm that stopped the run."""
        world = self.world
        codes = {alarm.code for alarm in made.stops}
        world.pass_time(self.random.randint(0, 30))
        if world.restored:
            world.bring_newest_back()
            return world.up(self._skewed(None))
        if AlarmCode.DENIAL_UNKNOWN in codes:
            return self._decide_denial()
        if AlarmCode.KMS in codes:
            for kid in sorted(set(world.tainted) - world.ring.denied):
                if world.kids_made[kid] in world.kms:
                    world.reassert(kid)
                    return world.up(self._skewed(None), Request.taint(RING, kid))
        if AlarmCode.RING_BEHIND in codes:
            return world.up(self._skewed(None), Request.trust_journal(RING))
        return world.up(self._skewed(None))

    def _decide_denial(self) -> Plan:
        world = self.world
        seen = set(world.ring.undecided)
        for store in world.stores.values():
            if store.current is not None and store.up(world.now):
                seen |= store.current.denied
        open_denials = sorted(seen - (world.ring.denied - world.ring.undecided))
        for kid in open_denials:
            if kid in world.tainted:
                return world.up(self._skewed(None), Request.taint(RING, kid))
        if not open_denials:
            return world.up(self._skewed(None))
        return world.up(self._skewed(None), Request.reject_denial(RING, open_denials[0]))

    # --- faults around a run -----------------------------------------------------------------

    def _faults_of(self, fault: str) -> Faults:
        random, world = self.random, self.world
        some = frozenset(random.sample(list(world.by_name), k=min(2, len(world.by_name))))
        cloud = frozenset({random.choice(world.policy.clouds)})
        if fault == "store write fails for long":
            self.stuck.append([random.randint(2, 12), cloud, frozenset()])
        if fault == "validator broken for long":
            self.stuck.append([random.randint(2, 16), frozenset(), some])
        found = self._single(fault, some, cloud)
        return self._lasting(found)

    def _lasting(self, found: Faults) -> Faults:
        """Add the faults that last; a broken validator is now and then targeted around."""
        for entry in self.stuck:
            runs, clouds, validators = entry
            assert isinstance(runs, int)
            assert isinstance(clouds, frozenset)
            assert isinstance(validators, frozenset)
            entry[0] = runs - 1
            found = replace(found, stores_fail=found.stores_fail | clouds)
            if validators and self.random.random() < 0.4:
                found = replace(found, skipped=found.skipped | validators)
            else:
                found = replace(found, validators_fail=found.validators_fail | validators)
        self.stuck = [entry for entry in self.stuck if entry[0]]
        return found

    def _single(self, fault: str, some: frozenset[str], cloud: frozenset[str]) -> Faults:
        random = self.random
        wrong = random.choice((-1, 1)) * random.randint(600, 90 * 86_400)
        return {
            "run killed": Faults(kill_before=random.randint(0, 8)),
            "store write fails": Faults(stores_fail=cloud),
            "validator not deployed": Faults(validators_fail=some),
            "KMS refuses": Faults(kms_refuses=True),
            "run targeted": Faults(targeted=True, skipped=some),
            "validator left out by target": Faults(skipped=some),
            "clock wrong": Faults(skew=wrong),
            "taint during a run": Faults(taint_at=random.randint(0, 7)),
        }.get(fault, Faults())

    def _checkout(self, fault: str) -> RotationPolicy | None:
        if fault != "older checkout":
            return None
        random, policy = self.random, self.world.policy
        share = random.choice((1, 4, 60))
        timings = replace(
            policy.timings,
            token_lifetime=max(1, policy.timings.token_lifetime // share),
            stale_if_error=policy.timings.stale_if_error // share,
            foreign_cache_age=policy.timings.foreign_cache_age // share,
        )
        older = replace(policy, timings=timings, retention=timings.retire_wait)
        if random.random() < 0.2:
            older = replace(older, rings=(RingSpec(RING, "https://issuer.example/older"),))
        return older

    def _store_down(self) -> None:
        store = self.random.choice(list(self.world.stores.values()))
        longest = 2 * self.world.policy.up_interval
        store.down_until = self.world.now + self.random.randint(1, longest)

    def _store_slow(self) -> None:
        store = self.random.choice(list(self.world.stores.values()))
        store.slow_until = self.world.now + self.random.randint(1, self.world.policy.up_interval)

    def _store_rolled_back(self) -> None:
        store = self.random.choice(list(self.world.stores.values()))
        if len(store.versions) > 1:
            old = self.random.choice(store.versions[:-1])[1]
            store.put(self.world.now, Document(*old.content, tampered=True))
            self.world.pass_time(self.random.randint(0, 300))

    def _store_rolled_back_and_slow(self) -> None:
        random, world = self.random, self.world
        store = random.choice(list(world.stores.values()))
        if len(store.versions) > 1:
            old = random.choice(store.versions[:-1])[1]
            store.put(world.now, Document(*old.content, tampered=True))
            store.slow_until = world.now + random.randint(1, world.policy.up_interval)

    def _set_forged(self) -> None:
        random = self.random
        store = random.choice(list(self.world.stores.values()))
        current = store.current
        if current is None:
            return
        kids = set(current.kids)
        if kids and random.random() < 0.5:
            kids.discard(random.choice(sorted(kids)))
        if random.random() < 0.5:
            kids.add("forged")
        jump = random.choice((-1, 0, 0, 0, 1, random.randint(2, 1_000), 10**9))
        forged = Document(max(0, current.sequence + jump), frozenset(kids), current.denied, True)
        if forged.content != current.content:
            store.put(self.world.now, forged)
            self.world.pass_time(random.randint(0, 300))

    def _denial_forged(self) -> None:
        random = self.random
        store = random.choice(list(self.world.stores.values()))
        current = store.current
        if current is None or not current.kids:
            return
        kid = random.choice(sorted(current.kids))
        if kid in self.world.tainted:
            return
        jump = random.choice((-1, 0, 1, 1, random.randint(2, 1_000)))
        store.put(
            self.world.now,
            Document(
                max(0, current.sequence + jump),
                current.kids - {kid},
                current.denied | {kid},
                tampered=True,
            ),
        )
        self.world.forged.add(kid)
        self.world.pass_time(random.randint(0, 300))

    def _older_state_restored(self) -> None:
        if self.world.snapshots:
            self.world.restore(self.random.choice(self.world.snapshots))

    def _newest_state_lost(self) -> None:
        """An older copy is all that is left; an operator who knows goes on from it."""
        world = self.world
        usable = [s for s in world.snapshots if self._can_go_on(s)]
        if not usable:
            return
        world.restore(self.random.choice(usable))
        world.restored = False
        world.newest = world.state
        timings = world.policy.timings
        settle = timings.publish_wait + timings.retire_wait + 4 * world.policy.up_interval
        world.broken_until = world.now + settle
        self.run(request=Request.trust_journal(RING))

    def _can_go_on(self, state: object) -> bool:
        journal = getattr(state, "journal", None)
        if journal is None or getattr(state, "confirmed", None) is None:
            return False
        keys = [self.world.kms.get(g.number) for g in journal.rings[RING].published]
        return all(key is not None and key.enabled for key in keys)

    def _consumers_cut_off(self) -> None:
        random, world = self.random, self.world
        longest = world.policy.timings.publish_wait * 2
        for consumer in random.sample(world.consumers, k=max(1, len(world.consumers) // 4)):
            consumer.cut_off_until = world.now + random.randint(1, longest)

    def _schedule_asleep(self) -> None:
        self.world.pass_time(self.random.randint(1, 3) * self.world.policy.rotation_period)

    # --- requests ----------------------------------------------------------------------------

    def _emergency_rotation(self) -> None:
        self.run(request=Request.rotate_emergency(RING))

    def _rotation_by_request(self) -> None:
        self.world.up(self._skewed(None), Request.rotate(RING))

    def _target_of_taint(self) -> str | None:
        if self.world.state.journal is None:
            return None
        kids = [self.world.kid(g.number) for g in self.world.ring.published]
        known = [kid for kid in kids if kid is not None]
        return self.random.choice(known) if known else None

    def _key_tainted(self) -> None:
        """The whole command: data plane, then re-asserting around its own run."""
        kid = self.world.taint_data_plane(self._target_of_taint())
        if kid is None:
            return
        self.world.pass_time(self.random.randint(0, 30))
        faults = Faults(stores_fail=frozenset({self.random.choice(self.world.policy.clouds)}))
        if self.random.random() < 0.3:
            self.world.up(self._skewed(faults), Request.taint(RING, kid))
            self.world.reassert(kid)
            self.world.pass_time(self.random.randint(0, 30))
        self.run(request=Request.taint(RING, kid))

    def _finish_taint(self) -> None:
        """The command whose data plane acted during a run re-asserts, and makes its own run.

        Where it died instead, the next run stops, and an operator taints again.
        """
        world, kid = self.world, self.world.taint_under_way
        world.taint_under_way = None
        if kid is not None and self.random.random() < 0.7:
            world.reassert(kid)
            self.run(request=Request.taint(RING, kid))

    def _taint_broken_off(self) -> None:
        """The command dies after the data plane; the next ordinary run has to finish it."""
        self.world.taint_data_plane(self._target_of_taint())
        self.world.pass_time(self.random.randint(0, 300))

    # --- the end -----------------------------------------------------------------------------

    def calm(self) -> None:
        """Stop all faults; then the ring has to rotate by itself and every store to be healed."""
        world = self.world
        self.stuck.clear()
        for store in world.stores.values():
            store.down_until = store.slow_until = world.now
        for consumer in world.consumers:
            consumer.cut_off_until = world.now
        before = world.tally.rotations
        rounds = 3 * (world.policy.rotation_period // world.policy.up_interval + 4)
        for _ in range(rounds):
            made = self.run()
            self.rest()
        if world.tally.rotations == before:
            world.violate(
                "no rotation", f"none in {rounds} runs without a fault; {list(made.lines())}"
            )
        if world.ring.prepared is None:
            world.violate("no successor", "no key is staged after many runs without a fault")
        world.check_recovered()
        wanted = world.content(world.ring)
        for cloud, store in world.stores.items():
            if store.current is None or store.current.content != wanted:
                world.violate("store not healed", f"{cloud} still holds another set")


_RUNS_ITSELF = frozenset(
    {"emergency rotation", "rotation by request", "key tainted", "newest state lost"}
)


def new_driver(
    seed: int,
    *,
    consumers: int = 18,
    rules: frozenset[Rule] = ALL_RULES,
    weights: dict[str, float] | None = None,
    fault_rate: float = 0.35,
    policy: RotationPolicy | None = None,
    consumer_type: type[Consumer] = Consumer,
    world_type: type[World] = World,
) -> Driver:
    """Return a world after its first three runs, with a driver; the same for the same seed."""
    random = Random(seed)  # noqa: S311 - a simulation wants repeatable numbers
    world = world_type(
        policy or random_policy(random),
        random,
        consumers=consumers,
        rules=rules,
        consumer_type=consumer_type,
    )
    driver = Driver(world, random, weights or dict(FAULTS), fault_rate)
    for _ in range(3):
        driver.run()
        driver.rest()
    return driver
