"""The record, read out of a state without a run."""

from typing import Any

import pytest

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
