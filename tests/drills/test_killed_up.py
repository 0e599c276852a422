"""`kill -9` of `signet up`: the next one clears the lock, adopts what was made, and converges."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox import supervisor
from signet.engine import locks
from signet.engine.place import PROJECT
from tests.drills import census
from tests.drills.harness import Here, place

pytestmark = pytest.mark.engine

RECORD = {"journal", "confirmed"}
RESOURCES = 52


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Here]:
    with place(tmp_path / "state") as found:
        yield found


def held(here: Here) -> list[locks.Lock]:
    return locks.of_folder(here.state / "sandbox" / "backend", PROJECT, "local")


def check_convergence(here: Here) -> None:
    """Hold the next `up` to all that it promises, and those after it to changing nothing.

    The first that follows a complete one may still note in the record what it read back.
    """
    here.done("up", "local", "--json")
    assert census.unsettled(here.state) == []
    assert held(here) == []
    assert census.ids_in_cloud(here.state) == census.ids_by_type(census.recorded(here.state))
    assert set(here.done("up", "local", "--json").changed) <= RECORD
    assert here.done("up", "local", "--json").changed == []


@pytest.mark.parametrize(
    ("moment", "number", "victims"),
    [
        pytest.param("started", 7, "both", id="while the first resources are made"),
        pytest.param("started", 16, "both", id="while the keys are made"),
        pytest.param("started", 40, "command", id="the command alone, while gateways are made"),
    ],
)
def test_the_next_up_converges_without_a_second_of_anything(
    here: Here, moment: str, number: int, victims: str
) -> None:
    assert here.killed(moment, number, victims=victims).code == -9
    if victims == "both":
        assert census.unsettled(here.state), "the run was not killed in the middle of anything"
        assert len(held(here)) == 1
    check_convergence(here)


def test_a_down_after_a_killed_up_leaves_no_resource_and_no_process(here: Here) -> None:
    assert here.killed("started", 30).code == -9
    assert census.unsettled(here.state)
    here.done("down", "local", "--yes")
    assert supervisor.status(here.state).state == "stopped"
    supervisor.start(here.state, say=lambda _: None)
    assert census.ids_in_cloud(here.state) == {}


@pytest.mark.drill
@pytest.mark.parametrize(
    ("victims", "number"),
    [
        *(("both", number) for number in range(1, RESOURCES + 1, 2)),
        *(("command", number) for number in range(4, RESOURCES + 1, 8)),
        *(("engine", number) for number in range(8, RESOURCES + 1, 8)),
    ],
)
def test_whatever_the_resource_and_whoever_dies(here: Here, victims: str, number: int) -> None:
    here.killed("started", number, delay=0.2, victims=victims)
    check_convergence(here)


@pytest.mark.drill
@pytest.mark.parametrize("number", range(2, RESOURCES + 1, 8))
def test_killed_right_after_a_resource_was_recorded(here: Here, number: int) -> None:
    here.killed("changed", number, delay=0.0)
    check_convergence(here)


@pytest.mark.drill
def test_killed_again_and_again_until_it_is_through(here: Here) -> None:
    for number in (5, 9, 4, 12, 8):
        here.killed("started", number, delay=0.25)
    check_convergence(here)
