"""A generation's KMS key through its states: what protects it, and when it is given up."""

import json
from dataclasses import replace
from typing import Any

import pytest

from components.surroundings import Surroundings
from signet.confirmed import Confirmed
from signet.journal import Journal
from signet.key_ring import State
from tests.components import mocked
from tests.components.conftest import NOW, Whole, stashed
from tests.components.test_environment import journal_of, published, reading, state_after


def with_states(first: mocked.Run, **states: Any) -> dict[str, Any]:
    """The state of a first run, its journal's generations set as given and confirmed so."""
    journal = journal_of(first)
    ring = journal.rings["environment"]
    generations = tuple(
        replace(generation, **states[f"g{generation.number}"]) for generation in ring.generations
    )
    changed = Journal(
        journal.environment,
        {"environment": replace(ring, generations=generations, sequence=ring.sequence)},
    )
    confirmed = json.loads(first.one("confirmed").inputs["input"])
    confirmed["journal_digest"] = changed.digest
    return state_after(first) | stashed(changed.dumps(), json.dumps(confirmed))


RETIRED = {
    "g1": {"state": State.RETIRED, "activated_at": NOW, "retiring_at": NOW, "retired_at": NOW},
    "g2": {"state": State.ACTIVE, "activated_at": NOW},
}
TAINTED = {
    "g1": {"state": State.TAINTED, "activated_at": NOW, "tainted_at": NOW},
    "g2": {"state": State.ACTIVE, "activated_at": NOW},
}


@pytest.mark.parametrize("states", [RETIRED, TAINTED], ids=["retired", "tainted"])
def test_a_key_that_is_no_longer_published_is_disabled_and_may_be_given_up(
    whole: Whole, states: dict[str, Any]
) -> None:
    first = whole()
    run = whole(state=with_states(first, **states), now=NOW + 1)
    old, active = run.one("environment-1-key"), run.one("environment-2-key")
    assert old.inputs["isEnabled"] is False
    assert not old.protect
    assert not old.retain_on_delete
    assert active.inputs["isEnabled"] is True
    assert active.protect
    before = Confirmed.parse(first.one("confirmed").inputs["input"])
    after = Confirmed.parse(run.one("confirmed").inputs["input"])
    assert published(run).kids.isdisjoint({before.kid("environment", 1)})
    assert after.kid("environment", 1) == before.kid("environment", 1)
    assert after.active == {"environment": 2}


def test_a_deleted_generation_has_no_key_any_more(whole: Whole) -> None:
    states = {
        "g1": {
            "state": State.DELETED,
            "activated_at": NOW,
            "retiring_at": NOW,
            "retired_at": NOW,
            "deleted_at": NOW,
        },
        "g2": {"state": State.ACTIVE, "activated_at": NOW},
    }
    run = whole(state=with_states(whole(), **states), now=NOW + 1)
    assert "environment-1-key" not in {key.name for key in run.of("aws:kms/key:Key")}
    assert run.one("environment-2-key").inputs["isEnabled"] is True


def test_a_lowered_token_lifetime_does_not_refuse_tokens_that_live(whole: Whole) -> None:
    first = whole()
    run = whole(
        settings={"tokenLifetime": "5m", "clockSkew": "10s"},
        state=state_after(first),
        store=reading(first),
        now=NOW + 60,
    )
    archive = run.one("environment-validator-settings").inputs["code"]
    policy = json.loads(archive.assets["python/signet_settings.json"].text)["policy"]
    assert policy["max_lifetime"] == 900
    assert policy["clock_skew"] == 60
    confirmed = Confirmed.parse(run.one("confirmed").inputs["input"])
    assert confirmed.token_lifetime == {"environment": 300}


def test_an_environment_that_is_to_end_says_so_in_every_run_and_its_keys_may_go(
    whole: Whole, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr("pulumi.log.warn", said.append)
    run = whole(settings={"protectKeys": "false", "audience": "https://ending.test.invalid"})
    assert [
        line.partition(":protectKeys is off: the signing keys of test")[1] for line in said
    ] == [":protectKeys is off: the signing keys of test"]
    for key in run.of("aws:kms/key:Key"):
        assert not key.protect
        assert not key.retain_on_delete
    assert run.one("environment-store-bucket").inputs["forceDestroy"] is True


def test_protection_is_off_where_the_sandbox_says_so(
    whole: Whole, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside = Surroundings(stack="test", in_sandbox=True, aws_endpoint="http://127.0.0.1:4566")
    monkeypatch.setattr(Surroundings, "observe", lambda _stack: inside)
    run = whole(settings={"protectKeys": "false", "python": "running"})
    for key in run.of("aws:kms/key:Key"):
        assert not key.protect
        assert not key.retain_on_delete
    assert run.one("environment-store-bucket").inputs["forceDestroy"] is True
    assert run.exports["gateways"]["aws"] == {
        "http": "http://environment-gateway-http-api-id.execute-api.localhost:4566",
        "rest-token": "http://127.0.0.1:4566/restapis/environment-gateway-rest-api-id/live"
        "/_user_request_/token",
        "rest-request": "http://127.0.0.1:4566/restapis/environment-gateway-rest-api-id/live"
        "/_user_request_/request",
    }
    archive = run.one("environment-validator-settings").inputs["code"]
    assert json.loads(archive.assets["python/signet_settings.json"].text)["sandbox"] is True
