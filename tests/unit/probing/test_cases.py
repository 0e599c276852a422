"""Every case of the demo is decided by the verification module as the table says."""

from __future__ import annotations

from dataclasses import replace

import pytest

from signet.documents import jwk_from_pem
from signet.probing.cases import CASES, Case, cases_for
from tests.unit.issuing.local_keys import LocalSigner
from tests.unit.probing.in_process import BENCH, NOW, settings_for
from validator_functions.verification.decision import Authorizer, Request, StaticKeys

SETTINGS = settings_for(BENCH)
AUTHORIZER = Authorizer(SETTINGS, StaticKeys.of(SETTINGS))


def request(credentials: str | None) -> Request:
    headers = () if credentials is None else (("Authorization", credentials),)
    return Request("GET", "/", headers)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_each_case_is_decided_for_its_one_fault(case: Case) -> None:
    decision = AUTHORIZER.authorize(request(case.credentials(BENCH)), NOW)
    assert (decision.status, decision.reason) == (case.status, case.reason)


@pytest.mark.parametrize("algorithm", ["PS256", "ES256"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_cases_hold_for_every_algorithm_of_the_real_key(case: Case, algorithm: str) -> None:
    signer = LocalSigner(algorithm)
    kid = jwk_from_pem(signer.public_key_pem(), algorithm)["kid"]
    bench = replace(BENCH, signer=signer, kid=kid)
    settings = settings_for(bench)
    decision = Authorizer(settings, StaticKeys.of(settings)).authorize(
        request(case.credentials(bench)), NOW
    )
    assert decision.status == case.status
    if case.name != "another key under our kid" or algorithm == "PS256":
        assert decision.reason == case.reason


def test_there_are_at_least_ten_bad_cases_and_one_good() -> None:
    assert [case.name for case in CASES if case.reason is None] == ["good token"]
    assert len([case for case in CASES if case.reason is not None]) >= 10
    assert len({case.name for case in CASES}) == len(CASES)


def test_a_gateway_without_a_scope_is_not_asked_about_one() -> None:
    names = {case.name for case in cases_for(replace(BENCH, scope=""))}
    assert "wrong scope" not in names
    assert "good token" in names


def test_short_lived_environments_get_cases_with_the_same_faults() -> None:
    bench = replace(BENCH, longest_lifetime=15, clock_skew=1)
    settings = settings_for(bench)
    authorizer = Authorizer(settings, StaticKeys.of(settings))
    for case in cases_for(bench):
        decision = authorizer.authorize(request(case.credentials(bench)), NOW)
        assert decision.reason == case.reason, case.name


def test_every_bench_throws_away_a_key_of_its_own() -> None:
    one, two = replace(BENCH), replace(BENCH)
    assert one.thrown_away_jwk["kid"] != two.thrown_away_jwk["kid"]
