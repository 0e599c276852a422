"""What a plan may do, and must not, when something went wrong before it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from signet.observed import KeyReading
from signet.rotation import AlarmCode, Request, StoreReading
from tests.unit.rotation.runs import DAY, POLICY, RING, Runs, kid_of, published, settled

FLIPPED = {1: "retiring", 2: "active", 3: "prepared"}
WAITING = {1: "active", 2: "prepared"}


def _codes(alarms: object) -> set[AlarmCode]:
    return {alarm.code for alarm in alarms}  # type: ignore[attr-defined]


def test_a_run_that_failed_is_repeated_and_nothing_new_starts() -> None:
    runs = settled()
    runs.days(29)
    runs.up(after=DAY, complete=False)
    assert runs.states() == FLIPPED
    journal = runs.journal
    for _ in range(40):
        made = runs.up(after=DAY, complete=False)
        assert runs.journal is journal
        assert AlarmCode.NOT_COMPLETED in _codes(made.alarms)
        assert not made.transitions
    runs.complete()
    runs.up(after=DAY)
    assert runs.generation(1).handed_over_at == runs.now


def test_the_very_first_run_may_fail_and_is_repeated() -> None:
    runs = Runs()
    runs.up(complete=False)
    journal = runs.journal
    made = runs.up(after=60, complete=False)
    assert runs.journal is journal
    assert not made.stopped


def test_the_old_key_s_clock_starts_when_the_flip_is_seen_completed() -> None:
    runs = settled()
    runs.days(29)
    runs.up(after=DAY, complete=False)
    runs.now += 5 * DAY
    runs.up(complete=True)
    runs.up(after=60)
    seen = runs.now
    assert runs.states()[1] == "retiring"
    runs.up(after=DAY - 120)
    assert runs.states()[1] == "retiring"
    runs.up(after=120)
    assert runs.states()[1] == "retired"
    assert runs.now >= seen + POLICY.retention


@pytest.mark.parametrize("cloud", POLICY.clouds)
@pytest.mark.parametrize(
    "reading",
    [
        StoreReading("unverified", detail="timed out after 5 s"),
        StoreReading("absent"),
        StoreReading("read", 1, frozenset({kid_of(1)})),
        StoreReading("read", 1, frozenset({kid_of(1), kid_of(2), "forged"})),
        StoreReading("read", 1, frozenset({kid_of(1), "forged"})),
        StoreReading("read", 0, frozenset({kid_of(1), kid_of(2)})),
    ],
    ids=["unreachable", "absent", "without the key", "one too many", "other key", "older"],
)
def test_one_store_that_does_not_give_the_set_back_holds_the_flip(
    cloud: str, reading: StoreReading
) -> None:
    runs = settled()
    runs.days(29)
    runs.stores = {RING: {cloud: reading}}
    made = runs.up(after=DAY)
    assert not made.stopped
    assert runs.states() == WAITING
    assert any(cloud in hold.why for hold in made.held)
    assert made.alarms


def test_an_unreachable_store_delays_the_flip_and_does_not_restart_the_wait() -> None:
    runs = settled()
    runs.days(29)
    runs.stores = {RING: {"gcp": StoreReading("unverified")}}
    runs.up(after=DAY)
    runs.up(after=60)
    assert runs.states() == FLIPPED


def test_a_key_that_vanished_from_a_store_waits_again() -> None:
    runs = settled()
    runs.days(29)
    runs.stores = {RING: {"gcp": StoreReading("read", 1, frozenset({kid_of(1)}))}}
    runs.up(after=DAY)
    assert runs.ring.sequence == 2
    runs.up(after=60)
    healed = runs.now
    assert runs.generation(2).read_back["gcp"] == healed
    assert runs.states() == WAITING
    runs.up(after=DAY)
    assert runs.states() == WAITING
    runs.up(after=DAY)
    assert runs.states() == FLIPPED


def test_an_altered_store_is_rewritten_under_a_new_number_with_an_alarm() -> None:
    runs = settled()
    runs.stores = {RING: {"azure": StoreReading("read", 1, frozenset({kid_of(1), "forged"}))}}
    made = runs.up(after=DAY)
    assert runs.ring.sequence == 2
    assert AlarmCode.STORE_ALTERED in _codes(made.alarms)
    assert any("forged" in alarm.text for alarm in made.alarms)
    quiet = runs.up(after=DAY)
    assert not quiet.alarms
    assert runs.ring.sequence == 2


def test_a_document_that_is_no_set_is_written_over_and_no_answer_is_not() -> None:
    runs = settled()
    before = runs.ring.sequence
    unreachable = StoreReading("unverified", detail="no answer")
    runs.stores = {RING: {"azure": unreachable}}
    runs.up(after=DAY)
    assert runs.ring.sequence == before
    runs.stores = {RING: {"azure": replace(unreachable, detail="not JSON", malformed=True)}}
    made = runs.up(after=DAY)
    assert runs.ring.sequence == before + 1
    assert "azure gives back something that is no key set (not JSON), other than" in str(
        made.alarms[0]
    )


def test_other_bytes_under_the_same_number_are_noticed_by_their_hash() -> None:
    runs = settled()
    assert runs.confirmed is not None
    runs.confirmed = replace(runs.confirmed, published_sha256={RING: "sha-of-1"})
    runs.stores = {RING: {"aws": published(runs.ring, sha256="another")}}
    assert AlarmCode.STORE_ALTERED in _codes(runs.plan().alarms)


def test_a_validator_that_was_not_deployed_holds_the_flip_by_name() -> None:
    runs = settled(lagging={f"azure/{RING}"})
    runs.days(29)
    made = runs.up(after=DAY)
    assert runs.states() == WAITING
    alarms = [alarm for alarm in made.alarms if alarm.code is AlarmCode.VALIDATOR_UNCONFIRMED]
    assert len(alarms) == 1
    assert f"azure/{RING}" in alarms[0].text
    runs.lagging.clear()
    runs.up(after=60)
    runs.up(after=60)
    assert runs.states() == FLIPPED


def test_a_ring_behind_the_published_number_stops_an_ordinary_run() -> None:
    runs = settled()
    runs.stores = {RING: {"aws": published(runs.ring, sequence=7)}}
    made = runs.up(after=DAY)
    assert _codes(made.stops) == {AlarmCode.RING_BEHIND}
    assert made.journal is runs.journal
    assert runs.plan(Request.rotate_emergency(RING)).stopped


def test_an_operator_who_trusts_the_journal_continues_above_the_forged_number() -> None:
    runs = settled()
    runs.stores = {RING: {"aws": published(runs.ring, sequence=700)}}
    runs.up(after=DAY, request=Request.trust_journal(RING))
    assert runs.ring.sequence == 701


def test_a_forged_number_at_the_edge_is_climbed_in_steps_that_validators_take() -> None:
    runs = settled()
    runs.stores = {RING: {"aws": published(runs.ring, sequence=1_001)}}
    runs.up(after=DAY, request=Request.trust_journal(RING))
    assert runs.ring.sequence == 1_001
    runs.up(after=DAY)
    assert runs.ring.sequence == 1_002
    runs.up(after=DAY)
    assert runs.ring.sequence == 1_002


def test_a_forged_number_that_no_validator_takes_is_not_climbed() -> None:
    runs = settled()
    runs.stores = {RING: {"aws": published(runs.ring, sequence=10**9)}}
    assert runs.plan().stopped
    runs.up(after=DAY, request=Request.trust_journal(RING))
    assert runs.ring.sequence == 2


def test_a_published_set_without_any_journal_stops_the_first_run() -> None:
    runs = Runs(stores={RING: {"aws": StoreReading("read", 9, frozenset({"k"}))}})
    made = runs.up()
    assert _codes(made.stops) == {AlarmCode.NO_JOURNAL}
    assert made.journal is None


def test_the_state_of_another_environment_is_refused() -> None:
    runs = settled()
    runs.policy = replace(runs.policy, environment="prod")
    assert _codes(runs.plan().stops) == {AlarmCode.ENVIRONMENT}


def test_the_issuer_never_changes() -> None:
    runs = settled()
    spec = replace(POLICY.rings[0], issuer="https://other.example/")
    runs.policy = replace(runs.policy, rings=(spec,))
    assert _codes(runs.plan().stops) == {AlarmCode.ISSUER_CHANGED}
    tainted = runs.plan(Request.taint(RING, kid_of(1)))
    assert not tainted.stopped
    assert tainted.journal is not None
    assert tainted.journal.rings[RING].issuer == POLICY.rings[0].issuer


def test_a_cloud_that_holds_a_key_cannot_be_left_out() -> None:
    runs = settled()
    runs.policy = replace(runs.policy, clouds=("azure", "gcp"), home="gcp")
    assert _codes(runs.plan().stops) == {AlarmCode.CLOUD_MISSING}


def test_a_cloud_that_holds_only_a_store_can_be_left_out_with_an_alarm() -> None:
    runs = settled()
    runs.policy = replace(runs.policy, clouds=("aws", "azure"))
    made = runs.up(after=DAY)
    assert not made.stopped
    assert _codes(made.alarms) == {AlarmCode.CLOUD_MISSING}
    assert set(runs.generation(2).read_back) == {"aws", "azure"}
    assert not runs.up(after=DAY).alarms


def test_a_kms_key_that_the_journal_never_allotted_stops_an_ordinary_run() -> None:
    """Even where no store can be read: the state must be older than the key."""
    runs = settled()
    runs.keys = {RING: {5: KeyReading("enabled", kid_of(5))}}
    runs.stores = {RING: dict.fromkeys(POLICY.clouds, StoreReading("unverified"))}
    assert _codes(runs.plan().stops) == {AlarmCode.RING_BEHIND}
    assert not runs.plan(Request.taint(RING, kid_of(1))).stopped


def test_a_number_that_the_kms_has_seen_is_never_allotted_again() -> None:
    runs = settled()
    runs.keys = {RING: {5: KeyReading("enabled", kid_of(5))}}
    runs.up(after=DAY, request=Request.trust_journal(RING))
    assert runs.ring.next_generation == 6
    runs.days(30)
    assert runs.states() == {1: "retiring", 2: "active", 6: "prepared"}


@pytest.mark.parametrize("status", ["disabled", "gone"])
@pytest.mark.parametrize("number", [1, 2])
def test_a_published_key_that_is_disabled_and_not_denied_stops_the_run(
    number: int, status: str
) -> None:
    """Somebody disabled it, a taint was broken off, or the state is older than its retirement."""
    runs = settled()
    runs.keys = {RING: {number: KeyReading(status)}}  # type: ignore[arg-type]
    made = runs.up(after=DAY)
    assert _codes(made.stops) == {AlarmCode.KMS}
    assert not runs.plan(Request.taint(RING, kid_of(number))).stopped


def test_a_kms_key_that_was_replaced_stops_the_run() -> None:
    runs = settled()
    runs.keys = {RING: {1: KeyReading("enabled", "another")}}
    assert _codes(runs.plan().stops) == {AlarmCode.KMS}


def test_a_clock_that_went_backwards_moves_nothing() -> None:
    runs = settled()
    runs.days(29)
    runs.up(after=DAY)
    runs.now -= 40 * DAY
    made = runs.up()
    assert not made.transitions
    assert _codes(made.alarms) == {AlarmCode.CLOCK}
    assert runs.states() == FLIPPED


def test_a_clock_that_the_stores_contradict_moves_nothing() -> None:
    runs = settled()
    runs.days(20)
    true_time = runs.now
    runs.now += 15 * DAY
    runs.stores = {RING: {"aws": published(runs.ring, server_time=true_time)}}
    made = runs.up()
    assert not made.transitions
    assert _codes(made.alarms) == {AlarmCode.CLOCK}


def test_waits_that_a_wrong_clock_noted_in_the_future_start_again_once_the_clock_is_proven() -> (
    None
):
    runs = Runs()
    runs.up()
    runs.now += 400 * DAY
    runs.up()
    runs.now -= 399 * DAY
    assert not runs.up().transitions
    runs.stores = {RING: {"aws": published(runs.ring, server_time=runs.now)}}
    made = runs.up()
    assert _codes(made.alarms) == {AlarmCode.CLOCK}
    assert set(runs.generation(2).read_back.values()) == {runs.now}
    runs.days(31)
    assert runs.states()[2] == "active"


def test_the_first_key_waits_for_a_right_clock() -> None:
    runs = Runs()
    reading = StoreReading("absent", server_time=runs.now - 400 * DAY)
    runs.stores = {RING: {"aws": reading}}
    assert _codes(runs.plan().stops) == {AlarmCode.CLOCK}


def test_four_published_keys_hold_the_next_flip() -> None:
    runs = settled()
    for _ in range(2):
        runs.up(after=60, request=Request.rotate_emergency(RING))
        runs.up(after=60)
    assert len(runs.ring.published) == 4
    runs.stores = {RING: {"gcp": StoreReading("unverified")}}
    made = runs.up(after=60, request=Request.rotate(RING))
    assert made.stopped
    assert len(runs.ring.published) == 4
