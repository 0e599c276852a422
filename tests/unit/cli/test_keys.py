"""`signet keys`: what an operator is told, asked and answered, without engine and clouds."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from components import break_glass, observe
from components.adoption import FoundKey
from components.observe import CloudReader
from components.settings import parse
from components.surroundings import Surroundings
from signet import paths
from signet.cli import denial_run, main, stack_run, stacks
from signet.documents import render_jwks
from signet.errors import CouldNotCheck, NegativeAnswer
from signet.observed import StoreReading
from signet.rotation_plan import Request
from tests.components.conftest import SETTINGS
from tests.components.test_denying import Store, jwk
from tests.unit.rotation.runs import DAY, RING, Runs, kid_of

WEEK = 7


def real_kids(text: str) -> str:
    """Put the thumbprints of real keys where a record holds made-up names."""
    for number in (1, 2, 3):
        text = text.replace(kid_of(number), jwk(number)["kid"])
    return text


@dataclass
class Place:
    root: Path
    stack: str = "test"
    settings_name: str = "test"
    in_sandbox: bool = False

    @contextmanager
    def applied(self) -> Iterator[None]:
        yield


@dataclass
class Stack:
    """An environment in one cloud: its record, its store, and what its runs were asked."""

    runs: Runs
    store: Store
    place: Place
    requests: list[Request | None] = field(default_factory=list)
    fails: Exception | None = None
    name: str = "test"
    found: list[FoundKey] = field(default_factory=list)
    hidden: bool = False

    def export(self) -> dict[str, Any]:
        assert self.runs.journal is not None
        assert self.runs.confirmed is not None
        told = {"journal": self.runs.journal, "confirmed": self.runs.confirmed}
        return {
            "resources": [
                {
                    "type": "pulumi:index:Stash",
                    "urn": f"urn:pulumi:test::signet::pulumi:index:Stash::{name}",
                    "outputs": {"input": real_kids(record.dumps())},
                }
                for name, record in told.items()
            ]
        }

    def reading(self, _: str) -> StoreReading:
        try:
            return self.store.held().reading
        except CouldNotCheck:
            return StoreReading("unverified", detail="no answer")

    def keys(self) -> tuple[FoundKey, ...]:
        if self.hidden:
            raise CouldNotCheck("no answer", where="aws: timeout")
        return tuple(self.found)

    def mend(self) -> None:
        """Nothing is left over here."""

    def up(self, asked: stacks.Asked, **_: Any) -> Any:
        self.requests.append(asked.request)
        if self.fails is not None:
            raise self.fails
        asked.tell(SimpleNamespace(plan=self.runs.plan(asked.request)))  # type: ignore[arg-type]
        return SimpleNamespace(counts={"update": 1, "same": 2}, seconds=1.0)


@pytest.fixture
def stack(tmp_path: Path, state_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Stack:
    assert state_dir
    config = {f"signet:{key}": value for key, value in SETTINGS.items()}
    (tmp_path / "Pulumi.yaml").write_text("name: signet\n")
    (tmp_path / "Pulumi.test.yaml").write_text(json.dumps({"config": config}))
    raw = {k: v if isinstance(v, str) else json.dumps(v) for k, v in SETTINGS.items()}
    policy = parse(raw, Surroundings(stack="test")).rotation
    runs = Runs(policy=policy, now=int(time.time()) - (WEEK + 1) * DAY)
    for _ in range(WEEK):
        runs.up(DAY)
    keys = [jwk(generation.number) for generation in runs.ring.published]
    store = Store(render_jwks(keys, runs.ring.sequence, []))
    made = Stack(runs, store, Place(tmp_path))

    @contextmanager
    def ready(given: Stack, _args: object) -> Iterator[Stack]:
        yield given

    reader = CloudReader(store=made.reading, keys=made.keys)
    monkeypatch.setattr(stacks, "existing_stack", lambda *_, **__: made)
    monkeypatch.setattr(stacks, "warm_up", lambda: None)
    monkeypatch.setattr(stack_run, "ready", ready)
    monkeypatch.setattr(stack_run, "unsettled", lambda _: [])
    monkeypatch.setattr(observe, "readers", lambda _: {"aws": reader})
    monkeypatch.setattr(break_glass, "hands", lambda *_: {"aws": made.store})
    monkeypatch.setattr(denial_run, "_EVERY", 0.02)
    monkeypatch.setattr(denial_run, "_PATIENCE", 0.1)
    return made


def audit() -> list[dict[str, Any]]:
    path = paths.key_audit_file("test")
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def test_status_tells_each_key_what_comes_next_and_what_is_published(
    stack: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.main(["keys", "status", "test", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [(g["generation"], g["state"], g["kid"]) for g in told["generations"]] == [
        (1, "active", jwk(1)["kid"]),
        (2, "prepared", jwk(2)["kid"]),
    ]
    assert told["clouds"]["aws"]["as_recorded"] is True
    assert told["generations"][0]["next"] == "hands over to its successor"
    assert told["generations"][0]["at"] == told["generations"][0]["since"] + 30 * DAY
    assert stack.requests == []
    assert main.main(["keys", "status", "test"]) == 0
    shown = capsys.readouterr().out
    assert "gen   1  ===" in shown
    assert "activation waits: the rotation period" in shown


def test_status_cannot_be_sure_where_a_store_is_out_of_reach(
    stack: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    stack.store.down = True
    assert main.main(["keys", "status", "test"]) == 3
    assert "aws could not be read back" in capsys.readouterr().out


def test_status_says_no_when_the_next_run_would_stop(
    stack: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    keys = [jwk(1), jwk(2)]
    stack.store.overwrite(render_jwks(keys, stack.runs.ring.sequence + 9, []))
    assert main.main(["keys", "status", "test"]) == 1
    assert "STOP: environment: aws publishes number" in capsys.readouterr().out


def test_an_unknown_ring_is_a_fault_of_the_command_line(
    stack: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.main(["keys", "status", "test", "--ring", "orders"]) == 2
    assert "its rings: environment" in capsys.readouterr().err
    assert stack.requests == []


def test_rotate_shows_the_plan_and_runs_it(
    stack: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.main(["keys", "rotate", "test", "--yes"]) == 0
    assert stack.requests == [Request.rotate(RING)]
    shown = capsys.readouterr().out
    assert "environment generation 2: prepared -> active: the operator asked for it" in shown


def test_rotate_is_refused_with_the_time_that_is_left(
    stack: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    stack.runs.now = int(time.time()) - 3_600
    stack.runs.up(request=Request.rotate(RING))
    stack.store.overwrite(render_jwks([jwk(1), jwk(2), jwk(3)], stack.runs.ring.sequence, []))
    stack.runs.up(60)
    assert main.main(["keys", "rotate", "test", "--yes"]) == 1
    told = capsys.readouterr().err
    assert "it cannot rotate yet (23 h" in told
    assert "nothing was changed" in told
    assert stack.requests == []


def test_an_emergency_says_what_it_breaks_and_does_it(
    stack: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    stack.runs.now = int(time.time()) - 3_600
    stack.runs.up(request=Request.rotate(RING))
    stack.store.overwrite(render_jwks([jwk(1), jwk(2), jwk(3)], stack.runs.ring.sequence, []))
    assert main.main(["keys", "rotate", "test", "--emergency", "--yes"]) == 0
    assert "may refuse its tokens for up to" in capsys.readouterr().out
    assert stack.requests[0] == Request.rotate_emergency(RING)


@pytest.mark.parametrize("action", ["rotate", "taint"])
def test_nobody_to_ask_means_nothing_is_done(
    stack: Stack, action: str, capsys: pytest.CaptureFixture[str]
) -> None:
    more = [jwk(1)["kid"]] if action == "taint" else []
    before = stack.store.body
    assert main.main(["keys", action, "test", *more]) == 2
    assert "--yes" in capsys.readouterr().err
    assert stack.requests == []
    assert (stack.store.body, stack.store.disabled) == (before, [])


@pytest.mark.parametrize("number", [1, 2])
def test_taint_acts_on_the_data_plane_first_and_then_runs(
    stack: Stack, number: int, capsys: pytest.CaptureFixture[str]
) -> None:
    kid = jwk(number)["kid"]
    asked = ["keys", "taint", "test", kid, "--yes", "--reason", "INC-1"]
    assert main.main(asked) == 0
    shown = capsys.readouterr().out
    assert "every token of generation" in shown
    assert "10 min after it is rewritten" in shown
    assert stack.store.disabled == [f"key/{number}"]
    assert stack.store.set.denied == {kid}
    assert kid not in stack.store.set.kids
    assert stack.requests[0] == Request.taint(RING, kid)
    assert [(line["event"], line["reason"]) for line in audit()] == [
        ("key_disabled", "INC-1"),
        ("set_rewritten", "INC-1"),
    ]


def test_taint_with_the_pipeline_locked_denies_the_key_and_tells_what_remains(
    stack: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    stack.fails = NegativeAnswer("test is held by somebody else")
    assert main.main(["keys", "taint", "test", jwk(1)["kid"], "--yes"]) == 3
    assert stack.store.set.denied == {jwk(1)["kid"]}
    assert stack.store.disabled == ["key/1"]
    shown = capsys.readouterr().out
    assert "the run: test is held by somebody else; run `signet up test`" in shown


def test_taint_tries_a_cloud_out_of_reach_again_and_ends_with_what_remains(
    stack: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    stack.store.down = True
    assert main.main(["keys", "taint", "test", jwk(1)["kid"], "--yes", "--json"]) == 3
    told = json.loads(capsys.readouterr().out)
    assert told["sets"] == {"aws": False}
    assert told["key_disabled"] is False
    assert len(told["remains"]) == 2
    assert stack.requests[0] == Request.taint(RING, jwk(1)["kid"])


def test_taint_keeps_the_sets_denied_while_its_run_is_under_way(stack: Stack) -> None:
    published = stack.store.body or ""
    run = stack.up

    def slow(asked: stacks.Asked, **more: Any) -> Any:
        if asked.request is not None:
            stack.store.overwrite(published)  # a run that was under way brings the key back
            limit = time.monotonic() + 5
            while not stack.store.set.denied and time.monotonic() < limit:
                time.sleep(0.01)
            assert stack.store.set.denied == {jwk(1)["kid"]}
        return run(asked, **more)

    stack.up = slow  # type: ignore[method-assign]
    assert main.main(["keys", "taint", "test", jwk(1)["kid"], "--yes"]) == 0


def test_taint_without_a_run_leaves_it_to_somebody_else(stack: Stack) -> None:
    assert main.main(["keys", "taint", "test", jwk(1)["kid"], "--yes", "--no-up"]) == 3
    assert stack.requests == []
    assert stack.store.set.denied == {jwk(1)["kid"]}


def test_the_first_eight_characters_name_a_key(stack: Stack) -> None:
    kid = jwk(2)["kid"]
    assert main.main(["keys", "taint", "test", kid[:8], "--yes"]) == 0
    assert stack.store.set.denied == {kid}


@pytest.mark.parametrize("kid", ["-" + "A" * 42, "-" + "B" * 9, "--" + "C" * 41])
def test_a_kid_that_begins_with_a_dash_is_no_option(kid: str) -> None:
    asked = ["keys", "taint", "test", kid, "--yes"]
    assert main._shielded(asked) == ["keys", "taint", "test", "--yes", "--", kid]


@pytest.mark.parametrize("asked", ["abc", "nobodys-key", ""])
def test_a_name_of_no_key_is_a_fault_of_the_command_line(
    stack: Stack, asked: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.main(["keys", "taint", "test", asked, "--yes"]) == 2
    assert jwk(1)["kid"] in capsys.readouterr().err
    assert stack.store.disabled == []


def test_a_whole_kid_is_denied_although_no_generation_has_it(stack: Stack) -> None:
    strange = "-" + "A" * 42
    assert main.main(["keys", "taint", "test", strange, "--yes"]) == 0
    assert stack.store.set.denied == {strange}
    assert stack.store.set.kids == {jwk(1)["kid"], jwk(2)["kid"]}
    assert stack.store.disabled == []


def test_a_forged_denial_is_rejected_by_a_run(stack: Stack) -> None:
    sequence = stack.runs.ring.sequence
    stack.store.overwrite(render_jwks([jwk(2)], sequence + 1, [jwk(1)["kid"]]))
    assert main.main(["keys", "status", "test"]) == 1
    stack.runs.stores = {RING: {"aws": stack.reading(RING)}}
    asked = ["keys", "reject-denial", "test", jwk(1)["kid"], "--yes"]
    assert main.main(asked) == 0
    assert stack.requests == [Request.reject_denial(RING, jwk(1)["kid"])]


def test_sets_ahead_of_the_record_are_declared_forged_by_a_run(stack: Stack) -> None:
    sequence = stack.runs.ring.sequence
    stack.store.overwrite(render_jwks([jwk(1), jwk(2)], sequence + 9, []))
    assert main.main(["keys", "trust-journal", "test", "--yes"]) == 0
    assert stack.requests == [Request.trust_journal(RING)]


def kms_key(identity: str, generation: int, created_at: int = 1, ring: str = RING) -> FoundKey:
    return FoundKey(
        cloud="aws",
        id=identity,
        ring=ring,
        generation=generation,
        status="enabled",
        created_at=created_at,
    )


def test_leftovers_are_listed_and_removed_and_keys_in_use_are_neither(
    stack: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    in_use = [kms_key("1", 1), kms_key("2", 2)]  # the record's own, by the ids it confirmed
    stack.found = [*in_use, kms_key("twin", 2, created_at=9)]
    assert main.main(["keys", "leftovers", "test", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [key["id"] for key in told["leftovers"]] == ["twin"]
    assert stack.store.removed == []
    assert main.main(["keys", "leftovers", "test", "--remove"]) == 2
    assert stack.store.removed == []
    assert main.main(["keys", "leftovers", "test", "--remove", "--yes"]) == 0
    assert stack.store.removed == ["twin"]
    assert [(line["event"], line["key"]) for line in audit()] == [("leftover_removed", "twin")]


@pytest.mark.parametrize(
    ("asked", "listed"),
    [((), ["theirs", "twin"]), (("--service", "orders"), ["theirs"]), (("--ring", RING), ["twin"])],
)
def test_leftovers_of_every_ring_are_listed_unless_one_is_named(
    stack: Stack, asked: tuple[str, ...], listed: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    # As the run that warns of them names no ring, neither need the command that it names.
    recorded = [kms_key("1", 1), kms_key("2", 2)]
    stack.found = [*recorded, kms_key("twin", 2, 9), kms_key("theirs", 1, 9, ring="orders")]
    assert main.main(["keys", "leftovers", "test", *asked, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [key["id"] for key in told["leftovers"]] == listed


def test_no_leftover_is_named_while_the_record_cannot_be_relied_on(stack: Stack) -> None:
    stack.found = [kms_key("newer", 9)]  # this state is older than that key
    assert main.main(["keys", "leftovers", "test", "--remove", "--yes"]) == 1
    assert stack.store.removed == []


def test_leftovers_of_a_cloud_that_does_not_tell_are_not_known(stack: Stack) -> None:
    stack.hidden = True
    assert main.main(["keys", "leftovers", "test"]) == 3


def test_a_leftover_that_the_cloud_does_not_remove_is_told(
    stack: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    stack.found = [kms_key("2", 2), kms_key("twin", 2, created_at=9)]
    stack.store.down = True
    assert main.main(["keys", "leftovers", "test", "--remove", "--yes"]) == 3
    assert "is NOT removed" in capsys.readouterr().out
    assert audit() == []
