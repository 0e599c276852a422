"""`signet demo`, its work on the stack replaced: what it prints, measures and answers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from signet.cli import demo, demo_onboarding, main, outputs, stacks
from signet.doctor.facts import FunctionReport
from signet.gateway_answers import expected
from signet.probing.cases import CASES
from signet.probing.comparison import CaseResult, Observation
from signet.probing.gateway_call import Gateway, gateways_of

OUTPUTS: dict[str, Any] = {
    "issuer": "https://issuer.example/a",
    "audience": "https://api.example",
    "requiredScope": "demo:read",
    "jwksUrls": {"aws": "https://issuer.example/a/.well-known/jwks.json"},
    "gateways": {"aws": {"http": "https://gateway.invalid/x?y=1&z=2"}},
    "validators": {
        "environment-aws": {
            "logGroup": "/aws/lambda/v",
            "bundleSha256": "0" * 64,
            "settingsSha256": "1" * 64,
        }
    },
}


def states(bundle: str) -> tuple[Any, list[FunctionReport]]:
    """What the state records, and what the one validator says of its own files."""
    told = {"ready": True, "bundle_sha256": bundle, "settings_sha256": "1" * 64}
    report = FunctionReport(name="environment-aws", cloud="aws", **told)  # type: ignore[arg-type]
    return OUTPUTS["validators"], [report]


@dataclass
class Run:
    changes: tuple[str, ...]
    seconds: float


@dataclass
class Stack:
    """A stack whose runs are given: what each changed."""

    runs: list[Run]
    outputs_now: dict[str, Any] = field(default_factory=lambda: OUTPUTS)
    name: str = "local"

    @property
    def place(self) -> Stack:
        return self

    @contextmanager
    def applied(self) -> Iterator[None]:
        yield

    def export(self) -> dict[str, Any]:
        return {"resources": [{"type": "pulumi:pulumi:Stack", "outputs": self.outputs_now}]}


def results(*, status: int = 200) -> list[CaseResult]:
    [gateway] = gateways_of(OUTPUTS)
    seen = Observation(
        gateway=gateway,
        expectation=expected("aws", "http", None),
        status=status,
        reason=None,
        logged=0,
        subject="signet-demo",
        seconds=0.001,
        wanted_subject="signet-demo",
    )
    return [CaseResult(case=CASES[0], observations=[seen])]


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch) -> Stack:
    made = Stack([Run(("journal", "key"), 20.0), Run(("journal",), 6.0), Run((), 5.0)])
    monkeypatch.setattr(stacks, "open_stack", lambda name, **_: made)
    monkeypatch.setattr(demo, "_up", lambda *_, **__: made.runs.pop(0))
    compared: tuple[list[Gateway], list[CaseResult]] = (gateways_of(OUTPUTS), results())
    monkeypatch.setattr(demo, "_compare", lambda *_, **__: compared)
    monkeypatch.setattr(outputs, "ask", lambda *_, **__: states("0" * 64))
    second = demo_onboarding.Onboarded(results=results(), seconds=7.0)
    monkeypatch.setattr(demo_onboarding, "onboard", lambda *_, **__: second)
    return made


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    code = main.main(["demo", *arguments])
    return code, capsys.readouterr().out


@pytest.mark.usefixtures("stack")
def test_both_times_and_what_to_try_next_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    code, out = run(capsys)
    assert code == 0
    assert "signet up local: 20.0 s; from the start to the table:" in out
    assert "signet up local with nothing to do: 5.0 s" in out
    assert "token issue --stack local --audience https://api.example --subject me" in out
    assert "'https://gateway.invalid/x?y=1&z=2'    # 200" in out
    assert "make down" in out


def test_a_run_with_nothing_to_do_is_not_measured_again(
    stack: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    stack.runs[:] = [Run((), 4.0)]
    _, out = run(capsys)
    assert "signet up local: 4.0 s (nothing to do)" in out


def test_no_timing_leaves_the_later_runs_out(
    stack: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    _, out = run(capsys, "--no-timing")
    assert len(stack.runs) == 2
    assert "with nothing to do" not in out


@pytest.mark.usefixtures("stack")
def test_one_row_that_differs_makes_the_answer_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = (gateways_of(OUTPUTS), results(status=500))
    monkeypatch.setattr(demo, "_compare", lambda *_, **__: wrong)
    code, out = run(capsys)
    assert code == 1
    assert "500, not 200" in out
    assert "1 of 1 cases differ" in out


@pytest.mark.usefixtures("stack")
def test_a_second_service_that_answers_wrongly_makes_the_answer_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = demo_onboarding.Onboarded(results=results(status=500), seconds=7.0)
    monkeypatch.setattr(demo_onboarding, "onboard", lambda *_, **__: wrong)
    assert run(capsys, "--no-timing")[0] == 1
    assert run(capsys, "--no-timing", "--no-onboarding")[0] == 0


@pytest.mark.usefixtures("stack")
def test_a_validator_whose_files_are_others_makes_the_answer_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert f"one bundle everywhere: {'0' * 64}" in run(capsys, "--no-timing")[1]
    monkeypatch.setattr(outputs, "ask", lambda *_, **__: states("f" * 64))
    code, out = run(capsys, "--no-timing")
    assert code == 1
    assert "not the bundle that was deployed last" in " ".join(out.split())


def test_the_second_services_file_is_a_good_manifest() -> None:
    from signet.service import parse_service

    text = demo_onboarding._manifest(["aws", "gcp"])
    assert parse_service(text, "demo-orders.yaml").clouds == ("aws", "gcp")


@pytest.mark.usefixtures("stack")
def test_json_is_one_document_with_every_fact(capsys: pytest.CaptureFixture[str]) -> None:
    code, out = run(capsys, "--json")
    told = json.loads(out)
    assert code == 0
    assert told["as_expected"] is True
    assert (told["onboarding"]["service"], told["onboarding"]["seconds"]) == ("demo-orders", 7.0)
    assert told["cases"][0]["gateways"][0]["status"] == 200
    assert (told["seconds"]["up"], told["seconds"]["unchanged_up"]) == (20.0, 5.0)
    assert told["validators"]["environment-aws"]["bundleSha256"] == "0" * 64


def test_a_stack_without_a_gateway_could_not_be_checked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bare = Stack([Run((), 4.0)], outputs_now={**OUTPUTS, "gateways": {}})
    monkeypatch.setattr(stacks, "open_stack", lambda name, **_: bare)
    monkeypatch.setattr(demo, "_up", lambda *_, **__: replace(bare.runs[0]))
    assert main.main(["demo"]) == 3
    assert "no gateway" in capsys.readouterr().err


@pytest.mark.usefixtures("stack")
def test_only_sandbox_stacks_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "--stack", "prod")[0] == 2
