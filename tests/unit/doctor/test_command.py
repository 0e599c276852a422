"""`signet doctor`: what it prints, and with which exit code it ends."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from signet.cli import doctor_look, issuing_record, keys_look, stacks
from signet.cli.main import main
from signet.doctor.facts import Facts
from signet.errors import NegativeAnswer
from tests.unit.doctor.test_checks import HEALTHY


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Let the command find these facts; what it was asked is kept."""
    asked: dict[str, Any] = {}

    def let(facts: Facts) -> dict[str, Any]:
        def look(_look: object, outputs: object, *, try_ways: bool) -> Facts:
            asked.update(outputs=outputs, try_ways=try_ways)
            return facts

        monkeypatch.setattr(stacks, "existing_stack", lambda name, **_: name)
        monkeypatch.setattr(keys_look, "known", lambda stack: stack)
        monkeypatch.setattr(keys_look, "look", lambda known: known)
        record = SimpleNamespace(outputs={"issuer": "i"})
        monkeypatch.setattr(issuing_record, "read", lambda _: record)
        monkeypatch.setattr(doctor_look, "facts", look)
        return asked

    return let


@pytest.mark.parametrize(
    ("changes", "code", "said"),
    [
        ({}, 0, "prod: 11 good"),
        ({"changed_settings": ["audience"]}, 0, "1 warning, 10 good"),
        ({"unlisted": {"gcp": "403"}}, 3, "1 unknown, 11 good"),
        ({"issuers": {}, "unlisted": {"gcp": "403"}}, 1, "1 fault, 1 unknown, 10 good"),
    ],
)
def test_the_exit_code_says_whether_something_matters(
    found: Any,
    capsys: pytest.CaptureFixture[str],
    changes: dict[str, Any],
    code: int,
    said: str,
) -> None:
    asked = found(replace(HEALTHY, **changes))
    assert main(["doctor", "prod"]) == code
    told = capsys.readouterr().out
    assert said in told
    assert asked == {"outputs": {"issuer": "i"}, "try_ways": False}


def test_a_remedy_names_the_stack(found: Any, capsys: pytest.CaptureFixture[str]) -> None:
    found(replace(HEALTHY, issuers={}))
    main(["doctor", "prod"])
    told = capsys.readouterr().out
    assert "signet up prod" in told
    assert "STACK" not in told


def test_as_json_the_worst_comes_first(found: Any, capsys: pytest.CaptureFixture[str]) -> None:
    asked = found(replace(HEALTHY, changed_settings=["x"], issuers={}))
    assert main(["doctor", "prod", "--json", "--ways-around"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["stack"], told["healthy"]) == ("prod", False)
    assert [each["level"] for each in told["findings"]][:3] == ["fault", "warning", "good"]
    assert asked["try_ways"] is True


def test_a_stack_that_is_not_there_is_a_negative_answer(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def missing(*_: Any, **__: Any) -> None:
        raise NegativeAnswer("there is no stack x", remedy="signet up x")

    monkeypatch.setattr(stacks, "existing_stack", missing)
    assert main(["doctor", "x"]) == 1
    assert "there is no stack x" in capsys.readouterr().err
