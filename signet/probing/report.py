"""Results as rows for a table and as the `--json` document. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from signet.probing.comparison import CaseResult, Observation
from signet.probing.gateway_call import Gateway

Cell = object | tuple[object, str]


def columns(gateways: Sequence[Gateway]) -> list[str]:
    """Return the table's heads: one column for each gateway, whatever its cloud."""
    heads = (gateway.title.replace(" ", "\n").replace("-", "-\n") for gateway in gateways)
    return ["case", "says", *heads, "logged reason", ""]


def bundles(results: Sequence[CaseResult]) -> dict[str, list[str]]:
    """Return by cloud the hashes of the bundles that decided, as their validators logged them."""
    found: dict[str, set[str]] = {}
    for result in results:
        for observation in result.observations:
            told = found.setdefault(observation.gateway.cloud, set())
            told.update({observation.bundle} if observation.bundle else ())
    return {cloud: sorted(told) for cloud, told in sorted(found.items())}


def one_bundle(results: Sequence[CaseResult]) -> bool:
    """Whether no two validators logged different bundles."""
    return len({each for told in bundles(results).values() for each in told}) <= 1


def rows(results: Sequence[CaseResult]) -> list[list[Cell]]:
    """Return one row for each case; what is not as expected says what it should have been."""
    return [
        [
            result.case.name,
            result.case.status,
            *(_cell(observation) for observation in result.observations),
            _reasons(result),
            ("ok", "good") if result.as_expected else ("DIFFERS", "bad"),
        ]
        for result in results
    ]


def as_dict(results: Sequence[CaseResult]) -> list[dict[str, Any]]:
    """Return the results as `--json` prints them."""
    return [
        {
            "case": result.case.name,
            "decision": result.case.status,
            "reason": result.case.reason,
            "as_expected": result.as_expected,
            "gateways": [_observation(observation) for observation in result.observations],
        }
        for result in results
    ]


def _cell(observation: Observation) -> Cell:
    wanted = observation.expectation.status
    if observation.status != wanted:
        return f"{observation.status}, not {wanted}", "bad"
    return observation.status, "good" if observation.as_expected else "bad"


def _reasons(result: CaseResult) -> Cell:
    odd = [
        f"{o.gateway.title}: {_told(o)}"
        for o in result.observations
        if not o.as_expected and o.status == o.expectation.status
    ]
    if odd:
        wanted = result.case.reason or "nothing"
        return f"{'; '.join(odd)} (not {wanted})", "bad"
    return ", ".join(result.logged_reasons) or "-"


def _told(observation: Observation) -> str:
    if observation.logged > 1:
        return f"{observation.logged} lines for one request"
    if observation.reason not in observation.expectation.reasons:
        return str(observation.reason or "nothing logged")
    return f"backend was told {observation.subject!r}"


def _observation(observation: Observation) -> dict[str, Any]:
    return {
        "cloud": observation.gateway.cloud,
        "gateway": observation.gateway.name,
        "status": observation.status,
        "expected_status": observation.expectation.status,
        "logged_reason": observation.reason,
        "subject": observation.subject,
        "milliseconds": round(observation.seconds * 1000, 1),
        "as_expected": observation.as_expected,
    }
