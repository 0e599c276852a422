"""The journal and the confirmed record: what is written is read, and nothing else is."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signet.confirmed import Confirmed, ValidatorReport, confirm
from signet.journal import Journal
from signet.rotation import Request
from signet.strict_json import RecordError
from signet.token_ceiling import Ceiling
from tests.unit.rotation.runs import DAY, RING, Runs, kid_of, settled


def _history() -> list[tuple[Journal, Confirmed]]:
    runs = settled()
    found = []
    for day in range(80):
        request = Request.taint(RING, kid_of(2)) if day == 50 else None
        runs.up(after=DAY, request=request)
        assert runs.journal is not None
        assert runs.confirmed is not None
        found.append((runs.journal, runs.confirmed))
    return found


HISTORY = _history()


@pytest.mark.parametrize("at", range(0, 80, 7))
def test_both_records_are_read_as_they_were_written(at: int) -> None:
    journal, confirmed = HISTORY[at]
    assert Journal.parse(journal.dumps()) == journal
    assert Journal.parse(journal.dumps()).digest == journal.digest
    assert Confirmed.parse(confirmed.dumps()) == confirmed


def test_the_journal_is_canonical() -> None:
    text = HISTORY[-1][0].dumps()
    assert text == json.dumps(json.loads(text), sort_keys=True, separators=(",", ":"))


def test_services_are_read_as_they_were_written_and_none_leave_the_record_as_it_was() -> None:
    journal = HISTORY[-1][0]
    ceilings = {"orders": Ceiling(offered=300, accepted=900, ends=1_800_000_000)}
    told = replace(journal, services=ceilings)
    assert Journal.parse(told.dumps()) == told
    assert told.digest != journal.digest
    assert "services" not in json.loads(journal.dumps())


def _ring(loaded: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = loaded["rings"][RING]
    return found


def _first(loaded: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = _ring(loaded)["generations"][0]
    return found


JOURNAL_FAULTS: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "a newer schema": (lambda j: j.update(schema=2), "schema 2"),
    "a schema that is a boolean": (lambda j: j.update(schema=True), "schema True"),
    "an unknown field on top": (lambda j: j.update(colour="red"), "unknown field colour"),
    "an unknown field of a ring": (lambda j: _ring(j).update(colour=1), "unknown field colour"),
    "an unknown field of a key": (lambda j: _first(j).update(colour=1), "unknown field colour"),
    "an unknown timing": (lambda j: _first(j)["timings"].update(G=1), "unknown field G"),
    "a missing field": (lambda j: _first(j).pop("cloud"), "missing field cloud"),
    "an unknown state": (lambda j: _first(j).update(state="lost"), "unknown state"),
    "a sequence that is a float": (lambda j: _ring(j).update(sequence=1.0), "whole number"),
    "a sequence that is a boolean": (lambda j: _ring(j).update(sequence=True), "whole number"),
    "a negative sequence": (lambda j: _ring(j).update(sequence=-1), "whole number"),
    "a time after 2100": (lambda j: _first(j).update(prepared_at=10**11), "after the year 2100"),
    "a number used before": (lambda j: _ring(j).update(next_generation=1), "used before"),
    "a lifetime that is issued and not taken": (
        lambda j: j.update(services={"orders": {"offered": 2, "accepted": 1, "ends": None}}),
        "validators do not take",
    ),
    "a missing field of a service": (
        lambda j: j.update(services={"orders": {"offered": 1, "accepted": 1}}),
        "missing field ends",
    ),
    "numbers that do not rise": (
        lambda j: _ring(j)["generations"].append(_first(j)),
        "do not rise",
    ),
    "two active keys": (
        lambda j: [g.update(state="active", activated_at=1) for g in _ring(j)["generations"]],
        "active generations instead of one",
    ),
    "an active key without its time": (
        lambda j: [g.update(activated_at=None) for g in _ring(j)["generations"]],
        "active without activated_at",
    ),
    "denials out of order": (lambda j: _ring(j).update(denied=["b", "a"]), "not sorted"),
    "a denial twice": (lambda j: _ring(j).update(denied=["a", "a"]), "not sorted and distinct"),
    "an undecided key that is not denied": (
        lambda j: _ring(j).update(undecided=["a"]),
        "contradict",
    ),
    "no ring object": (lambda j: j.update(rings=[]), "rings: not an object"),
}


@pytest.mark.parametrize("name", JOURNAL_FAULTS)
def test_a_journal_is_refused_that_has(name: str) -> None:
    spoil, problem = JOURNAL_FAULTS[name]
    loaded = json.loads(HISTORY[20][0].dumps())
    spoil(loaded)
    with pytest.raises(RecordError, match=problem):
        Journal.parse(json.dumps(loaded))


CONFIRMED_FAULTS: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "an unknown field": (lambda c: c.update(colour=1), "unknown field colour"),
    "a missing field": (lambda c: c.pop("active"), "missing field active"),
    "another schema": (lambda c: c.update(schema=0), "schema 0"),
    "a generation named by a word": (lambda c: c["kids"][RING].update(one="k"), "'one' is not"),
    "a generation named 01": (lambda c: c["kids"][RING].update({"01": "k"}), "'01' is not"),
    "an active key that is a string": (lambda c: c["active"].update({RING: "1"}), "whole number"),
    "a validator with an unknown field": (
        lambda c: c["validators"][f"aws/{RING}"].update(colour=1),
        "unknown field colour",
    ),
}


@pytest.mark.parametrize("name", CONFIRMED_FAULTS)
def test_a_confirmed_record_is_refused_that_has(name: str) -> None:
    spoil, problem = CONFIRMED_FAULTS[name]
    loaded = json.loads(HISTORY[20][1].dumps())
    spoil(loaded)
    with pytest.raises(RecordError, match=problem):
        Confirmed.parse(json.dumps(loaded))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "not JSON"),
        ("[]", "not an object"),
        ("null", "not an object"),
        ('{"schema":1,"schema":1}', "twice"),
        ('{"schema":NaN}', "NaN is not JSON"),
        ("[" * 100_000, "not JSON"),
    ],
)
def test_text_that_is_no_record_is_refused(text: str, problem: str) -> None:
    for parse in (Journal.parse, Confirmed.parse):
        with pytest.raises(RecordError, match=problem):
            parse(text)


@given(st.text(max_size=40) | st.sampled_from([j.dumps() for j, _ in HISTORY]), st.data())
def test_no_text_makes_anything_but_a_record_or_a_refusal(text: str, data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(text)))
    for candidate in (text[:cut], text[cut:], text[:cut] + "0" + text[cut:]):
        try:
            Journal.parse(candidate)
        except RecordError:
            continue


def test_issuers_keep_the_shorter_lifetime_while_a_validator_was_skipped() -> None:
    runs = settled()
    assert runs.journal is not None
    for now_t, agreed, issued in ((3_600, True, 3_600), (3_600, False, 900), (60, False, 60)):
        found = confirm(
            runs.journal,
            runs.confirmed,
            token_lifetime=now_t,
            kids={},
            key_resources={},
            validators={"v": ValidatorReport((RING,), "new", "new" if agreed else "old")},
        )
        assert found.token_lifetime[RING] == issued


def test_the_confirmed_active_key_is_the_journal_s_at_the_end_of_the_run() -> None:
    runs = Runs()
    runs.up()
    assert runs.confirmed is not None
    assert runs.confirmed.active == {RING: 1}
    assert runs.confirmed.kid(RING, 2) == kid_of(2)
    assert runs.confirmed.kid(RING, 3) is None
