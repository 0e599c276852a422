"""The program under mocks: who moved which key, written down once it is in the state."""

import json
from pathlib import Path
from typing import Any

import pytest

from components import packaging
from components.observe import CloudReader
from components.planning import Planned
from components.program import main
from signet import paths
from signet.errors import CouldNotCheck, RunFailed
from signet.journal import Journal
from signet.key_ring import State
from signet.observed import StoreReading
from signet.rotation_plan import Request
from tests.components import mocked
from tests.components.conftest import NOW, SETTINGS
from tests.components.test_environment import published, reading, state_after

RING = "environment"


@pytest.fixture(autouse=True)
def _place(state_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert state_dir
    built = packaging.Bundle(Path("bundle.zip"), "a" * 64, "b" * 64, 2)
    monkeypatch.setattr(packaging, "build_bundle", lambda *_: built)
    monkeypatch.setenv("GITHUB_ACTOR", "ada")
    monkeypatch.setenv("GITHUB_REPOSITORY", "o/r")
    monkeypatch.setenv("GITHUB_RUN_ID", "7")


def run(*, preview: bool = False, state: Any = None, **asked: Any) -> mocked.Run:
    store = asked.pop("store", StoreReading("absent"))
    keys = asked.pop("keys", tuple)
    now = asked.pop("now", NOW)
    reader = CloudReader(store=lambda _: store, keys=keys)
    return mocked.run(
        lambda: main(lambda _: {"aws": reader}, lambda: now, **asked),
        settings=SETTINGS,
        state=state,
        preview=preview,
    )


def lines() -> list[dict[str, Any]]:
    path = paths.key_audit_file(mocked.STACK)
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def test_each_transition_is_written_down_with_who_did_it_and_then_that_it_is_complete() -> None:
    first = run(reason="first day")
    told = lines()
    assert [(line["event"], line.get("after")) for line in told] == [
        ("transition", "active"),
        ("transition", "prepared"),
        ("completed", None),
    ]
    assert {line["by"] for line in told} == {"ada (GitHub o/r run 7)"}
    assert {line["reason"] for line in told} == {"first day"}
    run(state=state_after(first), store=reading(first), now=NOW + 60)
    assert [line["event"] for line in lines()[3:]] == ["completed"]  # the first read-back is noted


def test_a_preview_writes_nothing_down() -> None:
    run(preview=True)
    assert lines() == []


def test_a_run_that_stops_writes_nothing_down() -> None:
    somebodys = StoreReading("read", 3, frozenset({"k"}))
    with pytest.raises(RunFailed):
        run(store=somebodys)
    assert lines() == []


def test_a_request_reaches_the_plan_and_its_reason_the_audit() -> None:
    first = run()
    (lost, _) = sorted(published(first).kids)
    plans: list[Planned] = []
    second = run(
        state=state_after(first),
        store=reading(first),
        now=NOW + 60,
        request=Request.taint(RING, lost),
        reason="INC-1",
        tell=plans.append,
    )
    ring = Journal.parse(second.one("journal").inputs["input"]).rings[RING]
    assert ring.denied == {lost}
    assert State.TAINTED in {generation.state for generation in ring.generations}
    assert lost not in published(second).kids
    assert plans[0].plan.journal is not None
    after = [line for line in lines() if line.get("reason") == "INC-1"]
    assert {line["request"] for line in after} == {"taint"}
    assert lost in {line.get("kid") for line in after}


def test_a_taint_goes_on_without_knowing_every_key_and_an_ordinary_run_does_not() -> None:
    def hidden() -> tuple[()]:
        raise CouldNotCheck("no answer")

    first = run()
    (lost, _) = sorted(published(first).kids)
    given = {"state": state_after(first), "store": reading(first), "now": NOW + 60}
    with pytest.raises(CouldNotCheck):
        run(keys=hidden, **given)
    second = run(keys=hidden, request=Request.taint(RING, lost), **given)
    assert lost in Journal.parse(second.one("journal").inputs["input"]).rings[RING].denied
