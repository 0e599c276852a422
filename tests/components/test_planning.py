"""When a run stops before it makes a key: a cloud that does not tell, and a runaway."""

from dataclasses import replace
from typing import Any

import pytest

from components.adoption import FoundKey
from components.observe import Observation
from components.planning import is_urgent, most_existing, plan_run, refuse_unsafe
from components.record import Record
from components.settings import Settings
from signet.errors import CouldNotCheck, RunFailed
from signet.rotation_plan import Request
from tests.components.conftest import NOW
from tests.components.test_read_back import parsed
from tests.unit.rotation.runs import DAY, RING, Runs, kid_of, published

SETTINGS: Settings = parsed()


def ran(days: int) -> Runs:
    """An environment that was run every day."""
    runs = Runs(policy=SETTINGS.rotation, now=NOW)
    for _ in range(days):
        runs.up(DAY)
    return runs


def key(number: int, identity: str) -> FoundKey:
    return FoundKey(
        cloud="aws", id=identity, ring=RING, generation=number, status="enabled", created_at=1
    )


def attempt(runs: Runs, keys: list[FoundKey], request: Request | None = None, **seen: Any) -> None:
    """Plan a run and hold it to what may stop it."""
    looked = Observation(stores={RING: {"aws": published(runs.ring)}}, keys=keys, **seen)
    known = Record(journal=runs.journal, confirmed=runs.confirmed)
    planned = plan_run(SETTINGS, known, looked, runs.now, request)
    refuse_unsafe(SETTINGS, looked, planned, request)


def due() -> Runs:
    runs = ran(30)
    runs.now += 2 * DAY
    return runs


def many() -> list[FoundKey]:
    most = most_existing(SETTINGS.rotation)
    return [key(1, f"twin-{number}") for number in range(most)]


def test_a_runaway_makes_no_further_key() -> None:
    with pytest.raises(RunFailed, match="its schedule explains"):
        attempt(due(), many())
    attempt(due(), many()[1:])


def test_a_runaway_stops_no_run_that_makes_no_key() -> None:
    attempt(ran(5), many())


@pytest.mark.parametrize(
    "request_", [Request.taint(RING, kid_of(1)), Request.rotate_emergency(RING)]
)
def test_a_bad_day_is_not_stopped_by_a_runaway(request_: Request) -> None:
    attempt(due(), many(), request_)


def test_no_key_is_made_in_a_cloud_that_does_not_tell_which_exist() -> None:
    with pytest.raises(CouldNotCheck, match="repeat one"):
        attempt(due(), [], unlisted={"aws": "aws: timeout"})
    attempt(ran(5), [], unlisted={"aws": "aws: timeout"})
    attempt(due(), [], unlisted={"gcp": "gcp: timeout"})


def test_only_a_taint_goes_on_without_knowing_every_key() -> None:
    assert is_urgent(Request.taint(RING, "k"))
    assert not is_urgent(Request.rotate_emergency(RING))
    assert not is_urgent(None)


def test_the_ceiling_leaves_room_for_the_whole_hold_and_for_bad_days() -> None:
    rotation = SETTINGS.rotation
    assert most_existing(rotation) == 4 + 1 + 12
    assert most_existing(replace(rotation, hold=300 * DAY)) == 4 + 10 + 12
