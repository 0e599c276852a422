"""Many at once: threads that race, and an event loop that must not stand still."""

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from validator_functions.verification.attempt import (
    MOST_SEEKERS,
    Attempt,
    Deferral,
    deferring,
    wait_or_defer,
)
from validator_functions.verification.errors import KeysUnavailable, TokenRefused
from validator_functions.verification.key_source import KeySource, start_thread
from validator_functions.verification.key_sources import KeySources
from validator_functions.verification.refresh_timing import Moment, Timing

from .stores import ISSUER, World, key_set, kid

CROWD = 24


class Gate:
    """A store that answers when it is told to."""

    def __init__(self, world: World) -> None:
        self.entered = threading.Event()
        self.opened = threading.Event()
        world.stores.before = self.hold

    def hold(self, _url: str) -> None:
        self.entered.set()
        assert self.opened.wait(10)


def crowd(world: World, names: Callable[[int], str]) -> list[object]:
    """What a crowd of threads that start together is answered."""
    barrier = threading.Barrier(CROWD)

    def one(number: int) -> object:
        barrier.wait(10)
        try:
            return world.source.keyset_for(ISSUER, names(number), world.wall)
        except KeysUnavailable as error:
            return str(error.reason)

    with ThreadPoolExecutor(CROWD) as pool:
        return list(pool.map(one, range(CROWD)))


def deployed_world(patience: float = 5.0) -> World:
    world = World(
        deployed=key_set(["a", "b"], 5), spawn=start_thread, timing=Timing(patience=patience)
    )
    world.publish("a", "b", sequence=5)
    return world


def published_world(patience: float = 5.0) -> World:
    world = World(trust="published", spawn=start_thread, timing=Timing(patience=patience))
    world.publish("a", "b", sequence=5)
    return world


def test_a_crowd_of_first_decisions_makes_one_fetch_and_all_hear_of_the_denial() -> None:
    world = deployed_world()
    world.publish("a", "b", sequence=6, denied=["a"])
    answers = crowd(world, lambda _number: kid("a"))
    assert world.fetches == 1
    assert len(set(map(id, answers))) == 1
    assert all(kid("a") not in answer for answer in answers)  # type: ignore[operator]


def test_a_crowd_on_an_aged_set_makes_one_fetch_that_nobody_waits_for() -> None:
    world = deployed_world()
    world.ask("a")
    world.pass_time(301)
    gate = Gate(world)
    began = time.monotonic()
    answers = crowd(world, lambda _number: kid("a"))
    assert time.monotonic() - began < 4
    assert all(kid("a") in answer for answer in answers)  # type: ignore[operator]
    assert gate.entered.wait(5)
    assert world.fetches == 2
    gate.opened.set()


def test_a_known_kid_passes_while_a_fetch_for_an_unknown_one_hangs() -> None:
    world = published_world()
    world.ask("a")
    world.pass_time(10)
    gate = Gate(world)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(world.ask, "c")
        assert gate.entered.wait(5)
        began = time.monotonic()
        for _ in range(1_000):
            assert world.knows("a")
        assert time.monotonic() - began < 4
        world.publish("a", "b", "c", sequence=6)
        gate.opened.set()
        assert kid("c") in waiting.result(5)
    assert world.fetches == 2


def test_a_crowd_with_the_same_new_kid_makes_one_fetch_and_all_admitted_ones_know_it() -> None:
    world = published_world()
    world.ask("a")
    world.pass_time(10)
    gate = Gate(world)
    world.publish("a", "b", "c", sequence=6)
    threading.Timer(0.3, gate.opened.set).start()
    answers = crowd(world, lambda _number: kid("c"))
    assert world.fetches == 2
    turned_away = [answer for answer in answers if answer == "keys_unavailable"]
    assert len(turned_away) <= CROWD - MOST_SEEKERS
    assert all(kid("c") in answer for answer in answers if not isinstance(answer, str))  # type: ignore[operator]


def test_a_flood_of_unknown_kids_holds_few_threads() -> None:
    world = published_world(patience=0.5)
    world.ask("a")
    world.pass_time(10)
    gate = Gate(world)
    answers = crowd(world, lambda number: f"flood-{number}")
    assert answers == ["keys_unavailable"] * CROWD
    assert world.fetches == 2
    gate.opened.set()


def test_a_first_decision_waits_no_longer_than_its_patience() -> None:
    world = deployed_world(patience=0.2)
    gate = Gate(world)
    # The clock of this world stands still, so only the wait itself ends.
    began = time.monotonic()
    assert world.knows("a")
    assert 0.15 < time.monotonic() - began < 4
    gate.opened.set()


def test_threads_that_race_on_every_kind_of_decision_agree_in_the_end() -> None:
    world = published_world()
    stop = time.monotonic() + 1.0
    faults: list[str] = []

    def churn(number: int) -> None:
        names = ["a", "b", "c"]
        while time.monotonic() < stop:
            world.pass_time(7)
            if number == 0:
                sequence = (world.source.sequence or 5) + 1
                world.publish("a", "b", "c", sequence=sequence)
            try:
                keys = world.ask(names[number % 3])
            except KeysUnavailable:
                continue
            if "a" in names and kid("a") not in keys:
                faults.append("a known key was missing")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(churn, range(8)))
    assert faults == []
    world.pass_time(700)
    assert world.knows("c")
    assert world.source._attempt is None or not world.source._attempt.finished


async def turns(stop: asyncio.Event) -> int:
    """How often the loop comes round until `stop`."""
    count = 0
    while not stop.is_set():
        await asyncio.sleep(0.005)
        count += 1
    return count


def test_the_event_loop_goes_on_while_a_first_decision_waits() -> None:
    world = deployed_world()
    gate = Gate(world)
    world.publish("a", "b", sequence=6, denied=["a"])

    async def scenario() -> tuple[bool, int]:
        stop = asyncio.Event()
        counting = asyncio.create_task(turns(stop))
        asyncio.get_running_loop().call_later(0.2, gate.opened.set)
        keys = await world.source.keyset_for_async(ISSUER, kid("a"), world.wall)
        stop.set()
        return kid("a") in keys, await counting

    # Only the loop opens the gate: had it stood still, the patience would have run out first.
    began = time.monotonic()
    known, count = asyncio.run(scenario())
    assert time.monotonic() - began < 4
    assert not known
    assert count >= 2


def test_a_known_kid_is_answered_in_one_turn_of_the_loop() -> None:
    world = deployed_world()
    world.ask("a")

    async def scenario() -> bool:
        return kid("a") in await world.source.keyset_for_async(ISSUER, kid("a"), world.wall)

    assert asyncio.run(scenario())
    assert world.fetches == 1


def test_an_awaited_wait_ends_with_its_patience() -> None:
    world = published_world(patience=0.2)
    gate = Gate(world)

    async def scenario() -> None:
        await world.source.keyset_for_async(ISSUER, kid("a"), world.wall)

    began = time.monotonic()
    with pytest.raises(KeysUnavailable, match="keys_unavailable"):
        asyncio.run(scenario())
    assert 0.15 < time.monotonic() - began < 4
    gate.opened.set()


def test_what_cannot_be_checked_at_once_is_said_at_once() -> None:
    world = published_world()
    world.stores.held.clear()
    with pytest.raises(KeysUnavailable):
        world.ask("a")

    async def scenario() -> None:
        await world.source.keyset_for_async(ISSUER, kid("a"), world.wall)

    with pytest.raises(KeysUnavailable):
        asyncio.run(scenario())
    assert world.fetches == 3


def _attempt() -> Attempt:
    return Attempt(Moment(0.0, 0.0), required=True, seeking=False)


def test_a_callback_comes_once_and_at_once_where_all_is_over() -> None:
    attempt = _attempt()
    called: list[int] = []
    attempt.then(lambda: called.append(1))
    attempt.finish()
    attempt.then(lambda: called.append(2))
    assert called == [1, 2]


def test_a_loop_that_is_gone_needs_no_waking() -> None:
    attempt = _attempt()

    async def scenario() -> None:
        deferral = Deferral()
        deferral.attempts.append((attempt, 0.01))
        await deferral.settled()

    asyncio.run(scenario())
    attempt.finish()
    assert attempt.finished


def test_only_what_is_under_way_and_has_time_left_is_deferred() -> None:
    running, finished = _attempt(), _attempt()
    finished.finish()
    with deferring() as deferral:
        wait_or_defer(running, 0.0)
        wait_or_defer(finished, 5.0)
        assert not deferral.pending
        wait_or_defer(running, 5.0)
        assert deferral.attempts == [(running, 5.0)]


def test_what_was_deferred_calls_back_as_each_part_ends_and_says_how_long_to_wait() -> None:
    first, second = _attempt(), _attempt()
    called: list[int] = []
    with deferring() as deferral:
        wait_or_defer(first, 0.5)
        wait_or_defer(second, 0.75)
    assert deferral.then(lambda: called.append(1)) == 0.75
    assert (called, deferral.finished) == ([], False)
    first.finish()
    assert (called, deferral.finished) == ([1], False)
    second.finish()
    assert (called, deferral.finished) == ([1, 1], True)


def test_nothing_deferred_is_nothing_to_wait_for() -> None:
    with deferring() as deferral:
        pass
    assert deferral.finished
    assert deferral.then(lambda: None) == 0.0


def test_seekers_are_admitted_up_to_their_number() -> None:
    attempt = _attempt()
    admitted = [attempt.admit_seeker() for _ in range(MOST_SEEKERS + 3)]
    assert admitted == [True] * MOST_SEEKERS + [False] * 3


def test_deferring_ends_with_its_block() -> None:
    world = deployed_world()
    gate = Gate(world)
    with deferring() as deferral:
        assert kid("a") in world.ask("a")
    assert deferral.pending
    gate.opened.set()
    with deferring() as second:
        world.ask("a")
    world.ask("a")
    assert len(second.attempts) <= 1


def sources() -> tuple[KeySources, World, World]:
    first, second = deployed_world(), deployed_world()
    second.source.issuer = "https://other.test/ring"
    return KeySources([first.source, second.source]), first, second


def test_each_issuer_has_its_own_ring_and_no_other() -> None:
    both, first, second = sources()
    assert list(both) == [first.source, second.source]
    both.keyset_for(ISSUER, kid("a"), first.wall)
    assert (first.fetches, second.fetches) == (1, 0)
    asyncio.run(both.keyset_for_async("https://other.test/ring", kid("a"), first.wall))
    assert (first.fetches, second.fetches) == (1, 1)


@pytest.mark.parametrize("issuer", [None, "", "https://keys.test/ring/", "https://nobody.test"])
def test_an_issuer_that_is_not_trusted_selects_no_ring(issuer: str | None) -> None:
    both, first, second = sources()
    with pytest.raises(TokenRefused, match="issuer_unknown"):
        both.keyset_for(issuer, kid("a"), first.wall)
    assert (first.fetches, second.fetches) == (0, 0)


def test_where_one_issuer_is_trusted_none_has_to_be_named() -> None:
    world = deployed_world()
    assert kid("a") in KeySources([world.source]).keyset_for(None, kid("a"), world.wall)


def test_a_key_source_works_with_the_systems_clock_and_thread() -> None:
    world = deployed_world()
    real = KeySource(world.source._source, world.stores)
    assert kid("a") in real.keyset_for(ISSUER, kid("a"), time.time())
    assert world.fetches == 1
