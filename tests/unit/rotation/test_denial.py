"""What a taint writes to the stores before and without the pipeline."""

from __future__ import annotations

from signet.denial import Assertion, assertion
from signet.observed import StoreReading
from tests.unit.rotation.runs import RING, Runs, kid_of, published, settled

KIDS = {1: kid_of(1), 2: kid_of(2)}


def _assert(runs: Runs, **changed: StoreReading) -> Assertion:
    stores = {**runs.readings()[RING], **changed}
    return assertion(runs.ring, KIDS, stores, kid_of(1))


def test_every_reachable_store_gets_the_same_set_without_the_key_and_with_it_denied() -> None:
    assert _assert(settled()) == Assertion(
        2, frozenset({kid_of(2)}), frozenset({kid_of(1)}), ("aws", "azure", "gcp")
    )


def test_it_continues_above_the_highest_number_that_validators_take() -> None:
    runs = settled()
    assert _assert(runs, gcp=published(runs.ring, sequence=40)).sequence == 41
    assert _assert(runs, gcp=published(runs.ring, sequence=10**9)).sequence == 2


def test_it_is_never_built_on_a_set_that_was_rolled_back() -> None:
    runs = settled()
    old = StoreReading("read", 0, frozenset({"an-older-key", kid_of(1)}))
    assert _assert(runs, aws=old).kids == {kid_of(2)}


def test_a_store_that_cannot_be_read_is_left_for_the_next_round() -> None:
    assert _assert(settled(), gcp=StoreReading("unverified")).clouds == ("aws", "azure")


def test_a_store_that_already_denies_the_key_is_not_written_again() -> None:
    runs = settled()
    done = published(runs.ring, sequence=2, denied=frozenset({kid_of(1)}))
    made = _assert(runs, aws=done, azure=done, gcp=done)
    assert made.clouds == ()


def test_another_denial_is_carried_along() -> None:
    runs = settled()
    other = published(runs.ring, denied=frozenset({kid_of(2)}))
    made = _assert(runs, aws=other)
    assert made.denied == {kid_of(1), kid_of(2)}
    assert not made.kids & made.denied
