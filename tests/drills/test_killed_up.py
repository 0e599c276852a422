"""`kill -9` of `signet up`: the next one clears the lock, adopts what was made, and converges."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sandbox import supervisor
from signet.engine import locks
from signet.engine.place import PROJECT
from tests.drills import census
from tests.drills.checkout import Checkout
from tests.drills.harness import Here, place

pytestmark = pytest.mark.engine

RECORD = {"journal", "confirmed"}
RESOURCES, STEP = 93, 10
"""How many operations the first `up` of one cloud has, and how far apart single kills are."""
FEWEST_RUNS, MOST_RUNS = 6, 60


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Here]:
    with place(tmp_path / "state") as found:
        yield found


def held(here: Here) -> list[locks.Lock]:
    return locks.of_folder(here.state / "sandbox" / "backend", PROJECT, "local")


def check_convergence(here: Here) -> int:
    """Hold the next `up` to all that it promises, and the one after it to changing nothing.

    It may still note in the record what it read back. Returns how many resources there are.
    """
    counts = here.done("up", "local", "--json").json["counts"]
    assert census.unsettled(here.state) == []
    assert held(here) == []
    recorded = census.recorded(here.state)
    assert census.ids_in_cloud(here.state) == census.ids_by_type(recorded)
    assert census.ids_in_fakes(here.state) == census.recorded_in_fakes(recorded)
    assert set(here.done("up", "local", "--json").changed) <= RECORD
    return int(sum(counts.values()))


@pytest.mark.parametrize(
    ("moment", "number", "victims"),
    [
        pytest.param(
            "started", 7, "both", id="while the first resources are made", marks=pytest.mark.drill
        ),
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
    assert here.done("up", "local", "--json").changed == []


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
        *(("both", number) for number in range(1, RESOURCES + 1, STEP)),
        *(("command", number) for number in range(4, RESOURCES + 1, 3 * STEP)),
        *(("engine", number) for number in range(8, RESOURCES + 1, 3 * STEP)),
    ],
)
def test_whatever_the_resource_and_whoever_dies(here: Here, victims: str, number: int) -> None:
    here.killed("started", number, delay=0.2, victims=victims)
    assert check_convergence(here) < RESOURCES + STEP, "no kill comes near the last resources"


@pytest.mark.drill
@pytest.mark.parametrize("number", range(2, RESOURCES + 1, 3 * STEP))
def test_killed_right_after_a_resource_was_recorded(here: Here, number: int) -> None:
    here.killed("changed", number, delay=0.0)
    check_convergence(here)


@pytest.mark.drill
@pytest.mark.parametrize("number", [3, 9, 15, 21])
@pytest.mark.parametrize("cloud", ["azure", "gcp"])
def test_killed_while_azure_or_google_makes_something(
    tmp_path: Path, cloud: str, number: int
) -> None:
    with alone(tmp_path, cloud) as found:
        assert found.killed("started", number, delay=0.2).code == -9
        assert census.unsettled(found.state)
        check_convergence(found)


@pytest.mark.drill
@pytest.mark.parametrize(("cloud", "soon"), [("aws", 0.2), ("azure", 0.2), ("gcp", 0.05)])
def test_killed_after_every_few_resources_until_it_is_through(
    tmp_path: Path, cloud: str, soon: float
) -> None:
    """Each run takes the next few further, so that every resource is once made by a killed run.

    It is killed so many seconds after a resource was begun: on an idle machine the fake Google is
    through after five kills with 0.2, and AWS, which has more to make, is not after sixty with
    0.02. One that got no further than the run before is given longer: some operations have not
    reached the cloud at once, and would never be got past.
    """
    with alone(tmp_path, cloud) as found:
        codes, delay, before = [-9], soon, -1
        while codes[-1] == -9 and len(codes) < MOST_RUNS:
            told = found.killed("started", 3, delay=delay)
            codes.append(told.code)
            made = len(census.recorded(found.state))
            delay, before = (soon if made > before else delay + 0.2), made
        assert codes[-1] == 0, f"the runs got no further: {codes}\n{told.err}{told.out}"
        assert len(codes) > FEWEST_RUNS, "hardly a run was killed"
        check_convergence(found)


@contextmanager
def alone(folder: Path, cloud: str) -> Iterator[Here]:
    """A place for a `local` stack in this cloud and no other."""
    files = Checkout(folder / "checkout")
    files.configure("local", clouds=[cloud], home=cloud)
    try:
        yield Here(folder / "state", files.root)
    finally:
        supervisor.forget(folder / "state", say=lambda _: None)
