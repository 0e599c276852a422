"""The whole comparison, over in-process gateways with the deployed translation and decision."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from signet.gateway_answers import ANSWERS, expected
from signet.probing.cases import CASES
from signet.probing.comparison import CaseResult, compare
from signet.probing.decision_log import LogLine, await_decisions, decisions
from signet.probing.gateway_call import Gateway, GatewayAnswer, gateways_of
from tests.unit.probing.in_process import ARN, BENCH, InProcess, client_sees
from validator_functions.verification import Reason
from validator_functions.verification.decision import Decision

GATEWAYS = [
    Gateway(cloud=cloud, name=name, url=f"https://gateway.invalid/{name}")
    for cloud, name in ANSWERS
]


def results_of(gateways: InProcess, call: Any = None) -> list[CaseResult]:
    bench = replace(BENCH, clock=time.time)
    return compare(bench, GATEWAYS, {cloud: gateways for cloud, _ in ANSWERS}, call or gateways)


@pytest.mark.parametrize("audit_passes", [False, True])
def test_every_gateway_answers_as_the_tables_say(audit_passes: bool) -> None:
    results = results_of(InProcess(audit_passes=audit_passes))
    assert len(results) == len(CASES)
    assert [r.case.name for r in results if not r.as_expected] == []


def test_the_good_token_brings_its_subject_to_the_backend() -> None:
    good = results_of(InProcess())[0]
    assert [o.subject for o in good.observations] == ["signet-demo"] * len(ANSWERS)


def test_a_gateway_that_lets_a_bad_token_through_is_found() -> None:
    inner = InProcess()

    def open_door(url: str, authorization: str | None) -> GatewayAnswer:
        answer = inner(url, authorization)
        return replace(answer, status=200) if url.endswith("/http") else answer

    wrong = [r for r in results_of(inner, open_door) if not r.as_expected]
    assert len(wrong) == len(CASES) - 1
    assert all(r.differences[0].startswith(f"{r.case.name} at aws http: 200, log") for r in wrong)


def test_a_validator_that_gives_another_reason_is_found() -> None:
    class Mislabelled(InProcess):
        def new_lines(self) -> Iterator[LogLine]:
            for line in super().new_lines():
                yield replace(line, text=line.text.replace("token_expired", "signature_invalid"))

    wrong = [r.case.name for r in results_of(Mislabelled()) if not r.as_expected]
    assert wrong == ["expired"]


def test_a_backend_that_is_told_another_subject_is_found() -> None:
    class Impostor(InProcess):
        def __call__(self, url: str, authorization: str | None) -> GatewayAnswer:
            answer = super().__call__(url, authorization)
            return replace(answer, body=answer.body.replace(b"signet-demo", b"administrator"))

    assert [r.case.name for r in results_of(Impostor()) if not r.as_expected] == ["good token"]


def test_lines_of_two_requests_are_not_taken_for_one() -> None:
    class Doubled(InProcess):
        def new_lines(self) -> Iterator[LogLine]:
            for line in super().new_lines():
                yield from (line, line)

    wrong = [r for r in results_of(Doubled()) if not r.as_expected]
    assert len(wrong) == len(CASES) - 1


def test_a_pass_that_is_logged_late_is_not_taken_for_the_next_request() -> None:
    class Slow(InProcess):
        late: tuple[LogLine, ...] = ()

        def new_lines(self) -> Iterator[LogLine]:
            lines = list(super().new_lines())
            passed = tuple(line for line in lines if '"allowed":true' in line.text)
            told, self.late = self.late, passed
            yield from (*told, *(line for line in lines if line not in passed))

    slow = Slow(audit_passes=True)
    alone = [gateway for gateway in GATEWAYS if gateway.name == "forward-auth"]
    results = compare(replace(BENCH, clock=time.time), alone, {"gcp": slow}, slow)
    assert [r.differences for r in results if not r.as_expected] == []


def test_what_else_a_runtime_logs_is_passed_over() -> None:
    lines = ["START RequestId: x", '{"other": 1}', "2027\t" + LINE, "END RequestId: x"]
    [found] = decisions(LogLine(7, line) for line in lines)
    assert (found.reason, found.status, found.request_id) == (Reason.KEY_UNKNOWN, 401, "r-1")
    assert found.time == 7


LINE = (
    '{"signet":"decision","allowed":false,"status":401,"reason":"key_unknown","request_id":"r-1"}'
)


def test_a_line_that_comes_late_is_waited_for_and_one_not_wanted_is_not() -> None:
    class Late:
        def __init__(self) -> None:
            self.asked = 0

        def new_lines(self) -> Iterator[LogLine]:
            self.asked += 1
            if self.asked == 4:
                yield LogLine(7, LINE)

    late = Late()
    assert len(await_decisions(late, wanted=True, sleep=lambda _: None)) == 1
    assert late.asked == 4
    once = Late()
    assert await_decisions(once, wanted=False, sleep=lambda _: None) == []
    assert once.asked == 1


@pytest.mark.parametrize(("cloud", "gateway"), list(ANSWERS))
@pytest.mark.parametrize("reason", [None, *Reason])
def test_the_table_of_answers_is_what_the_handler_does(
    cloud: str, gateway: str, reason: Reason | None
) -> None:
    if reason is Reason.TOKEN_MISSING:
        assert expected(cloud, gateway, reason).status == 401
        return
    status, _ = client_sees(gateway, Decision(reason=reason), f"{ARN}/live/GET/x")
    assert expected(cloud, gateway, reason).status == status


def test_an_unknown_gateway_has_no_expectation() -> None:
    with pytest.raises(KeyError):
        expected("aws", "carrier-pigeon", None)


def test_the_gateways_are_those_of_the_outputs() -> None:
    outputs = {
        "gateways": {
            "gcp": {"envoy": "https://c"},
            "aws": {"rest-token": "http://b", "http": "http://a", "odd": None},
        }
    }
    found = [(g.title, g.url) for g in gateways_of(outputs)]
    assert found == [
        ("aws http", "http://a"),
        ("aws rest-token", "http://b"),
        ("gcp envoy", "https://c"),
    ]
    assert gateways_of({}) == []
