"""What the demo prints of a comparison."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from signet.gateway_answers import expected
from signet.probing import report
from signet.probing.cases import CASES
from signet.probing.comparison import CaseResult, Observation
from signet.probing.gateway_call import Gateway
from validator_functions.verification import Reason

GATEWAY = Gateway(cloud="aws", name="http", url="http://gateway.invalid")
EXPIRED = next(case for case in CASES if case.reason is Reason.TOKEN_EXPIRED)


def seen(**changes: Any) -> CaseResult:
    good = Observation(
        gateway=GATEWAY,
        expectation=expected("aws", "http", EXPIRED.reason),
        status=403,
        reason=Reason.TOKEN_EXPIRED,
        logged=1,
        subject=None,
        seconds=0.0123,
        wanted_subject=None,
    )
    return CaseResult(case=EXPIRED, observations=[replace(good, **changes)])


def test_a_row_that_is_as_expected_shows_the_answer_and_the_reason() -> None:
    assert report.columns([GATEWAY]) == ["case", "says", "aws\nhttp", "logged reason", ""]
    assert report.rows([seen()]) == [
        ["expired", 401, (403, "good"), "token_expired", ("ok", "good")]
    ]


def test_what_differs_says_what_it_should_have_been() -> None:
    cells = [report.rows([seen(**change)])[0][2:] for change in CHANGES]
    assert cells == [
        [("200, not 403", "bad"), "token_expired", ("DIFFERS", "bad")],
        [(403, "bad"), ("aws http: nothing logged (not token_expired)", "bad"), ("DIFFERS", "bad")],
        [(403, "bad"), ("aws http: key_unknown (not token_expired)", "bad"), ("DIFFERS", "bad")],
        [
            (403, "bad"),
            ("aws http: 2 lines for one request (not token_expired)", "bad"),
            ("DIFFERS", "bad"),
        ],
        [
            (403, "bad"),
            ("aws http: backend was told 'x' (not token_expired)", "bad"),
            ("DIFFERS", "bad"),
        ],
    ]


CHANGES: list[dict[str, Any]] = [
    {"status": 200},
    {"reason": None, "logged": 0},
    {"reason": Reason.KEY_UNKNOWN},
    {"logged": 2},
    {"subject": "x"},
]


def test_the_document_has_every_fact_and_is_json() -> None:
    [told] = json.loads(json.dumps(report.as_dict([seen()])))
    assert told == {
        "case": "expired",
        "decision": 401,
        "reason": "token_expired",
        "as_expected": True,
        "gateways": [
            {
                "cloud": "aws",
                "gateway": "http",
                "status": 403,
                "expected_status": 403,
                "logged_reason": "token_expired",
                "subject": None,
                "milliseconds": 12.3,
                "as_expected": True,
            }
        ],
    }


def test_the_bundles_that_decided_are_told_by_cloud_and_have_to_be_one() -> None:
    elsewhere = replace(GATEWAY, cloud="gcp")
    ours, theirs = "a" * 64, "b" * 64
    same = [seen(bundle=ours), seen(bundle=ours, gateway=elsewhere), seen(gateway=elsewhere)]
    assert report.bundles(same) == {"aws": [ours], "gcp": [ours]}
    assert report.one_bundle(same)
    assert not report.one_bundle([*same, seen(bundle=theirs, gateway=elsewhere)])
