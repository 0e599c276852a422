"""The artefact that a token service is deployed with: it comes back as it was, or not at all."""

import json
from typing import Any

import pytest

from signet.errors import SettingsError
from signet.issuing.exchange.limits import Rate, TokenBuckets
from signet.issuing.exchange.replay import MemoryReplayStore, replay_key
from signet.issuing.exchange.subjects import Subjects
from signet.strict_json import RecordError
from signet.token_service import TokenServiceSettings
from tests.unit.exchange.world import CALLERS, ISSUER, callers, settings
from tests.unit.issuing.local_keys import LocalSigner
from tests.unit.verification.stores import Stores


@pytest.mark.parametrize("since", [0, 1_800_000_000, None])
def test_settings_come_back_as_they_were(since: int | None) -> None:
    written = settings(LocalSigner("RS256"), memory_since=since).dumps()
    read = TokenServiceSettings.parse(written)
    assert read.dumps() == written
    assert read.services[0].callers == callers()


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"schema": 2}, "schema 2"),
        ({"unknown": 1}, "unknown field unknown"),
        ({"sandbox": "no"}, "sandbox is not true or false"),
        ({"endpoint": "http://127.0.0.1:1"}, "only a sandbox has an endpoint"),
        ({"replay": ""}, "nothing remembers them"),
        ({"keys": {}}, "no key signs for the ring environment"),
        ({"memory_since": "now"}, "memory_since"),
        ({"services": 7}, "services is not a list"),
    ],
)
def test_settings_that_contradict_themselves_are_refused(
    changes: dict[str, Any], told: str
) -> None:
    members = json.loads(settings(LocalSigner("RS256")).dumps()) | changes
    with pytest.raises(RecordError, match=told):
        TokenServiceSettings.parse(json.dumps(members))


def test_two_services_of_one_audience_and_a_limit_of_nothing_are_refused() -> None:
    members = json.loads(settings(LocalSigner("RS256")).dumps())
    twice = {**members, "services": members["services"] * 2}
    with pytest.raises(RecordError, match="two services have one audience"):
        TokenServiceSettings.parse(json.dumps(twice))
    members["limits"]["sign_burst"] = 0
    with pytest.raises(RecordError, match="a limit of 0"):
        TokenServiceSettings.parse(json.dumps(members))


def test_a_loopback_issuer_outside_the_sandbox_stops_the_service() -> None:
    raw = [{**CALLERS[0], "issuer": "http://127.0.0.1:8000"}]
    written = settings(LocalSigner("RS256"), raw).dumps()
    with pytest.raises(SettingsError, match="is not an HTTPS URL"):
        TokenServiceSettings.parse(written)


def test_one_issuer_cannot_be_two_platforms() -> None:
    raw = [
        {**CALLERS[1], "issuer": "https://git.example"},
        {**CALLERS[0], "issuer": "https://git.example"},
    ]
    with pytest.raises(SettingsError, match="two kinds of identity"):
        Subjects(callers(raw), ISSUER, Stores())


def test_a_bucket_fills_at_its_rate_and_no_higher_than_its_burst() -> None:
    buckets = TokenBuckets(Rate(per_second=0.5, burst=2))
    assert [buckets.take("a", 0.0) for _ in range(3)] == [0, 0, 2]
    assert buckets.take("b", 0.0) == 0
    assert buckets.take("a", 1.0) == 1
    assert buckets.take("a", 2.0) == 0
    assert [buckets.take("a", 1_000.0) for _ in range(3)] == [0, 0, 2]
    assert buckets.take("a", 999.0) == 2


def test_a_replay_key_is_of_issuer_and_id_together() -> None:
    store = MemoryReplayStore()
    assert store.first_use(replay_key("https://a", "1"), 5)
    assert not store.first_use(replay_key("https://a", "1"), 5)
    assert store.first_use(replay_key("https://b", "1"), 5)
    assert replay_key("https://a", "b1") != replay_key("https://ab", "1")
