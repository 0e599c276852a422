"""When a key source asks, waits, backs off and gives up (DESIGN.md, "Trust in the function").

Time is told, fetches run at once on the caller's thread unless a test holds them back: what is
simulated is a second that takes none.
"""

from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from validator_functions.verification.errors import KeysUnavailable, TokenRefused
from validator_functions.verification.fetch import FailureReason, FetchFailed
from validator_functions.verification.key_source import KeyEvent, RefreshMode
from validator_functions.verification.keys import foreign
from validator_functions.verification.refresh_timing import LONGEST_BACKOFF, Timing

from .stores import ISSUER, MIRROR, OTHER_MIRROR, OWN_STORE, World, body, key_set, kid

A = C = 300.0
E = 21_600.0


def deployed_world(**more: object) -> World:
    world = World(deployed=key_set(["a", "b"], 5), **more)  # type: ignore[arg-type]
    world.publish("a", "b", sequence=5)
    return world


def published_world(**more: object) -> World:
    world = World(trust="published", **more)  # type: ignore[arg-type]
    world.publish("a", "b", sequence=5)
    return world


def test_the_first_decision_of_an_instance_asks_its_own_store_before_it_answers() -> None:
    world = deployed_world()
    world.publish("a", "b", sequence=6, denied=["a"])
    assert not world.knows("a")
    assert world.stores.calls == [OWN_STORE]
    assert world.source.sequence == 6


def test_without_a_reachable_store_an_instance_serves_from_what_was_deployed() -> None:
    world = deployed_world()
    world.stores.held.clear()
    assert world.knows("a")
    assert world.stores.calls == [OWN_STORE, MIRROR, OTHER_MIRROR]
    assert world.kinds() == ["fetch_failed"] * 3
    assert {event.detail for event in world.events} == {"unreachable"}


def test_a_fresh_set_is_not_asked_for_again() -> None:
    world = deployed_world()
    for _ in range(299):
        assert world.knows("a")
        world.pass_time(1)
    assert world.fetches == 1


def test_a_set_past_its_freshness_is_renewed_beside_the_decision() -> None:
    pending: list[Callable[[], None]] = []
    world = deployed_world(spawn=pending.append)
    world.ask("a")
    pending.pop()()
    world.pass_time(C + 1)
    world.publish("a", "b", sequence=6, denied=["a"])
    assert world.knows("a")
    assert len(pending) == 1
    assert world.knows("a")
    assert len(pending) == 1
    pending.pop()()
    assert not world.knows("a")


def test_max_age_is_honoured_up_to_the_ceiling() -> None:
    for said, renewed_after in ((60, 60), (100_000, C), (0, 5), (None, C)):
        world = deployed_world()
        world.stores.max_age = said
        world.ask("a")
        world.pass_time(renewed_after)
        world.ask("a")
        assert world.fetches == 1, said
        world.pass_time(1)
        world.ask("a")
        assert world.fetches == 2, said


def test_jitter_only_shortens_freshness() -> None:
    world = deployed_world(random=0.5)
    world.ask("a")
    world.pass_time(C * 0.9)
    world.ask("a")
    assert world.fetches == 1
    world.pass_time(1)
    world.ask("a")
    assert world.fetches == 2


def test_inline_refresh_waits_for_nothing_until_the_contact_is_older_than_a_plus_c() -> None:
    world = deployed_world(mode=RefreshMode.INLINE)
    world.ask("a")
    world.publish("a", "b", sequence=6, denied=["a"])
    world.pass_time(A + C)
    assert world.knows("a")
    assert world.fetches == 1
    world.pass_time(1)
    assert not world.knows("a")
    assert world.fetches == 2


def test_a_thawed_function_asks_before_it_answers_although_its_own_clock_stood_still() -> None:
    for mode in RefreshMode:
        world = deployed_world(mode=mode)
        world.ask("a")
        world.publish("a", "b", sequence=6, denied=["a"])
        world.freeze(A + C + 1)
        assert not world.knows("a"), mode


def test_a_wall_clock_that_is_set_back_does_not_make_a_contact_younger() -> None:
    world = deployed_world()
    world.ask("a")
    world.publish("a", "b", sequence=6, denied=["a"])
    world.monotonic += A + C + 1
    world.wall -= 86_400
    assert not world.knows("a")


def test_without_contact_for_longer_than_e_nothing_can_be_checked() -> None:
    world = deployed_world()
    world.ask("a")
    world.stores.held.clear()
    world.pass_time(E)
    assert world.knows("a")
    world.pass_time(1)
    with pytest.raises(KeysUnavailable) as caught:
        world.ask("a")
    assert caught.value.reason == "keys_stale"
    world.publish("a", "b", sequence=5)
    world.pass_time(LONGEST_BACKOFF)
    assert world.knows("a")


def test_e_counts_from_the_start_of_an_instance_that_never_had_contact() -> None:
    world = deployed_world()
    world.stores.held.clear()
    assert world.knows("a")
    world.pass_time(E)
    assert world.knows("a")
    assert world.source.contact_age(world.wall) == E
    world.pass_time(1)
    with pytest.raises(KeysUnavailable, match="keys_stale"):
        world.ask("a")


def test_the_age_of_an_instance_that_never_decided_is_nothing() -> None:
    assert deployed_world().source.contact_age(0.0) == 0.0


def test_failures_back_off_exponentially_up_to_a_minute() -> None:
    world = deployed_world(mode=RefreshMode.INLINE, urls=[OWN_STORE])
    world.stores.held.clear()
    asked = []
    for second in range(400):
        before = world.fetches
        assert world.knows("a")
        if world.fetches > before:
            asked.append(second)
        world.pass_time(1)
    gaps = [later - earlier for earlier, later in pairwise(asked)]
    assert gaps[:6] == [1, 1, 2, 4, 8, 16]
    assert set(gaps[6:]) == {30}


def test_backoff_is_spread_by_chance_but_never_more_than_doubled() -> None:
    timing = Timing()
    for failures in range(1, 40):
        low = timing.failure_backoff(failures, lambda: 0.0)
        high = timing.failure_backoff(failures, lambda: 1.0)
        assert high == 2 * low
        assert 0.5 <= low <= high <= LONGEST_BACKOFF


def test_backoff_doubles_from_its_start_to_its_end() -> None:
    timing = Timing()
    failures = [timing.failure_backoff(count, lambda: 1.0) for count in (0, 1, 2, 3, 7, 9_999)]
    assert failures == [1, 1, 2, 4, 60, 60]
    unknown = [timing.unknown_backoff(count, lambda: 1.0) for count in (0, 1, 2, 3, 7, 9_999)]
    assert unknown == [5, 5, 10, 20, 300, 300]


def test_a_ceiling_of_nothing_does_not_make_every_decision_a_fetch() -> None:
    timing = Timing(max_age=0, ceiling=0)
    assert timing.overdue == 1
    assert timing.refresh_after(None, lambda: 0.0) == 1
    assert timing.failure_backoff(1, lambda: 0.0) == 0.5
    assert timing.unknown_backoff(1, lambda: 1.0) == 1


def test_a_contact_ends_the_backoff() -> None:
    world = deployed_world(mode=RefreshMode.INLINE, urls=[OWN_STORE])
    world.stores.held.clear()
    for _ in range(100):
        world.ask("a")
        world.pass_time(1)
    world.publish("a", "b", sequence=5)
    world.pass_time(LONGEST_BACKOFF)
    world.ask("a")
    world.stores.held.clear()
    world.pass_time(A + C + 1)
    before = world.fetches
    world.ask("a")
    world.pass_time(0.5)  # the first backoff, at its shortest
    world.ask("a")
    assert world.fetches == before + 2


def test_mirrors_are_asked_in_order_where_the_own_store_fails() -> None:
    world = deployed_world()
    world.stores.held[OWN_STORE] = FetchFailed(FailureReason.TIMEOUT)
    world.publish("a", sequence=6, at=MIRROR)
    assert not world.knows("b")
    assert world.stores.calls == [OWN_STORE, MIRROR]


BAD_SETS = [
    ("not JSON", b"<html>", "set_refused"),
    ("no keys", b'{"keys": []}', "set_refused"),
    ("cut short", body(["a"], 6)[:-9], "set_refused"),
    ("a lower number", body(["a", "b"], 4), "sequence_lower"),
    ("a jump", body(["a", "b"], 2_000), "sequence_jumped"),
    ("the same number, other kids", body(["a"], 5), "sequence_conflict"),
    ("no number", body(["a", "b"]), "sequence_missing"),
    ("a fault of the fetcher's own", ZeroDivisionError("x"), "fetch_failed"),
]


@pytest.mark.parametrize(("_case", "held", "kind"), BAD_SETS)
def test_a_store_whose_set_is_refused_is_no_contact_and_the_next_one_is_asked(
    _case: str, held: object, kind: str
) -> None:
    world = deployed_world()
    world.stores.held[OWN_STORE] = held
    assert world.knows("a")
    assert world.stores.calls == [OWN_STORE, MIRROR]
    event = world.events[0]
    assert (event.kind, event.url, event.issuer) == (kind, OWN_STORE, ISSUER)
    assert event.alarm == (kind != "fetch_failed")


def test_a_set_that_is_refused_keeps_no_contact_alive() -> None:
    world = deployed_world()
    world.ask("a")
    world.publish("a", "b", sequence=4)
    world.pass_time(E + 1)
    with pytest.raises(KeysUnavailable, match="keys_stale"):
        world.ask("a")


def test_denials_are_taken_from_a_set_that_is_refused() -> None:
    world = deployed_world()
    world.publish("a", "b", sequence=4, denied=["a"])
    assert not world.knows("a")
    assert world.knows("b")
    assert world.kinds().count("kid_denied") == 1


def test_an_unchanged_set_keeps_the_same_object() -> None:
    world = deployed_world()
    first = world.ask("a")
    for sequence in (6, 7):
        world.publish("a", "b", sequence=sequence)
        world.pass_time(A + C + 1)
        assert world.ask("a") is first
    assert world.fetches == 3


def test_not_modified_is_a_contact() -> None:
    world = deployed_world()
    world.stores.etags = True
    world.ask("a")
    world.pass_time(A + C + 1)
    world.ask("a")
    assert world.stores.not_modified == 1
    assert world.source.contact_age(world.wall) == 0
    world.stores.etags = False
    world.pass_time(A + C + 1)
    world.ask("a")
    world.pass_time(A + C + 1)
    world.ask("a")
    assert world.stores.not_modified == 1


def test_a_set_that_changed_under_its_etag_is_read_anew() -> None:
    world = deployed_world()
    world.stores.etags = True
    world.ask("a")
    world.publish("a", "b", sequence=6, denied=["a"])
    world.pass_time(A + C + 1)
    assert not world.knows("a")
    assert world.stores.not_modified == 0


def test_deployed_trust_never_fetches_for_an_unknown_kid() -> None:
    world = deployed_world()
    world.publish("a", "b", "c", sequence=6)
    world.ask("a")
    for _ in range(100):
        assert not world.knows("c")
        world.pass_time(1)
    assert world.fetches == 1


def test_an_instance_without_any_store_goes_stale() -> None:
    world = deployed_world(urls=[])
    assert world.knows("a")
    world.pass_time(E + 1)
    with pytest.raises(KeysUnavailable, match="keys_stale"):
        world.ask("a")
    assert world.fetches == 0


def test_another_issuer_has_nothing_to_look_for_here() -> None:
    world = deployed_world()
    with pytest.raises(TokenRefused, match="issuer_unknown"):
        world.source.keyset_for("https://other.test", kid("a"), world.wall)
    assert world.fetches == 0
    assert kid("a") in world.source.keyset_for(None, kid("a"), world.wall)


def test_an_operators_log_that_fails_harms_nothing() -> None:
    world = deployed_world()

    def fail(_event: KeyEvent) -> None:
        raise ValueError

    world.source._on_event = fail
    world.stores.held.clear()
    assert world.knows("a")


def test_where_no_thread_can_be_started_the_contact_failed() -> None:
    def no_thread(_work: Callable[[], None]) -> None:
        raise RuntimeError

    world = deployed_world(spawn=no_thread)
    assert world.knows("a")
    assert [(event.kind, event.detail) for event in world.events] == [
        ("fetch_failed", "RuntimeError")
    ]
    world.source._spawn = lambda work: work()
    world.pass_time(0.5)
    assert world.knows("a")
    assert world.fetches == 1


def test_a_fault_of_our_own_while_asking_ends_as_a_failed_contact(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = deployed_world()
    monkeypatch.setattr(world.source, "_ask", lambda *_: 1 / 0)
    assert world.knows("a")
    assert world.events[0].detail == "ZeroDivisionError"


def test_published_trust_starts_with_one_fetch() -> None:
    world = published_world()
    assert world.knows("a")
    assert world.knows("b")
    assert world.stores.calls == [OWN_STORE]
    assert set(world.kinds()) == {"kid_added"}


def test_published_trust_without_any_store_cannot_check() -> None:
    world = published_world()
    world.stores.held.clear()
    for _ in range(3):
        with pytest.raises(KeysUnavailable) as caught:
            world.ask("a")
        assert caught.value.reason == "keys_unavailable"
    assert world.fetches == 3  # one attempt, three stores


def test_an_unknown_kid_causes_one_fetch_and_then_none_for_a_while() -> None:
    world = published_world()
    world.ask("a")
    world.pass_time(6)
    world.publish("a", "b", "c", sequence=6)
    assert world.knows("c")
    assert world.fetches == 2
    for _ in range(20):
        assert not world.knows("d")
    assert world.fetches == 2


def test_a_flood_of_unknown_kids_costs_few_fetches_and_the_known_ones_none() -> None:
    world = published_world()
    world.ask("a")
    held = world.ask("a")
    for second in range(3_600):
        for number in range(3):
            keys = world.source.keyset_for(ISSUER, f"flood-{second}-{number}", world.wall)
            assert keys is held
        assert world.ask("a") is held
        world.pass_time(1)
    assert world.fetches < 40


def test_a_flood_while_the_stores_are_down_is_bounded_and_leaves_known_keys_alone() -> None:
    world = published_world()
    held = world.ask("a")
    world.stores.held.clear()
    unavailable = 0
    for second in range(3_600):
        assert world.ask("a") is held
        try:
            assert "flood" not in world.source.keyset_for(ISSUER, f"flood-{second}", world.wall)
        except KeysUnavailable:
            unavailable += 1
        assert world.ask("a") is held
        world.pass_time(1)
    attempts = world.stores.calls.count(OWN_STORE)
    assert attempts < 3_600 / (LONGEST_BACKOFF / 2) + 20
    assert unavailable > 2_900  # once the contact is older than A + C, "unknown" cannot be said


def test_backoff_for_unknown_kids_ends_when_one_is_found() -> None:
    world = published_world()
    world.ask("a")
    for number in range(4):
        world.pass_time(C / 2 - 10)
        world.source.keyset_for(ISSUER, f"vain-{number}", world.wall)
    world.publish("a", "b", "c", sequence=6)
    world.pass_time(C / 2)
    assert world.knows("c")
    world.publish("a", "b", "c", "d", sequence=7)
    world.pass_time(5)
    assert world.knows("d")


def test_a_denied_kid_is_known_and_causes_no_fetch() -> None:
    world = published_world()
    world.publish("b", sequence=5, denied=["a"])
    world.ask("b")
    world.pass_time(100)
    assert kid("a") in world.ask("a").denied
    assert world.fetches == 1


def test_one_mirror_adds_no_kid_two_that_agree_do() -> None:
    world = published_world()
    world.ask("a")
    world.pass_time(10)
    world.stores.held[OWN_STORE] = FetchFailed(FailureReason.UNREACHABLE)
    world.publish("a", "c", sequence=6, at=MIRROR)
    world.stores.held[OTHER_MIRROR] = FetchFailed(FailureReason.UNREACHABLE)
    assert not world.knows("c")
    assert not world.knows("b")
    assert "kid_unconfirmed" in world.kinds()
    world.publish("a", "c", sequence=6, at=OTHER_MIRROR)
    world.pass_time(C)
    assert world.knows("c")


def test_mirrors_that_disagree_add_nothing_but_both_may_deny() -> None:
    world = published_world()
    world.ask("a")
    world.pass_time(10)
    world.stores.held[OWN_STORE] = b""
    world.publish("a", "b", "c", sequence=6, denied=["a"], at=MIRROR)
    world.publish("a", "b", "d", sequence=6, denied=["b"], at=OTHER_MIRROR)
    assert not world.knows("c")
    assert not world.knows("d")
    assert world.ask("c").denied == {kid("a"), kid("b")}


def test_mirrors_that_agree_on_a_refused_set_add_nothing() -> None:
    world = published_world()
    world.ask("a")
    world.pass_time(10)
    world.stores.held[OWN_STORE] = b""
    world.publish("a", "c", sequence=4, at=MIRROR)
    world.publish("a", "c", sequence=4, at=OTHER_MIRROR)
    assert not world.knows("c")
    assert world.knows("a")


def test_the_same_mirror_named_twice_does_not_agree_with_itself() -> None:
    world = published_world(urls=[OWN_STORE, MIRROR, MIRROR])
    world.ask("a")
    world.pass_time(10)
    world.stores.held[OWN_STORE] = b""
    world.publish("a", "b", "c", sequence=6, at=MIRROR)
    assert not world.knows("c")


def test_a_mirror_that_adds_nothing_is_enough_for_known_kids() -> None:
    world = published_world()
    world.ask("a")
    world.stores.held[OWN_STORE] = b""
    world.pass_time(A + C + 1)
    assert world.knows("a")
    assert world.stores.calls[-2:] == [OWN_STORE, MIRROR]
    assert world.source.contact_age(world.wall) == 0


def test_a_foreign_issuers_set_has_no_sequence_and_one_address() -> None:
    world = World(trust="published", urls=[OWN_STORE], profile=foreign("ES256"))
    world.stores.held[OWN_STORE] = body(["a"])
    assert world.knows("a")
    world.stores.held[OWN_STORE] = body(["b"])
    world.pass_time(10)
    assert world.knows("b")
    assert not world.knows("a")


def test_a_required_fetch_shares_one_second_among_all_stores() -> None:
    world = deployed_world()
    world.stores.held.clear()

    def slow(_url: str) -> None:
        world.pass_time(world.stores.timeouts[-1])

    world.stores.before = slow
    world.ask("a")
    assert world.stores.timeouts == [0.5, 0.25, 0.25]


def test_no_store_is_asked_when_the_second_is_over() -> None:
    world = deployed_world()
    world.stores.held.clear()
    world.stores.before = lambda _url: world.pass_time(1)
    world.ask("a")
    assert world.stores.calls == [OWN_STORE]


def test_a_background_fetch_gives_each_store_its_second() -> None:
    world = deployed_world()
    world.ask("a")
    world.stores.held.clear()
    world.stores.timeouts.clear()
    world.stores.before = lambda _url: world.pass_time(world.stores.timeouts[-1])
    world.pass_time(C + 1)
    world.ask("a")
    assert world.stores.timeouts == [1.0, 1.0, 1.0]


# Short enough to be waited for in earnest where a test holds a fetch back.
IMPATIENT = Timing(patience=0.01)


def test_while_a_store_stays_down_only_the_first_decision_waits() -> None:
    pending: list[Callable[[], None]] = []
    world = deployed_world(spawn=pending.append, timing=IMPATIENT)
    world.stores.held.clear()
    waited: list[bool] = []
    for _ in range(3):
        world.ask("a")
        attempt = world.source._attempt
        assert attempt is not None
        waited.append(attempt.required)
        pending.pop()()
        world.pass_time(5)
    assert waited == [True, False, False]


def test_a_fetch_that_never_reports_is_given_up_after_ten_seconds() -> None:
    pending: list[Callable[[], None]] = []
    world = deployed_world(spawn=pending.append, timing=IMPATIENT)
    world.ask("a")
    world.pass_time(10)
    world.ask("a")
    assert len(pending) == 1
    world.freeze(1)
    world.ask("a")
    assert len(pending) == 2
    pending.pop()()
    assert world.fetches == 1
    assert world.source.contact_age(world.wall) == 0


def test_an_answer_found_after_a_thaw_is_as_old_as_its_question() -> None:
    world = deployed_world()
    world.stores.before = lambda _url: world.freeze(E)
    assert world.knows("a")
    assert world.fetches == 1
    assert world.source.contact_age(world.wall) == E
    world.stores.held.clear()
    world.freeze(1)
    with pytest.raises(KeysUnavailable, match="keys_stale"):
        world.ask("a")


def test_a_late_answer_does_not_make_a_newer_contact_older() -> None:
    world = deployed_world()

    def overtaken(_url: str) -> None:
        world.stores.before = lambda _url: None
        world.pass_time(11)
        world.publish("a", "b", sequence=6)
        assert world.knows("a")
        assert world.source.contact_age(world.wall) == 0

    world.stores.before = overtaken
    assert world.knows("a")
    assert world.fetches == 2
    assert world.source.contact_age(world.wall) == 0
    assert world.source.sequence == 6


@given(
    mode=st.sampled_from(list(RefreshMode)),
    chance=st.floats(0, 1, exclude_max=True),
    between=st.integers(1, 120),
    phase=st.integers(0, 700),
)
@settings(max_examples=40)
def test_a_denial_reaches_an_instance_within_a_plus_c_while_its_store_is_in_reach(
    mode: RefreshMode, chance: float, between: int, phase: int
) -> None:
    world = deployed_world(mode=mode, random=chance)
    for _ in range(0, phase + 1, between):
        assert world.knows("a")
        world.pass_time(between)
    world.publish("a", "b", sequence=6, denied=["a"])
    waited = 0
    while world.knows("a"):
        world.pass_time(between)
        waited += between
        assert waited <= A + C + between
    assert world.knows("b")


@given(chance=st.floats(0, 1, exclude_max=True), between=st.integers(60, 3_000))
@settings(max_examples=20)
def test_without_any_store_an_instance_ends_between_e_and_one_decision_later(
    chance: float, between: int
) -> None:
    world = deployed_world(random=chance)
    world.ask("a")
    world.stores.held.clear()
    served, reason = 0, ""
    while not reason:
        world.pass_time(between)
        try:
            world.ask("a")
            served += between
        except KeysUnavailable as error:
            reason = str(error.reason)
    assert reason == "keys_stale"
    assert E - between < served <= E
