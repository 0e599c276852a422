"""The token service in the program: what it may do, is told, and when it hears of a flip."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from components.confirming import issuing, with_issuer
from components.token_service import signing_keys
from signet.confirmed import Confirmed, KeyResource, ValidatorReport
from signet.errors import SettingsError
from signet.journal import Journal
from signet.signals import exchange_signals
from signet.token_service import TokenServiceSettings
from tests.components.conftest import Whole
from tests.components.test_services import MANIFEST

RING = "environment"
GOOD = ValidatorReport((RING,), "a", "a")
LAGGING = ValidatorReport((RING,), "b", "a")
NOW = Confirmed(
    journal_digest="0" * 64,
    active={RING: 2},
    kids={RING: {1: "old", 2: "new"}},
    key_resources={RING: {1: KeyResource("aws", "arn:1"), 2: KeyResource("aws", "arn:2")}},
    token_lifetime={RING: 900},
    validators={"environment-aws": GOOD},
)
BEFORE = replace(NOW, active={RING: 1})


def test_an_environment_has_no_token_service_unless_it_is_asked_for(whole: Whole) -> None:
    run = whole()
    assert run.of("signet:aws:TokenService") == []
    assert run.exports["tokenService"] is None
    trust = json.loads(run.one("environment-issuer").inputs["assumeRolePolicy"])
    assert [statement.get("Sid") for statement in trust["Statement"]] == [None]


def test_the_token_service_comes_after_every_validator_and_before_the_record(whole: Whole) -> None:
    run = whole(settings={"tokenService": "create"})
    types = [resource.type for resource in run.resources]
    assert types.index("signet:aws:TokenService") > types.index("signet:aws:Validator")
    (validator,) = [r for r in run.of("aws:lambda/function:Function") if "validator" in r.name]
    function = run.one("token-service-function")
    assert validator.urn in function.depends_on
    record = run.one("confirmed")
    assert function.urn in record.depends_on
    confirmed = Confirmed.parse(record.inputs["input"])
    assert confirmed.validators["token-service"].agrees


def test_it_is_told_the_key_that_the_run_confirms(whole: Whole) -> None:
    run = whole(settings={"tokenService": "create"})
    layer = run.one("token-service-settings")
    text = layer.inputs["code"].assets["python/signet_token_service.json"].text
    settings = TokenServiceSettings.parse(text)
    confirmed = Confirmed.parse(run.one("confirmed").inputs["input"])
    key = settings.keys[RING]
    assert key.generation == confirmed.active[RING]
    assert key.jwk["kid"] == confirmed.kid(RING, key.generation)
    assert key.reference == confirmed.key_resources[RING][key.generation].id
    assert settings.subject_audience == run.exports["issuer"]
    assert settings.services[0].audience == "https://api.test.invalid"


def test_a_manifests_callers_reach_it(whole: Whole, tmp_path: Path) -> None:
    rule = """callers:
  - name: orders-ci
    identity: github
    match: {repository_id: "74", repository_owner_id: "65", environment: prod}
    scopes: ["orders:read"]
"""
    text = MANIFEST.format(name="orders", gateway="none") + rule
    (tmp_path / "orders.yaml").write_text(text)
    run = whole(settings={"tokenService": "create", "services": str(tmp_path)})
    layer = run.one("token-service-settings").inputs["code"]
    told = TokenServiceSettings.parse(layer.assets["python/signet_token_service.json"].text)
    own, orders = told.services
    assert (own.service, own.callers) == ("environment", ())
    assert (orders.audience, orders.ring) == ("https://orders.example.com", RING)
    assert [caller.name for caller in orders.callers] == ["orders-ci"]


def test_it_may_sign_remember_and_log_and_nothing_else(whole: Whole) -> None:
    run = whole(settings={"tokenService": "create"})
    rights = json.loads(run.one("token-service-exchange").inputs["policy"])["Statement"]
    assert [(s["Action"], s["Effect"]) for s in rights] == [
        ("sts:AssumeRole", "Allow"),
        ("s3:PutObject", "Allow"),
    ]
    assert rights[1]["Resource"] == "arn:aws:s3:::signet-test-keys-used/used/*"
    assert run.one("token-service-used-bucket").inputs["forceDestroy"] is True
    trust = json.loads(run.one("environment-issuer").inputs["assumeRolePolicy"])["Statement"]
    assert trust[1]["Condition"] == {
        "ArnEquals": {
            "aws:PrincipalArn": "arn:aws:iam::111122223333:role/signet-test-token-service"
        }
    }
    route = run.one("token-service-route").inputs
    assert (route["routeKey"], route["authorizationType"]) == ("POST /token", "NONE")
    stage = run.one("token-service-stage").inputs["defaultRouteSettings"]
    assert stage["throttlingRateLimit"] == 100
    text = run.one("token-service-settings").inputs["code"]
    told = TokenServiceSettings.parse(text.assets["python/signet_token_service.json"].text)
    assert (told.limits.sign_per_second, told.limits.caller_per_second) == (5, 2)


def test_its_lines_have_alarms_of_their_own(whole: Whole) -> None:
    run = whole(settings={"tokenService": "create"})
    names = {f"signet-test-{signal.name}" for signal in exchange_signals(refusals=1)}
    alarms = {each.inputs["name"] for each in run.of("aws:cloudwatch/metricAlarm:MetricAlarm")}
    assert names <= alarms
    assert set(run.exports["monitoring"]["aws"]) == alarms
    filters = [
        each.inputs
        for each in run.of("aws:cloudwatch/logMetricFilter:LogMetricFilter")
        if each.inputs["name"].startswith("signet-exchange-")
    ]
    assert {each["logGroupName"] for each in filters} == {"/aws/lambda/signet-test-token-service"}
    assert len(filters) == len(names)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"tokenService": "maybe"}, "signet:tokenService"),
        ({"tokenServiceInstances": -1}, "signet:tokenServiceInstances"),
        ({"environmentCallers": "no/such.yaml"}, "it cannot be read"),
        ({"environmentCallers": "Pulumi.yaml"}, "does not hold `callers` and nothing else"),
    ],
)
def test_a_wrong_setting_stops_the_run_first(
    whole: Whole, settings: dict[str, Any], told: str
) -> None:
    with pytest.raises(SettingsError) as error:
        whole(settings=settings)
    assert told in str(error.value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("callers: [{name: A}]", "callers[0].name"),
        ("callers: [", "is not YAML"),
        ("callers: []\ncallers: []", "is not YAML"),
    ],
)
def test_a_wrong_file_of_callers_stops_it_too(
    whole: Whole, tmp_path: Path, text: str, told: str
) -> None:
    (tmp_path / "callers.yaml").write_text(text)
    with pytest.raises(SettingsError) as error:
        whole(settings={"environmentCallers": str(tmp_path / "callers.yaml")})
    assert told in str(error.value)


@pytest.mark.parametrize(
    ("now", "before", "signs"),
    [
        (NOW, BEFORE, 2),
        (NOW, None, 2),
        (replace(NOW, validators={"environment-aws": GOOD, "environment-gcp": LAGGING}), BEFORE, 1),
        (replace(NOW, validators={"other": ValidatorReport(("orders",), "b", "a")}), BEFORE, 2),
    ],
)
def test_a_flip_reaches_the_issuer_once_every_validator_has_its_settings(
    now: Confirmed, before: Confirmed | None, signs: int
) -> None:
    assert issuing(now, before) == {RING: signs}


def test_a_skipped_issuer_keeps_the_record_where_it_was() -> None:
    kept = with_issuer(NOW, BEFORE, "token-service", "b", "a")
    assert kept.active == {RING: 1}
    assert not kept.validators["token-service"].agrees
    gone_on = with_issuer(NOW, BEFORE, "token-service", "b", "b")
    assert gone_on.active == {RING: 2}
    assert gone_on.validators["token-service"].rings == (RING,)


def test_a_key_that_is_not_published_any_more_is_not_signed_with(whole: Whole) -> None:
    run = whole()
    journal = Journal.parse(run.one("journal").inputs["input"])
    confirmed = Confirmed.parse(run.one("confirmed").inputs["input"])
    kid = confirmed.kid(RING, 1)
    lagging = replace(confirmed, validators={"x": LAGGING})
    sets = {RING: json.dumps({"keys": [{"kid": kid, "kty": "RSA"}]})}
    earlier = replace(confirmed, active={RING: 7})
    keys = signing_keys(journal, lagging, earlier, sets=sets, issuers={RING: {"aws": "role"}})
    assert (keys[RING].generation, keys[RING].identity) == (1, "role")
    assert signing_keys(journal, confirmed, None, sets={RING: '{"keys":[]}'}, issuers={}) == {}
