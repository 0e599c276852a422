"""What a published set may and may not change (DESIGN.md, "Trust in the function", invariant 6)."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from validator_functions.verification.keys import Key, KeySet
from validator_functions.verification.trusted_keys import (
    DENIED_KEPT,
    LARGEST_JUMP,
    Change,
    TrustedKeys,
)

from .stores import key_set, kid

DEPLOYED = ["a", "b"]


def deployed(sequence: int | None = 5) -> TrustedKeys:
    return TrustedKeys.start(key_set(DEPLOYED, sequence), fixed=True)


def published(*names: str, sequence: int | None = 5) -> TrustedKeys:
    return TrustedKeys.start(key_set(names, sequence) if names else None, fixed=False)


def names_in(keys: KeySet) -> set[str]:
    return {name for name in "abcdef" if kid(name) in keys}


ACCEPTED = [
    ("the same number and kids as deployed", ["a", "b"], 5, {"a", "b"}),
    ("a higher number", ["a", "b"], 6, {"a", "b"}),
    ("the largest jump", ["a", "b"], 5 + LARGEST_JUMP, {"a", "b"}),
    ("a newer set without a kid", ["a"], 6, {"a"}),
    ("a newer set that would add a kid", ["a", "b", "c"], 6, {"a", "b"}),
    ("a newer set with only foreign kids", ["c"], 6, set()),
]


@pytest.mark.parametrize(("_case", "names", "sequence", "left"), ACCEPTED)
def test_a_published_set_only_takes_away_from_deployed_keys(
    _case: str, names: list[str], sequence: int, left: set[str]
) -> None:
    outcome = deployed().offer(key_set(names, sequence), confirmed=True)
    assert outcome.accepted
    assert names_in(outcome.state.keys) == left
    assert outcome.state.sequence == sequence


REFUSED = [
    ("a lower number", ["a", "b"], 4, Change.SEQUENCE_LOWER),
    ("a jump of more than 1,000", ["a", "b"], 6 + LARGEST_JUMP, Change.SEQUENCE_JUMPED),
    ("the deployed number with other kids", ["a"], 5, Change.SEQUENCE_CONFLICT),
    ("no number", ["a", "b"], None, Change.SEQUENCE_MISSING),
]


@pytest.mark.parametrize(("_case", "names", "sequence", "change"), REFUSED)
def test_a_set_that_breaks_the_sequence_is_refused_and_told(
    _case: str, names: list[str], sequence: int | None, change: Change
) -> None:
    before = deployed()
    outcome = before.offer(key_set(names, sequence), confirmed=True)
    assert not outcome.accepted
    assert outcome.changes == ((change, None),)
    assert outcome.state.keys is before.keys
    assert outcome.state.sequence == 5


@pytest.mark.parametrize(("_case", "names", "sequence", "change"), REFUSED)
def test_denials_count_from_a_set_that_breaks_the_sequence(
    _case: str, names: list[str], sequence: int | None, change: Change
) -> None:
    outcome = deployed().offer(key_set(names, sequence, denied=["b"]), confirmed=True)
    assert not outcome.accepted
    assert names_in(outcome.state.keys) == {"a"}
    assert kid("b") in outcome.state.keys.denied
    assert outcome.changes == ((Change.KID_DENIED, kid("b")), (change, None))


def test_the_same_number_with_other_bytes_is_refused_once_bytes_were_seen() -> None:
    state = deployed().offer(key_set(DEPLOYED, 6), confirmed=True).state
    reordered = key_set(["b", "a"], 6)
    assert reordered.kids == key_set(DEPLOYED, 6).kids
    outcome = state.offer(reordered, confirmed=True)
    assert outcome.changes == ((Change.SEQUENCE_CONFLICT, None),)


def test_a_denial_outlives_every_later_set() -> None:
    state = deployed().offer(key_set(DEPLOYED, 6, denied=["a"]), confirmed=True).state
    for sequence in range(7, 10):
        state = state.offer(key_set(DEPLOYED, sequence), confirmed=True).state
    assert names_in(state.keys) == {"b"}


def test_a_deployed_kid_that_is_published_again_counts_again() -> None:
    state = deployed().offer(key_set(["a"], 6), confirmed=True).state
    assert names_in(state.offer(key_set(DEPLOYED, 7), confirmed=True).state.keys) == {"a", "b"}


def test_denials_of_kids_that_were_never_deployed_are_not_kept() -> None:
    outcome = deployed().offer(key_set(DEPLOYED, 6, denied=["c", "d"]), confirmed=True)
    assert outcome.state.denied == frozenset()


def test_denials_that_came_with_the_deployed_set_stay() -> None:
    state = TrustedKeys.start(key_set(["a", "b"], 5, denied=["b", "c"]), fixed=True)
    assert names_in(state.keys) == {"a"}
    later = state.offer(key_set(["a", "b"], 6), confirmed=True).state
    assert later.keys.denied == {kid("b"), kid("c")}


def test_an_unchanged_set_keeps_the_same_object_so_that_caches_hold() -> None:
    before = deployed()
    after = before.offer(key_set(DEPLOYED, 6), confirmed=True).state
    assert after.keys is before.keys
    withdrawn = after.offer(key_set(["a"], 7), confirmed=True)
    assert withdrawn.state.keys is not before.keys
    assert withdrawn.changes == ((Change.KID_WITHDRAWN, kid("b")),)


def test_deny_takes_nothing_but_denials() -> None:
    before = deployed()
    outcome = before.deny(key_set(["c"], 9, denied=["a"]))
    assert not outcome.accepted
    assert names_in(outcome.state.keys) == {"b"}
    assert outcome.state.sequence == 5
    assert before.deny(key_set(["c"], 9)).state is before


def test_deployed_trust_without_deployed_keys_is_an_error() -> None:
    with pytest.raises(ValueError, match="needs deployed keys"):
        TrustedKeys.start(None, fixed=True)


def test_published_trust_starts_with_what_is_confirmed() -> None:
    outcome = published().offer(key_set(["a", "b"], 70_000), confirmed=True)
    assert outcome.accepted
    assert names_in(outcome.state.keys) == {"a", "b"}
    assert {change for change, _ in outcome.changes} == {Change.KID_ADDED}


def test_published_trust_takes_no_new_kid_from_one_mirror() -> None:
    outcome = published("a", "b").offer(key_set(["a", "c"], 6), confirmed=False)
    assert outcome.accepted
    assert names_in(outcome.state.keys) == {"a"}
    assert (Change.KID_UNCONFIRMED, kid("c")) in outcome.changes
    confirmed = outcome.state.offer(key_set(["a", "c"], 6), confirmed=True)
    assert names_in(confirmed.state.keys) == {"a", "c"}


def _renamed(name: str, as_kid: str) -> KeySet:
    key = key_set([name], 6).get(kid(name))
    assert key is not None
    swapped = Key(as_kid, key.algorithm, key.public_key, key.check)
    return KeySet({as_kid: swapped}, sequence=6, sha256="0" * 64)


def test_one_mirror_cannot_replace_the_key_behind_a_known_kid() -> None:
    before = published("a")
    real = before.keys.get(kid("a"))
    after = before.offer(_renamed("c", kid("a")), confirmed=False).state
    assert after.keys.get(kid("a")) is real


def test_a_confirmed_set_may_replace_the_key_behind_a_kid() -> None:
    before = published("a")
    after = before.offer(_renamed("c", kid("a")), confirmed=True).state
    assert after.keys is not before.keys
    assert after.keys.get(kid("a")) != before.keys.get(kid("a"))


def test_another_algorithm_makes_another_key() -> None:
    before = published("a")
    key = before.keys.get(kid("a"))
    assert key is not None
    other = Key(key.kid, "ES384", key.public_key, key.check)
    after = before.offer(KeySet({key.kid: other}, sequence=6), confirmed=True).state
    assert after.keys.get(kid("a")) is other


def test_published_trust_reads_the_same_keys_as_the_same_object() -> None:
    before = published("a", "b")
    assert before.offer(key_set(["a", "b"], 6), confirmed=True).state.keys is before.keys


def test_a_foreign_issuer_has_no_sequence_to_keep() -> None:
    state = TrustedKeys.start(None, fixed=False, sequenced=False)
    for names in (["a"], ["a", "b"], ["c"]):
        outcome = state.offer(key_set(names), confirmed=True)
        assert outcome.accepted
        state = outcome.state
    assert names_in(state.keys) == {"c"}


def _denying(kids: list[str], names: list[str], sequence: int) -> KeySet:
    base = key_set(names, sequence)
    return KeySet(
        {key.kid: key for key in base}, sequence=sequence, denied=frozenset(kids), sha256="1" * 64
    )


def test_denials_of_unheard_kids_are_bounded_but_those_of_known_ones_always_count() -> None:
    state = published("a", "b")
    flood = [f"flood-{number}" for number in range(DENIED_KEPT)]
    state = state.offer(_denying(flood, ["a", "b"], 6), confirmed=True).state
    assert len(state.denied) == DENIED_KEPT
    more = [kid("a"), *(f"more-{number}" for number in range(10))]
    state = state.offer(_denying(more, ["a", "b"], 7), confirmed=True).state
    assert len(state.denied) == DENIED_KEPT + 1
    assert names_in(state.keys) == {"b"}


OFFERS = st.lists(
    st.tuples(
        st.sets(st.sampled_from("abcd"), min_size=1),
        st.integers(1, 20) | st.integers(1_000, 1_020) | st.none(),
        st.sets(st.sampled_from("abcd")),
        st.booleans(),
    ),
    max_size=12,
)


@given(offers=OFFERS, fixed=st.booleans())
def test_no_series_of_sets_breaks_an_invariant(offers: list[Any], fixed: bool) -> None:
    state = TrustedKeys.start(key_set(DEPLOYED, 5), fixed=fixed)
    denied: set[str] = set()
    confirmed_kids = {kid(name) for name in DEPLOYED}
    numbers: dict[int, str | None] = {}
    for names, sequence, denials, confirmed in offers:
        offered = key_set(sorted(names), sequence, sorted(denials))
        before = state
        outcome = state.offer(offered, confirmed=confirmed)
        state = outcome.state
        denied |= {kid(name) for name in denials}
        if outcome.accepted and confirmed:
            confirmed_kids |= offered.kids
        assert state.keys.kids.isdisjoint(denied & confirmed_kids)
        assert state.keys.kids <= confirmed_kids
        assert state.denied >= before.denied
        if fixed:
            assert state.keys.kids <= {kid(name) for name in DEPLOYED}
        assert state.sequence is not None
        assert before.sequence is not None
        assert 0 <= state.sequence - before.sequence <= LARGEST_JUMP
        if outcome.accepted:
            assert numbers.setdefault(state.sequence, offered.sha256) == offered.sha256
        else:
            assert state.published == before.published


def test_a_refused_set_brings_no_withdrawn_key_back() -> None:
    state = deployed().offer(key_set(["a"], 6), confirmed=True).state
    for _ in range(2):
        outcome = state.offer(key_set(DEPLOYED, 5, denied=["b"]), confirmed=True)
        assert outcome.accepted is False
        state = outcome.state
        assert names_in(state.keys) == {"a"}
        assert state.published == {kid("a")}
    denied = deployed().offer(key_set(["a"], 6), confirmed=True).state
    outcome = denied.deny(key_set(["c"], 9, denied=["a"]))
    assert outcome.accepted is False
    assert outcome.state.keys.kids == frozenset()
    again = outcome.state.deny(key_set(["c"], 9, denied=["b"])).state
    assert again.published == {kid("a")}


def test_a_refused_set_does_not_loosen_what_one_number_stands_for() -> None:
    state = deployed().offer(key_set(DEPLOYED, 6), confirmed=True).state
    state = state.offer(key_set(DEPLOYED, 4, denied=["a"]), confirmed=True).state
    outcome = state.offer(key_set(["b", "a"], 6), confirmed=True)
    assert outcome.changes == ((Change.SEQUENCE_CONFLICT, None),)


def test_deployed_trust_stays_deployed_trust_through_every_offer() -> None:
    state = deployed()
    for sequence in (6, 7, 8):
        state = state.offer(key_set(["a", "b", "c"], sequence), confirmed=True).state
        assert names_in(state.keys) == {"a", "b"}
        assert state.fixed is True


def test_a_change_of_every_kind_is_told_at_once() -> None:
    outcome = published("a", "b").offer(key_set(["c"], 6, denied=["a"]), confirmed=True)
    assert outcome.changes == (
        (Change.KID_DENIED, kid("a")),
        (Change.KID_ADDED, kid("c")),
        (Change.KID_WITHDRAWN, kid("b")),
    )


def test_the_keys_carry_the_sequence_and_the_denials_of_what_was_accepted() -> None:
    outcome = published("a").offer(key_set(["b"], 6, denied=["a"]), confirmed=True)
    assert outcome.state.keys.sequence == outcome.state.sequence == 6
    assert outcome.state.keys.denied == {kid("a")}


def test_beyond_the_bound_a_denial_still_counts_for_a_key_that_the_set_itself_holds() -> None:
    flood = [f"flood-{number}" for number in range(DENIED_KEPT)]
    state = published("a").offer(_denying(flood, ["a"], 6), confirmed=True).state
    state = state.offer(_denying([kid("b"), "more"], ["a", "b"], 7), confirmed=True).state
    assert names_in(state.keys) == {"a"}
    assert "more" not in state.denied
