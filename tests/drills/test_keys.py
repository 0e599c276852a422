"""`signet keys` on the real engine: what an operator does on an ordinary day, and on a bad one."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from signet.engine.place import PROJECT
from signet.probing.gateway_call import call, gateways_of
from tests.drills.harness import Here, place

pytestmark = [pytest.mark.engine, pytest.mark.drill]

STACK = "local-fast"


@pytest.fixture(scope="module")
def fast(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Here]:
    """A `local-fast` stack that was run once: its staged key has not been read back yet."""
    with place(tmp_path_factory.mktemp("keys") / "state") as here:
        here.done("up", STACK, "--json")
        yield here


def status(here: Here, *codes: int) -> dict[str, Any]:
    told = here.signet("keys", "status", STACK, "--json")
    assert told.code in (codes or (0,)), told.err + told.out
    return told.json


def kid(told: dict[str, Any], state: str) -> str:
    return str(next(g["kid"] for g in told["generations"] if g["state"] == state))


def token(here: Here) -> str:
    outputs = here.done("outputs", STACK, "--json").json
    asked = ("--stack", STACK, "--audience", outputs["audience"], "--subject", "drill")
    return here.done("token", "issue", *asked, "--scope", outputs["requiredScope"]).out.strip()


def answers(here: Here, bearer: str) -> set[int]:
    outputs = here.done("outputs", STACK, "--json").json
    return {call(gateway.url, f"Bearer {bearer}").status for gateway in gateways_of(outputs)}


def audit(here: Here) -> list[dict[str, Any]]:
    path = here.state / "audit" / f"{STACK}.keys.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_keys_are_rotated_when_their_wait_is_over_and_at_once_in_an_emergency(fast: Here) -> None:
    told = status(fast)
    assert [g["state"] for g in told["generations"]] == ["active", "prepared"]
    early = fast.signet("keys", "rotate", STACK, "--yes")
    assert early.code == 1
    assert "it cannot rotate yet" in early.err
    done = fast.done("keys", "rotate", STACK, "--emergency", "--yes", "--reason", "drill", "--json")
    assert any("may refuse its tokens" in alarm for alarm in done.json["alarms"])
    after = status(fast)
    assert [g["state"] for g in after["generations"]] == ["retiring", "active", "prepared"]
    assert {line["reason"] for line in audit(fast) if line.get("request")} == {"drill"}
    assert answers(fast, token(fast)) == {200}


def test_a_taint_denies_the_key_at_every_gateway_and_the_next_one_signs(fast: Here) -> None:
    lost = kid(status(fast), "active")
    bearer = token(fast)
    told = fast.done("keys", "taint", STACK, lost, "--yes", "--reason", "INC-1", "--json").json
    assert set(told["sets"].values()) == {True}
    assert told["key_disabled"] is True
    assert 200 not in answers(fast, bearer)
    after = status(fast)
    assert after["denied"] == [lost]
    assert all(lost in cloud["denied"] for cloud in after["clouds"].values())
    assert {g["state"]: g["kms"] for g in after["generations"]}["tainted"] == "disabled"
    assert answers(fast, token(fast)) == {200}


def test_a_taint_with_the_pipeline_locked_denies_first_and_the_next_run_completes_it(
    fast: Here,
) -> None:
    lost = kid(status(fast), "prepared")
    lock = _lock(fast)
    told = fast.signet("keys", "taint", STACK, lost, "--yes", "--wait", "0", "--json")
    assert told.code == 3, told.err
    assert set(told.json["sets"].values()) == {True}
    assert any("signet up" in line for line in told.json["remains"])
    assert lost in status(fast, 0, 1)["clouds"]["aws"]["denied"]
    lock.unlink()
    fast.done("up", STACK, "--json")  # an ordinary run adopts it: the KMS key is disabled
    after = status(fast)
    assert lost in after["denied"]
    fast.done("keys", "taint", STACK, lost, "--yes", "--json")  # again: nothing left to do
    assert answers(fast, token(fast)) == {200}


def _lock(here: Here) -> Path:
    """A lock of a run on another machine, which cannot be judged from here."""
    folder = here.state / "sandbox/backend/.pulumi/locks/organization" / PROJECT / STACK
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "11111111-2222-3333-4444-555555555555.json"
    now = datetime.datetime.now(datetime.UTC).isoformat().replace("+00:00", "Z")
    told = {"pid": 1, "username": "ops", "hostname": "elsewhere", "timestamp": now}
    path.write_text(json.dumps(told), encoding="utf-8")
    return path


def test_a_rotation_and_a_taint_under_traffic_refuse_no_good_token(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with place(tmp_path_factory.mktemp("demo") / "state") as here:
        told = here.signet("demo", "--rotation", "--periods", "1", "--json")
        assert told.code == 0, told.err + told.out
        assert told.json["rotations"] >= 1
        assert told.json["refused"] == []
        assert told.json["faults"] == []
