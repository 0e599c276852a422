"""The record in the state: what is read of it, and what stops a run."""

import json
from typing import Any

import pytest

from components import record
from signet.errors import RunFailed
from tests.components.conftest import Whole, stashed
from tests.components.test_environment import state_after


def test_before_the_first_run_there_is_none() -> None:
    found = record.parse({})
    assert found.journal is None
    assert found.confirmed is None
    assert found.outputs_of("aws:kms/key:Key") == []


def test_a_stashs_input_is_read_because_its_output_keeps_the_first_value(whole: Whole) -> None:
    state = state_after(whole())
    found = record.parse(state)
    assert found.journal is not None
    assert found.confirmed is not None
    assert found.confirmed.journal_digest == found.journal.digest
    ids = {outputs["keyId"] for outputs in found.outputs_of("aws:kms/key:Key")}
    assert ids == {"environment-1-key-id", "environment-2-key-id"}


def test_a_stash_of_another_name_or_place_is_not_the_record() -> None:
    state = {
        "urn:pulumi:s::signet::pulumi:index:Stash::other-journal": {"outputs": {"input": "x"}},
        "urn:pulumi:s::signet::my:index:Journal::journal": {"outputs": {"input": "x"}},
    }
    assert record.parse(state).journal is None


def changed(text: str, **members: Any) -> str:
    return json.dumps({**json.loads(text), **members})


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[: len(text) // 2],
        lambda _text: "",
        lambda _text: "[]",
        lambda text: changed(text, schema=2),
        lambda text: changed(text, added_by_a_newer_version=True),
        lambda _text: None,
        lambda _text: 1.0,
    ],
    ids=["cut", "empty", "a list", "newer schema", "unknown field", "null", "a number"],
)
@pytest.mark.parametrize("which", ["journal", "confirmed"])
def test_a_record_that_cannot_be_read_stops_the_run_and_says_what_to_do(
    whole: Whole, which: str, damage: Any
) -> None:
    state = state_after(whole())
    (urn,) = [urn for urn in state if urn.endswith(f"Stash::{which}")]
    state[urn] = {**state[urn], "outputs": {"input": damage(state[urn]["outputs"]["input"])}}
    with pytest.raises(RunFailed) as raised:
        whole(state=state)
    assert which in raised.value.where
    assert "newer Signet" in raised.value.remedy


def test_a_backend_without_organisations_is_asked_too(whole: Whole) -> None:
    # Under mocks the organisation is None; on a self-managed backend it is "organization".
    assert whole(state=stashed(None)).exports["issuer"]
