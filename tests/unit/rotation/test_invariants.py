"""Every invariant of ``signet/rotation.py`` as a property of one step from any record.

A record is reached by a random history (runs that complete or not, requests, time); then one
plan is made from it with random readings, a random clock and a random request, and is judged by
an oracle written from the design, not from the code. ``tests/simulation`` checks the same rules
by their effect on consumers.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache, reduce
from math import inf
from random import Random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from signet.journal import Journal
from signet.key_ring import KeyRing, State
from signet.observed import KeyReading, StoreReading
from signet.rotation import Plan, Request, RotationPolicy, Timings, Transition, plan
from tests.unit.rotation.runs import DAY, POLICY, RING, Runs, kid_of, published

HOUR = 3_600
OTHERWISE = ["disabled", "unverified", "gone"]
ORDINARY = (None, "rotate")


def requests(kid: str) -> list[Request | None]:
    return [
        Request.rotate(RING),
        Request.rotate_emergency(RING),
        Request.taint(RING, kid),
        Request.reject_denial(RING, kid),
        Request.trust_journal(RING),
    ]


@dataclass(frozen=True)
class Step:
    """One plan, with everything that went into it."""

    runs: Runs
    stores: dict[str, StoreReading]
    keys: dict[int, KeyReading]
    policy: RotationPolicy
    now: int
    request: Request | None
    plan: Plan

    @property
    def before(self) -> KeyRing:
        assert self.runs.journal is not None
        return self.runs.journal.rings[RING]

    @property
    def after(self) -> KeyRing:
        assert self.plan.journal is not None
        return self.plan.journal.rings[RING]

    @property
    def settled(self) -> bool:
        assert self.runs.journal is not None
        return (
            self.runs.confirmed is not None
            and self.runs.confirmed.journal_digest == self.runs.journal.digest
        )

    @property
    def denials(self) -> frozenset[str]:
        found = (r.denied for r in self.stores.values() if r.status == "read")
        return frozenset().union(*found)

    def flips(self) -> list[Transition]:
        """The flips that nothing but the schedule, or a request to rotate, made."""
        kind = self.request.kind if self.request is not None else None
        moved = [s for s in self.plan.transitions if s.before is State.PREPARED]
        tainted = any(s.after is State.TAINTED for s in self.plan.transitions)
        return [s for s in moved if s.after is State.ACTIVE and kind in ORDINARY and not tainted]


@cache
def history(seed: int) -> Runs:
    """A record that runs of all kinds have led to."""
    random = Random(seed)  # noqa: S311 - repeatable on purpose
    runs = Runs(policy=replace(POLICY, clouds=POLICY.clouds[: random.randint(1, 3)]))
    runs.up()
    for _ in range(random.randint(0, 14)):
        after = random.choice([60, HOUR, DAY, 2 * DAY, 29 * DAY, 31 * DAY])
        kid = kid_of(random.choice(sorted(runs.states())))
        request = random.choice(
            [None] * 8 + [Request.taint(RING, kid), Request.rotate_emergency(RING)]
        )
        names = sorted({f"{cloud}/{RING}" for cloud in runs.policy.clouds})
        runs.lagging = set(random.sample(names, k=random.choice([0, 0, 0, 0, 1])))
        runs.up(after, request=request, complete=random.random() < 0.8)
    for _ in range(random.choice([0, 2, 2])):
        runs.up(60)
    if random.random() < 0.3:
        runs.stores = {RING: {runs.policy.clouds[-1]: published(runs.ring, kids=frozenset())}}
        runs.up(60)
        runs.up(60)
    return runs


@st.composite
def readings(draw: st.DrawFn, ring: KeyRing, now: int) -> StoreReading:
    """What one store may give back: mostly the set as recorded."""
    right = published(ring)
    changed = draw(st.sampled_from(["unverified", "absent", "number", "kids", "denied", "clock"]))
    if changed in ("unverified", "absent"):
        return StoreReading(changed)  # type: ignore[arg-type]
    if changed == "number":
        jump = draw(st.sampled_from([-2, -1, 1, 2, 999, 1_000, 1_001, 10**9]))
        return replace(right, sequence=max(0, ring.sequence + jump))
    if changed == "kids":
        return replace(right, kids=draw(st.frozensets(st.sampled_from(sorted(right.kids)))))
    if changed == "denied":
        kid = draw(st.sampled_from([kid_of(g.number) for g in ring.generations]))
        ahead = draw(st.integers(-1, 2))
        return replace(
            right,
            sequence=ring.sequence + ahead,
            denied=right.denied | {kid},
            kids=right.kids - {kid},
        )
    if changed == "clock":
        return replace(right, server_time=now + draw(st.sampled_from([0, -DAY, DAY])))
    return right


@st.composite
def steps(draw: st.DrawFn) -> Step:
    """One plan from a random record with random readings."""
    runs = history(draw(st.integers(0, 299)))
    ring = runs.ring
    now = runs.now + draw(
        st.sampled_from([-40 * DAY, 0, 60, HOUR, DAY, 30 * DAY, 30 * DAY, 90 * DAY])
    )
    stores = dict.fromkeys(runs.policy.clouds, published(ring))
    for cloud in draw(st.sets(st.sampled_from(runs.policy.clouds))):
        stores[cloud] = draw(readings(ring, now))
    states = st.sampled_from([KeyReading(s) for s in ["enabled"] * 40 + OTHERWISE])  # type: ignore[arg-type]
    keys = {
        g.number: replace(draw(states), kid=kid_of(g.number))
        if g.enabled
        else KeyReading("disabled", kid_of(g.number))
        for g in ring.generations
        if g.exists
    }
    kid = draw(st.sampled_from([kid_of(g.number) for g in ring.generations]))
    request = draw(st.sampled_from([None] * 5 + requests(kid)))
    smaller = replace(runs.policy.timings, token_lifetime=60, foreign_cache_age=0)
    policy = replace(
        runs.policy, timings=draw(st.sampled_from([runs.policy.timings] * 3 + [smaller]))
    )
    made = plan(
        runs.journal,
        runs.confirmed,
        {RING: stores},
        policy,
        now,
        keys={RING: keys},
        request=request,
    )
    return Step(runs, stores, keys, policy, now, request, made)


def high_water(step: Step) -> Timings:
    return reduce(Timings.joined, (g.timings for g in step.before.published), step.policy.timings)


prop = settings(
    max_examples=120, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)


@prop
@given(steps())
def test_1_exactly_one_key_is_active_and_no_set_is_empty(step: Step) -> None:
    assert sum(g.state is State.ACTIVE for g in step.after.generations) == 1
    assert step.after.published


@prop
@given(steps())
def test_1_and_2_a_flip_needs_every_store_and_every_validator_in_this_very_run(step: Step) -> None:
    for flip in step.flips():
        assert step.settled
        assert step.runs.confirmed is not None
        for cloud in step.policy.clouds:
            reading = step.stores[cloud]
            assert reading.status == "read"
            assert kid_of(flip.generation) in reading.kids
            assert reading.sequence == step.before.sequence
        for report in step.runs.confirmed.validators.values():
            assert report.expected == report.reported


@prop
@given(steps())
def test_3_a_flip_comes_no_sooner_than_w_after_the_read_back_everywhere(step: Step) -> None:
    for flip in step.flips():
        known = step.before.generation(flip.generation)
        assert known is not None
        last = max(known.read_back.get(cloud, inf) for cloud in step.policy.clouds)
        assert step.now >= last + high_water(step).publish_wait


@prop
@given(steps())
def test_4_a_key_is_unpublished_only_when_its_last_token_is_dead(step: Step) -> None:
    for move in step.plan.transitions:
        if move.after is not State.RETIRED:
            continue
        known = step.before.generation(move.generation)
        assert known is not None
        assert known.handed_over_at is not None
        wait = known.timings.joined(step.policy.timings).retire_wait
        assert step.now >= known.handed_over_at + max(wait, step.policy.retention)
        assert step.runs.confirmed is not None
        assert step.runs.confirmed.active[RING] > move.generation


@prop
@given(steps())
def test_4_the_old_key_s_clock_starts_in_a_run_that_sees_the_flip_completed(step: Step) -> None:
    for generation in step.after.published:
        known = step.before.generation(generation.number)
        if generation.handed_over_at is None or known is None or known.handed_over_at is not None:
            continue
        assert generation.handed_over_at == step.now
        assert step.runs.confirmed is not None
        assert step.runs.confirmed.active[RING] > generation.number


@prop
@given(steps())
def test_5_a_ring_publishes_four_keys_at_most(step: Step) -> None:
    assert len(step.after.published) <= 4


@prop
@given(steps())
def test_6_the_number_grows_with_every_change_and_above_what_validators_took(step: Step) -> None:
    before, after = step.before, step.after
    content = [{g.number for g in ring.published} for ring in (before, after)]
    assert after.sequence >= before.sequence
    if content[0] != content[1] or before.denied != after.denied:
        assert after.sequence > before.sequence
    assert after.sequence <= before.sequence + 1_000
    taken = [r.sequence or 0 for r in step.stores.values() if r.status == "read"]
    taken = [number for number in taken if number <= before.sequence + 1_000]
    if not step.plan.stopped and after.sequence < max(taken, default=0) + 1:
        assert after.sequence_floor or after.sequence == max(taken)


@prop
@given(steps())
def test_6_a_ring_behind_stops_every_ordinary_run(step: Step) -> None:
    ahead = [r for r in step.stores.values() if (r.sequence or 0) > step.before.sequence]
    kind = step.request.kind if step.request is not None else None
    if not ahead or kind not in (*ORDINARY, "rotate_emergency"):
        return
    unexplained = [r for r in ahead if r.denied <= step.before.denied]
    assert step.plan.stopped or not unexplained


@prop
@given(steps())
def test_7_a_taint_is_never_stopped_and_always_denies(step: Step) -> None:
    if step.request is None or step.request.kind != "taint":
        return
    assert not step.plan.stopped
    assert step.request.kid in step.after.denied
    assert step.request.kid not in step.after.undecided
    kids = {kid_of(g.number) for g in step.after.published}
    assert step.request.kid not in kids


@prop
@given(steps())
def test_7_denials_only_grow_and_are_adopted_only_if_the_kms_key_is_disabled(step: Step) -> None:
    assert step.before.denied <= step.after.denied
    asked = step.request.kid if step.request is not None else ""
    for kid in step.after.denied - step.before.denied - step.after.undecided - {asked}:
        number = int(kid.rsplit("-", 1)[1])
        assert step.keys[number].status in ("disabled", "gone")
        assert kid in step.denials


@prop
@given(steps())
def test_7_no_key_signs_that_is_denied(step: Step) -> None:
    active = step.after.active
    assert active is not None
    was = step.before.active
    if was is not None and active.number != was.number:
        assert kid_of(active.number) not in step.after.denied


@prop
@given(steps())
def test_9_numbers_are_never_used_again(step: Step) -> None:
    assert step.after.next_generation >= step.before.next_generation
    for move in step.plan.transitions:
        if move.before is None:
            assert move.generation >= step.before.next_generation
            assert move.generation not in step.keys


@prop
@given(steps())
def test_10_the_issuer_stays(step: Step) -> None:
    assert step.after.issuer == step.before.issuer


@prop
@given(steps())
def test_11_nothing_new_starts_before_the_last_journal_is_complete(step: Step) -> None:
    kind = step.request.kind if step.request is not None else None
    if step.settled or kind == "rotate_emergency":
        return
    moved = {move.after for move in step.plan.transitions}
    assert not moved or State.TAINTED in moved


@prop
@given(steps())
def test_12_a_clock_that_is_contradicted_moves_nothing(step: Step) -> None:
    kind = step.request.kind if step.request is not None else None
    skew = step.policy.timings.clock_skew
    times = [r.server_time for r in step.stores.values() if r.server_time is not None]
    contradicted = any(abs(at - step.now) > skew + 5 for at in times)
    if not contradicted or kind == "rotate_emergency":
        return
    moved = {move.after for move in step.plan.transitions}
    assert not moved or State.TAINTED in moved
    for generation in step.after.published:
        known = step.before.generation(generation.number)
        if known is not None:
            assert known.read_back.items() >= generation.read_back.items()


@prop
@given(steps())
def test_13_the_same_input_gives_the_same_plan_and_a_stop_changes_nothing(step: Step) -> None:
    again = plan(
        step.runs.journal,
        step.runs.confirmed,
        {RING: step.stores},
        step.policy,
        step.now,
        keys={RING: step.keys},
        request=step.request,
    )
    assert again == step.plan
    assert step.plan.journal is not None
    assert Journal.parse(step.plan.journal.text) == step.plan.journal
    if step.plan.stopped:
        assert step.plan.journal is step.runs.journal
        assert not step.plan.transitions


@prop
@given(steps())
def test_every_transition_every_hold_and_every_alarm_is_said_in_words(step: Step) -> None:
    lines = list(step.plan.lines())
    assert lines
    assert all(len(line) > 20 or line == "keys: nothing to do" for line in lines)
    assert all(move.why for move in step.plan.transitions)
    assert all(hold.why for hold in step.plan.held)
