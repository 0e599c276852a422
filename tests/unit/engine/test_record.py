"""The record, read out of a state without a run."""

from typing import Any

import pytest

from signet.confirmed import KeyResource
from signet.engine import record
from signet.errors import CouldNotCheck
from signet.journal import Journal

JOURNAL = Journal(environment="local", rings={}).dumps()


def stash(name: str, text: Any, **more: Any) -> dict[str, Any]:
    return {
        "urn": f"urn:pulumi:local::signet::pulumi:index:Stash::{name}",
        "type": "pulumi:index:Stash",
        "outputs": {"input": text, "output": "the first value that it was ever given"},
        **more,
    }


def test_a_stack_that_was_never_up_has_no_record() -> None:
    assert record.of_deployment({}) == (None, None)
    assert record.of_deployment({"resources": None}) == (None, None)


def test_the_journal_is_the_stashs_input() -> None:
    journal, confirmed = record.of_deployment({"resources": [stash("journal", JOURNAL)]})
    assert journal is not None
    assert journal.dumps() == JOURNAL
    assert confirmed is None


def test_other_stashes_and_deleted_ones_are_not_the_record() -> None:
    resources = [
        stash("journal", "old", delete=True),
        stash("notjournal", "x"),
        {**stash("journal", "x"), "type": "signet:aws:KeyRing"},
        stash("journal", JOURNAL),
    ]
    assert record.of_deployment({"resources": resources})[0] is not None


@pytest.mark.parametrize("text", ["", "{", '{"schema": 99}', 7, {"environment": "local"}])
def test_a_record_of_another_form_could_not_be_checked(text: Any) -> None:
    with pytest.raises(CouldNotCheck):
        record.of_deployment({"resources": [stash("journal", text)]})


def signing_key(cloud: str, name: str, **outputs: object) -> dict[str, object]:
    kind = f"signet:{cloud}:SigningKey"
    chain = f"signet:index:Environment$signet:{cloud}:Cloud$signet:{cloud}:KeyRing${kind}"
    return {"type": kind, "urn": f"urn:pulumi:dev::signet::{chain}::{name}", "outputs": outputs}


JWK = {"kid": "k1", "kty": "RSA", "n": "AQ", "e": "AQAB"}


@pytest.mark.parametrize(
    ("cloud", "name", "output"),
    [
        ("aws", "environment-7", "arn"),
        ("azure", "environment-7", "keyUri"),
        ("gcp", "gcp-environment-7", "versionName"),
    ],
)
def test_a_key_that_no_run_confirmed_is_known_by_its_component(
    cloud: str, name: str, output: str
) -> None:
    state = {"resources": [signing_key(cloud, name, jwk=JWK, **{output: "its-name"})]}
    assert record.key_resources(state, "environment") == {"k1": (7, KeyResource(cloud, "its-name"))}
    assert record.key_resources(state, "orders") == {}
    assert record.public_keys(state) == [JWK]


@pytest.mark.parametrize(
    ("cloud", "name", "ring"),
    [
        ("aws", "aws-orders-2-1", "aws-orders-2"),
        ("azure", "orders-azure-1", "orders-azure"),
        ("gcp", "gcp-gcp-orders-1", "gcp-orders"),
    ],
)
def test_a_key_of_a_service_that_is_named_like_a_cloud_is_its_own(
    cloud: str, name: str, ring: str
) -> None:
    output = {"aws": "arn", "azure": "keyUri", "gcp": "versionName"}[cloud]
    state = {"resources": [signing_key(cloud, name, jwk=JWK, **{output: "x"})]}
    assert record.key_resources(state, ring) == {"k1": (1, KeyResource(cloud, "x"))}
    for other in ("orders", "environment"):
        assert record.key_resources(state, other) == {}


def test_a_key_that_shows_no_public_half_is_passed_over() -> None:
    state = {"resources": [signing_key("aws", "environment-7", arn="a"), {"type": "other"}]}
    assert record.key_resources(state, "environment") == {}
    assert record.public_keys(state) == []
