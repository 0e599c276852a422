"""From when on the signing cloud remembers every used token, through homes that move."""

from __future__ import annotations

from dataclasses import replace

from signet.moved_home import memory_since
from signet.rotation import Request
from tests.unit.rotation.runs import DAY, POLICY, RING, Runs, kid_of


def moving() -> Runs:
    """An environment at the run that flips to the first key of its new home."""
    runs = Runs()
    runs.until_settled()
    runs.policy = replace(POLICY, home="gcp")
    while (active := runs.ring.active) is None or active.cloud == "aws":
        if runs.now > runs.ring.generations[0].prepared_at + 90 * DAY:
            raise AssertionError("the home never moved")
        runs.up(after=DAY)
    return runs


def test_an_environment_that_never_moved_remembers_all() -> None:
    runs = Runs()
    runs.until_settled()
    assert memory_since(runs.ring) == 0
    runs.days(40)
    assert len(runs.ring.generations) > 2
    assert memory_since(runs.ring) == 0


def test_nothing_is_remembered_for_sure_until_a_run_saw_the_move_completed() -> None:
    runs = moving()
    assert memory_since(runs.ring) is None
    runs.up(after=600)
    assert memory_since(runs.ring) == runs.now


def test_a_move_whose_runs_fail_is_not_over() -> None:
    runs = moving()
    runs.confirmed = replace(runs.confirmed, active={RING: 2}) if runs.confirmed else None
    for _ in range(3):
        runs.up(after=DAY, complete=False)
        assert memory_since(runs.ring) is None
    runs.up(after=DAY)
    assert memory_since(runs.ring) is None
    runs.up(after=DAY)
    assert memory_since(runs.ring) == runs.now


def test_the_moment_stays_through_later_rotations_and_moves_with_the_next_home() -> None:
    runs = moving()
    runs.up(after=600)
    since = runs.now
    runs.days(45)
    assert memory_since(runs.ring) == since
    runs.policy = POLICY
    while (active := runs.ring.active) is not None and active.cloud == "gcp":
        runs.up(after=DAY)
    assert memory_since(runs.ring) is None
    runs.up(after=DAY)
    assert memory_since(runs.ring) == runs.now


def test_a_taint_of_the_last_key_at_home_ends_what_its_service_gave_out() -> None:
    runs = Runs()
    runs.until_settled()
    runs.policy = replace(POLICY, home="gcp")
    while runs.ring.prepared is None or runs.ring.prepared.cloud == "aws":
        runs.up(after=DAY)
    assert runs.ring.active is not None
    runs.up(after=DAY, request=Request.taint(RING, kid_of(runs.ring.active.number)))
    assert runs.ring.active.cloud == "gcp"
    assert memory_since(runs.ring) == runs.now
