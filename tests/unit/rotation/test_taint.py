"""Taint outranks every wait, is never stopped, and is for ever."""

from __future__ import annotations

import pytest

from signet.observed import KeyReading
from signet.rotation import AlarmCode, Request, StoreReading
from signet.rotation_plan import command
from tests.unit.rotation.runs import DAY, RING, Runs, kid_of, published, settled

DISABLED = {RING: {1: KeyReading("disabled", kid_of(1))}}


def _denied_set(runs: Runs, kid: str, ahead: int = 1) -> StoreReading:
    kids = frozenset(kid_of(g.number) for g in runs.ring.published) - {kid}
    return published(
        runs.ring, sequence=runs.ring.sequence + ahead, kids=kids, denied=frozenset({kid})
    )


def test_the_staged_key_takes_over_from_a_tainted_active_one_at_once() -> None:
    runs = settled()
    runs.days(3)
    made = runs.up(after=60, request=Request.taint(RING, kid_of(1)))
    assert runs.states() == {1: "tainted", 2: "active"}
    assert runs.ring.denied == {kid_of(1)}
    assert runs.ring.sequence == 2
    assert made.follow_up
    assert [alarm.code for alarm in made.alarms] == [AlarmCode.WILL_BREAK]
    runs.up(after=60)
    assert runs.states() == {1: "tainted", 2: "active", 3: "prepared"}


def test_a_taint_before_the_staged_key_waited_says_whose_tokens_may_fail() -> None:
    runs = Runs()
    runs.up()
    made = runs.up(after=60, request=Request.taint(RING, kid_of(1)))
    assert any("caches that do not hold it" in alarm.text for alarm in made.alarms)


def test_a_tainted_prepared_key_is_replaced_by_a_new_one() -> None:
    runs = settled()
    runs.up(after=60, request=Request.taint(RING, kid_of(2)))
    assert runs.states() == {1: "active", 2: "tainted"}
    runs.up(after=60)
    assert runs.states() == {1: "active", 2: "tainted", 3: "prepared"}


def test_a_tainted_retiring_key_leaves_the_active_one_alone() -> None:
    runs = settled()
    runs.days(30)
    runs.up(after=60, request=Request.taint(RING, kid_of(1)))
    assert runs.states() == {1: "tainted", 2: "active", 3: "prepared"}


def test_without_a_staged_key_one_is_made() -> None:
    runs = settled()
    runs.up(after=60, request=Request.taint(RING, kid_of(1)), complete=True)
    runs.up(after=60, request=Request.taint(RING, kid_of(2)))
    assert runs.states() == {1: "tainted", 2: "tainted", 3: "active"}
    assert runs.ring.published


def test_a_taint_goes_on_although_the_last_run_was_not_completed() -> None:
    runs = settled()
    runs.days(29)
    runs.up(after=DAY, complete=False)
    made = runs.up(after=60, request=Request.taint(RING, kid_of(2)))
    assert not made.stopped
    assert runs.states() == {1: "retiring", 2: "tainted", 3: "active"}


def test_a_taint_goes_on_although_the_ring_is_behind() -> None:
    runs = settled()
    runs.stores = {RING: {"aws": published(runs.ring, sequence=30)}}
    made = runs.up(after=60, request=Request.taint(RING, kid_of(1)))
    assert not made.stopped
    assert runs.ring.sequence == 31


def test_a_taint_goes_on_although_the_clock_is_wrong() -> None:
    runs = settled()
    runs.now -= 400 * DAY
    made = runs.up(request=Request.taint(RING, kid_of(1)))
    assert not made.stopped
    assert runs.states()[1] == "tainted"


def test_a_taint_twice_is_a_taint_once() -> None:
    runs = settled()
    runs.up(after=60, request=Request.taint(RING, kid_of(1)))
    runs.up(after=60)
    journal = runs.journal
    runs.up(after=60, request=Request.taint(RING, kid_of(1)))
    assert runs.journal == journal or runs.ring.denied == {kid_of(1)}
    assert runs.states()[1] == "tainted"


def test_a_kid_that_no_generation_has_is_denied_with_an_alarm() -> None:
    runs = settled()
    made = runs.up(after=60, request=Request.taint(RING, "stranger"))
    assert runs.ring.denied == {"stranger"}
    assert runs.states() == {1: "active", 2: "prepared"}
    assert any("no generation" in alarm.text for alarm in made.alarms)


def test_an_observed_denial_whose_kms_key_is_disabled_is_adopted() -> None:
    runs = settled()
    runs.stores = {RING: {"azure": _denied_set(runs, kid_of(1))}}
    runs.keys = DISABLED
    made = runs.up(after=60)
    assert not made.stopped
    assert runs.ring.denied == {kid_of(1)}
    assert runs.states() == {1: "tainted", 2: "active"}
    assert runs.ring.sequence == 3


@pytest.mark.parametrize("status", ["enabled", "unverified"])
@pytest.mark.parametrize("ahead", [-1, 0, 1, 500, 10**6])
def test_an_observed_denial_that_nothing_proves_stops_the_run(status: str, ahead: int) -> None:
    runs = settled()
    runs.stores = {RING: {"azure": _denied_set(runs, kid_of(1), ahead)}}
    runs.keys = {RING: {1: KeyReading(status)}}  # type: ignore[arg-type]
    made = runs.up(after=60)
    assert AlarmCode.DENIAL_UNKNOWN in {alarm.code for alarm in made.stops}
    assert made.journal is runs.journal
    for action in ("taint", "reject-denial"):
        assert any(f"signet keys {action} dev {kid_of(1)}" in a.text for a in made.stops)


@pytest.mark.parametrize(
    ("ring", "told"),
    [
        (RING, "signet keys taint dev kid-1"),
        ("orders", "signet keys taint dev kid-1 --ring orders"),
    ],
)
def test_the_command_that_decides_can_be_copied(ring: str, told: str) -> None:
    assert command("dev", ring, "taint", "kid-1") == told


def test_a_rejected_denial_is_written_over_and_then_forgotten() -> None:
    runs = settled()
    runs.stores = {RING: {"azure": _denied_set(runs, kid_of(1), 5)}}
    made = runs.up(after=60, request=Request.reject_denial(RING, kid_of(1)), complete=False)
    assert not made.stopped
    assert runs.ring.denied == frozenset()
    assert runs.ring.sequence == 7
    again = runs.up(after=60)
    assert not again.stopped
    runs.up(after=60)
    assert runs.ring.rejected == frozenset()
    assert runs.states() == {1: "active", 2: "prepared"}


def test_a_rejected_denial_counts_after_all_once_the_kms_key_is_disabled() -> None:
    runs = settled()
    reading = _denied_set(runs, kid_of(1), 5)
    runs.stores = {RING: {"azure": reading}}
    runs.up(after=60, request=Request.reject_denial(RING, kid_of(1)), complete=False)
    runs.stores = {RING: {"azure": reading}}
    runs.keys = DISABLED
    runs.up(after=60)
    assert kid_of(1) in runs.ring.denied


def test_a_taint_carries_another_undecided_denial_along_and_later_runs_ask() -> None:
    runs = settled()
    runs.stores = {RING: {"azure": _denied_set(runs, kid_of(2))}}
    made = runs.up(after=60, request=Request.taint(RING, kid_of(1)))
    assert not made.stopped
    assert runs.ring.denied == {kid_of(1), kid_of(2)}
    assert runs.ring.undecided == {kid_of(2)}
    assert runs.states() == {1: "tainted", 2: "prepared", 3: "active"}
    assert runs.up(after=60).stopped
    runs.up(after=60, request=Request.reject_denial(RING, kid_of(2)))
    assert runs.ring.denied == {kid_of(1)}
    assert not runs.up(after=60).stopped


def test_an_active_key_whose_denial_is_undecided_does_not_sign_on_during_a_taint() -> None:
    runs = settled()
    runs.stores = {RING: {"azure": _denied_set(runs, kid_of(1))}}
    runs.up(after=60, request=Request.taint(RING, kid_of(2)))
    assert runs.states() == {1: "retiring", 2: "tainted", 3: "active"}
    assert runs.ring.undecided == {kid_of(1)}
    runs.up(after=60, request=Request.reject_denial(RING, kid_of(1)))
    assert runs.ring.denied == {kid_of(2)}
    assert runs.states()[1] == "retiring"


def test_an_older_state_with_a_true_denial_is_still_an_older_state() -> None:
    runs = settled()
    older = (runs.journal, runs.confirmed)
    runs.days(30)
    runs.up(after=60, request=Request.taint(RING, kid_of(1)))
    truth = published(runs.ring)
    runs.journal, runs.confirmed = older
    runs.stores = {RING: dict.fromkeys(runs.policy.clouds, truth)}
    runs.keys = {RING: {1: KeyReading("disabled", kid_of(1)), 3: KeyReading("enabled", kid_of(3))}}
    made = runs.up(after=60)
    assert AlarmCode.RING_BEHIND in {alarm.code for alarm in made.stops}


def test_no_later_run_un_denies_a_kid() -> None:
    runs = settled()
    runs.days(3)
    runs.up(after=60, request=Request.taint(RING, kid_of(1)))
    for _ in range(100):
        runs.up(after=DAY)
        assert kid_of(1) in runs.ring.denied
    assert 1 not in runs.states() or runs.states()[1] == "deleted"
