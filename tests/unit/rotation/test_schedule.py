"""The ordinary life of a ring: first runs, flips, retirements, deletions."""

from __future__ import annotations

from dataclasses import replace

import pytest

from signet.key_ring import State
from signet.rotation import AlarmCode, Request, RingSpec, Rule, StoreReading, Timings, plan
from tests.unit.rotation.runs import DAY, POLICY, RING, START, Runs, kid_of, settled
from tests.unit.rotation.test_policy import FAST


def test_the_first_run_makes_one_active_and_one_prepared_key() -> None:
    runs = Runs()
    made = runs.up()
    assert runs.states() == {1: "active", 2: "prepared"}
    assert runs.ring.sequence == 1
    assert runs.ring.next_generation == 3
    assert [step.before for step in made.transitions] == [None, None]
    assert not made.alarms


def test_the_second_run_notes_the_read_back_and_the_third_changes_nothing() -> None:
    runs = Runs()
    runs.up()
    first = runs.journal
    runs.up(after=600)
    second = runs.journal
    assert second != first
    assert dict(runs.generation(2).read_back) == dict.fromkeys(POLICY.clouds, START + 600)
    assert runs.ring.sequence == 1
    runs.up(after=600)
    assert runs.journal is second


def test_any_number_of_runs_between_two_transitions_changes_nothing() -> None:
    runs = settled()
    before = runs.journal
    for minutes in (0, 1, 5, 60, 24 * 60):
        runs.up(after=minutes * 60)
        assert runs.journal is before


def test_a_whole_life_under_the_default_settings() -> None:
    runs = settled()
    lives: dict[int, list[tuple[int, str]]] = {}
    for day in range(1, 100):
        for step in runs.up(after=DAY).transitions:
            lives.setdefault(step.generation, []).append((day, str(step.after)))
    assert lives[2] == [(30, "active"), (60, "retiring"), (62, "retired"), (92, "deleted")]
    assert lives[3] == [(30, "prepared"), (60, "active"), (90, "retiring"), (92, "retired")]


def test_local_fast_lives_a_whole_key_life_in_minutes() -> None:
    runs = Runs(policy=FAST)
    seen: list[tuple[int, int, str]] = []
    for _ in range(20):
        made = runs.up(after=30)
        seen += [(runs.now - START, s.generation, str(s.after)) for s in made.transitions]
    mine = [(at, state) for at, number, state in seen if number == 2]
    assert mine == [
        (30, "prepared"), (150, "active"), (270, "retiring"), (330, "retired"), (390, "deleted"),
    ]  # fmt: skip


def test_the_successor_is_staged_in_the_very_run_that_flips() -> None:
    runs = settled()
    flip = runs.days(30)[-1]
    assert runs.states() == {1: "retiring", 2: "active", 3: "prepared"}
    assert len(flip.transitions) == 3
    assert all(step.why for step in flip.transitions)


def test_the_sequence_changes_with_the_set_and_only_with_it() -> None:
    runs = settled()
    numbers: dict[int, frozenset[int]] = {}
    for _ in range(200):
        runs.up(after=DAY)
        content = frozenset(g.number for g in runs.ring.published)
        assert numbers.setdefault(runs.ring.sequence, content) == content
    assert sorted(numbers) == list(range(1, len(numbers) + 1))


def test_a_run_that_waits_says_for_what_and_until_when() -> None:
    runs = settled()
    made = runs.up(after=DAY)
    assert [(hold.generation, hold.what, hold.until) for hold in made.held] == [
        (2, "activation", START + 3_600 + 30 * DAY)
    ]
    assert "not before" in str(made.held[0])
    assert list(made.lines())


def test_a_changed_algorithm_takes_effect_with_the_next_generation() -> None:
    runs = settled()
    runs.policy = replace(runs.policy, algorithm="ES256", home="gcp")
    runs.up(after=DAY)
    assert {(g.algorithm, g.cloud) for g in runs.ring.generations} == {("RS256", "aws")}
    runs.days(30)
    made = runs.generation(3)
    assert (made.algorithm, made.key_size, made.cloud) == ("ES256", 256, "gcp")


def test_a_ring_of_a_service_has_its_own_keys_and_algorithm() -> None:
    orders = RingSpec("orders", "https://issuer.example/dev/orders", "ES256")
    runs = Runs(policy=replace(POLICY, rings=(*POLICY.rings, orders)))
    runs.until_settled()
    assert runs.journal is not None
    mine = runs.journal.rings["orders"]
    assert [(g.number, g.algorithm) for g in mine.generations] == [(1, "ES256"), (2, "ES256")]
    assert mine.issuer == orders.issuer
    runs.up(after=DAY, request=Request.taint("orders", kid_of(1, "orders")))
    assert runs.states() == {1: "active", 2: "prepared"}


def test_a_ring_added_later_starts_without_touching_the_others() -> None:
    runs = settled()
    before = runs.ring
    orders = RingSpec("orders", "https://issuer.example/dev/orders")
    runs.policy = replace(runs.policy, rings=(*runs.policy.rings, orders))
    made = runs.up(after=DAY)
    assert runs.ring == before
    assert {step.ring for step in made.transitions} == {"orders"}


def test_a_ring_that_ends_is_withdrawn_at_once_and_given_up_after_its_hold() -> None:
    orders = RingSpec("orders", "https://issuer.example/dev/orders")
    runs = Runs(policy=replace(POLICY, rings=(*POLICY.rings, orders)))
    runs.until_settled()
    runs.up(after=DAY, request=Request.taint("orders", kid_of(1, "orders")))
    runs.policy = POLICY
    assert [alarm.code for alarm in runs.plan().stops] == [AlarmCode.RING_MISSING]
    runs.policy = replace(POLICY, ending=(orders,))
    made = runs.up(after=DAY)
    assert {step.after for step in made.transitions if step.ring == "orders"} == {State.RETIRED}
    ended = runs.journal_ring("orders")
    assert (ended.published, ended.active, ended.closed) == ((), None, False)
    assert runs.up(after=DAY).journal == runs.up(after=DAY).journal
    runs.up(after=POLICY.hold)
    gone = runs.journal_ring("orders")
    assert gone.closed
    assert gone.sequence == ended.sequence
    runs.policy = POLICY
    assert not runs.up(after=DAY).stopped


@pytest.mark.parametrize("later", [DAY, POLICY.hold + DAY])
def test_a_ring_that_comes_back_keeps_its_numbers_its_sequence_and_its_denials(later: int) -> None:
    orders = RingSpec("orders", "https://issuer.example/dev/orders")
    with_orders = replace(POLICY, rings=(*POLICY.rings, orders))
    runs = Runs(policy=with_orders)
    runs.until_settled()
    runs.up(after=DAY, request=Request.taint("orders", kid_of(1, "orders")))
    runs.policy = replace(POLICY, ending=(orders,))
    runs.up(after=DAY)
    gone = runs.journal_ring("orders")
    runs.up(after=later)
    runs.policy = with_orders
    runs.up(after=DAY)
    back = runs.journal_ring("orders")
    assert back.active is not None
    assert back.active.number >= gone.next_generation
    assert back.sequence > gone.sequence
    assert kid_of(1, "orders") in back.denied


def test_a_new_cloud_holds_the_next_flip_until_it_waited_there_too() -> None:
    runs = settled(policy=replace(POLICY, clouds=("aws", "azure")))
    runs.days(28)
    runs.policy = POLICY
    runs.stores = {RING: {"gcp": StoreReading("absent")}}
    made = runs.up(after=DAY)
    assert not made.alarms
    runs.up(after=DAY)
    assert runs.states() == {1: "active", 2: "prepared"}
    assert runs.generation(2).read_back["gcp"] == runs.now
    runs.up(after=DAY)
    assert runs.states() == {1: "active", 2: "prepared"}
    runs.up(after=DAY)
    assert runs.states()[2] == "active"


def test_weeks_of_silence_end_in_one_rotation_and_an_alarm() -> None:
    runs = settled()
    made = runs.up(after=100 * DAY)
    assert [alarm.code for alarm in made.alarms] == [AlarmCode.OVERDUE]
    assert runs.states() == {1: "retiring", 2: "active", 3: "prepared"}
    again = runs.up(after=60)
    assert not again.alarms
    assert not again.transitions


def test_rotate_by_request_ignores_the_period_and_nothing_else() -> None:
    runs = settled()
    early = runs.up(after=60, request=Request.rotate(RING))
    assert early.stopped
    assert "left" in early.stops[0].text
    done = runs.up(after=2 * DAY, request=Request.rotate(RING))
    assert not done.stopped
    assert runs.states() == {1: "retiring", 2: "active", 3: "prepared"}


def test_an_emergency_rotation_flips_at_once_and_says_what_it_breaks() -> None:
    runs = settled()
    made = runs.up(after=60, request=Request.rotate_emergency(RING))
    assert runs.states() == {1: "retiring", 2: "active"}
    assert [alarm.code for alarm in made.alarms] == [AlarmCode.WILL_BREAK]
    assert made.follow_up
    runs.up(after=60)
    assert runs.states() == {1: "retiring", 2: "active", 3: "prepared"}


def test_emergency_rotations_in_a_row_never_publish_five_keys() -> None:
    runs = settled()
    refused = 0
    for _ in range(8):
        made = runs.up(after=60, request=Request.rotate_emergency(RING))
        refused += made.stopped
        assert len(runs.ring.published) <= 4
        runs.up(after=60)
        assert len(runs.ring.published) <= 4
    assert refused
    runs.days(3)
    assert runs.ring.prepared is not None


def test_a_request_for_a_ring_that_is_not_there_is_refused() -> None:
    made = settled().plan(Request.rotate("nobody"))
    assert [alarm.code for alarm in made.stops] == [AlarmCode.REQUEST_REFUSED]


def test_a_lowered_token_lifetime_does_not_shorten_the_old_key_s_stay() -> None:
    long = replace(
        POLICY,
        timings=Timings(3_600, 2, 2, 5, 0, 1, 2),
        rotation_period=4_000,
        up_interval=100,
        retention=3_700,
    )
    runs = settled(policy=long)
    runs.policy = replace(long, timings=replace(long.timings, token_lifetime=15), retention=19)
    runs.up(after=4_000)
    assert runs.states()[1] == "retiring"
    assert runs.ring.in_force(runs.policy.timings).token_lifetime == 3_600
    flipped = runs.now
    while runs.states()[1] == "retiring":
        runs.up(after=100)
    assert runs.now >= flipped + 100 + 3_600


def test_a_lowered_cache_age_does_not_shorten_the_wait_before_a_flip() -> None:
    runs = Runs()
    runs.up()
    runs.policy = replace(
        runs.policy, timings=replace(runs.policy.timings, foreign_cache_age=0, stale_if_error=60)
    )
    runs.up(after=600)
    runs.up(after=600)
    early = runs.up(after=6 * 3_600, request=Request.rotate(RING))
    assert early.stopped
    assert not runs.up(after=18 * 3_600, request=Request.rotate(RING)).stopped


@pytest.mark.parametrize("rule", list(Rule))
def test_every_rule_can_be_switched_off_for_a_simulation(rule: Rule) -> None:
    rules = frozenset(Rule) - {rule}
    made = plan(None, None, {}, POLICY, START, rules=rules)
    assert made.journal is not None
    ring = made.journal.rings[RING]
    assert [g.state for g in ring.generations] == [State.ACTIVE, State.PREPARED]
