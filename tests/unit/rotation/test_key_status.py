"""How a ring is told to people: what comes next, and the drawing."""

import json

import pytest

from signet.key_events import Origin, completed, of_plan
from signet.key_ring import State
from signet.key_status import GenerationStatus, draw, since, statuses
from signet.rotation_plan import Request
from tests.unit.rotation.runs import DAY, POLICY, RING, START, Runs, kid_of


def told(runs: Runs) -> list[GenerationStatus]:
    kids = {g.number: kid_of(g.number) for g in runs.ring.generations}
    return statuses(runs.ring, runs.plan(), kids, POLICY.rotation_period)


@pytest.fixture
def ran() -> Runs:
    """A ring in the middle of its second period: one of each of the first states."""
    runs = Runs()
    runs.up()
    for _ in range(31):
        runs.up(DAY)
    return runs


def test_each_generation_says_what_comes_next_and_when(ran: Runs) -> None:
    first, second, third = told(ran)
    assert [row.generation.state for row in (first, second, third)] == [
        State.RETIRING,
        State.ACTIVE,
        State.PREPARED,
    ]
    assert "retirement waits" in first.next
    assert (second.next, second.at) == (
        "hands over to its successor",
        START + 60 * DAY,
    )
    assert "activation waits: the rotation period" in third.next
    assert third.at == START + 60 * DAY
    assert second.kid == kid_of(2)


def test_the_time_since_is_that_of_the_state(ran: Runs) -> None:
    first, second, third = ran.ring.generations
    assert since(first) == first.retiring_at
    assert since(second) == second.activated_at
    assert since(third) == third.prepared_at


def test_the_drawing_shows_the_past_now_and_the_next_step(ran: Runs) -> None:
    lines = draw(told(ran), ran.now, width=61)
    first, second, third, axis = (line.removeprefix("gen   ")[3:] for line in lines)
    assert first.startswith("=" * 30 + "-")
    assert second.startswith("." * 30)
    assert third[:30].strip() == ""
    assert {line[31] for line in (first, second, third)} == {"|"}
    assert second.endswith(">")
    assert third.endswith(">")
    assert axis.split() == ["31", "d", "ago", "in", "29", "d"]


def test_a_ring_without_keys_draws_nothing() -> None:
    assert draw([], START) == []


def test_a_transition_of_the_next_run_is_what_comes_next(ran: Runs) -> None:
    for _ in range(28):
        ran.up(DAY)
    ran.now += 1 * DAY
    rows = {row.generation.number: row.next for row in told(ran)}
    assert rows[2].startswith("the next run: retiring")
    assert rows[3].startswith("the next run: active")


def test_a_line_is_written_for_each_transition_with_who_and_why(ran: Runs) -> None:
    origin = Origin(
        stack="dev", actor="ops@host", reason="INC-1", request=Request.taint(RING, kid_of(2))
    )
    before = ran.confirmed
    planned = ran.plan(origin.request)
    lines = [json.loads(line) for line in of_plan(planned, origin, ran.now, before)]
    assert [(line["generation"], line["after"]) for line in lines] == [
        (2, "tainted"),
        (3, "active"),
    ]
    assert lines[0]["kid"] == kid_of(2)
    assert {(line["by"], line["reason"], line["request"]) for line in lines} == {
        ("ops@host", "INC-1", "taint")
    }
    assert planned.journal is not None
    assert {line["journal"] for line in lines} == {planned.journal.digest}
    done = completed(planned, origin, ran.now, before)
    assert done is not None
    assert json.loads(done)["event"] == "completed"


def test_an_ordinary_run_that_changes_nothing_writes_nothing(ran: Runs) -> None:
    ran.up()
    origin = Origin(stack="dev", actor="timer")
    planned = ran.plan()
    assert list(of_plan(planned, origin, ran.now, ran.confirmed)) == []
    assert completed(planned, origin, ran.now, ran.confirmed) is None
