"""The Lambda handler, event by event."""

import json
import time
from types import SimpleNamespace
from typing import Any

import pytest

from tests.cases import forge
from tests.cases.settings import artefact, document
from validator_functions.aws_lambda import answers, handler
from validator_functions.verification.decision import StaticKeys
from validator_functions.verification.identity import IDENTITY_HEADERS
from validator_functions.verification.key_sources import KeySources
from validator_functions.verification.settings import ValidatorSettings
from validator_functions.verification.validator import Validator

from .documented_events import http_event, request_event, token_event

_CONTEXT = SimpleNamespace(aws_request_id="invocation-1")
_REST = pytest.mark.parametrize("event", [token_event, request_event])
_EVERY = pytest.mark.parametrize("event", [token_event, request_event, http_event])


class Deployed:
    """The handler with deployed keys and a log that can be read."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.signer = forge.Signer("RS256")
        settings = ValidatorSettings.parse(artefact(document(self.signer)))
        self.lines: list[str] = []
        self.validator = Validator(settings, StaticKeys.of(settings), self.lines.append)
        monkeypatch.setattr(handler, "_validator", self.validator)

    def token(self, **changes: Any) -> str:
        now = int(time.time())
        times = {"iat": now, "nbf": now, "exp": now + 600}
        return self.signer.token(forge.good_claims(**{**times, **changes}))

    def logged(self) -> dict[str, Any]:
        (line,) = self.lines
        entry: dict[str, Any] = json.loads(line)
        return entry


@pytest.fixture
def deployed(monkeypatch: pytest.MonkeyPatch) -> Deployed:
    return Deployed(monkeypatch)


@_REST
def test_a_good_token_gets_a_policy_for_the_very_method(deployed: Deployed, event: Any) -> None:
    asked = event(f"Bearer {deployed.token()}")
    answer = handler.handler(asked, _CONTEXT)
    assert answer == {
        "principalId": "service-orders",
        "policyDocument": {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Action": "execute-api:Invoke",
                    "Effect": "Allow",
                    "Resource": asked["methodArn"],
                }
            ],
        },
        "context": {
            "subject": "service-orders",
            "issuer": forge.ISSUER,
            "scope": "orders:read orders:write",
            "jti": "9b1f63e7-6a8f-4c1c-9f43-0f4f4c2b8d11",
            "kid": deployed.signer.kid,
        },
    }
    assert deployed.lines == []


def test_a_good_token_gets_a_simple_answer_with_flat_strings(deployed: Deployed) -> None:
    answer = handler.handler(http_event(f"Bearer {deployed.token(jti=None)}"), _CONTEXT)
    assert answer == {
        "isAuthorized": True,
        "context": {
            "subject": "service-orders",
            "issuer": forge.ISSUER,
            "scope": "orders:read orders:write",
            "jti": "-",
            "kid": deployed.signer.kid,
        },
    }


def test_an_http_api_with_iam_answers_gets_a_policy(
    deployed: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handler, "_answers_simply", False)
    event = http_event(f"Bearer {deployed.token()}")
    answer = handler.handler(event, _CONTEXT)
    (statement,) = answer["policyDocument"]["Statement"]
    assert (statement["Effect"], statement["Resource"]) == ("Allow", event["routeArn"])
    refused = handler.handler(http_event("Bearer x"), _CONTEXT)
    (statement,) = refused["policyDocument"]["Statement"]
    assert (statement["Effect"], refused["context"]) == ("Deny", {})


@_REST
def test_an_expired_token_is_a_401_by_the_one_message_that_makes_it_one(
    deployed: Deployed, event: Any
) -> None:
    now = int(time.time())
    token = deployed.token(iat=now - 700, nbf=now - 700, exp=now - 100)
    with pytest.raises(answers.Unauthorized, match=r"\AUnauthorized\Z"):
        handler.handler(event(f"Bearer {token}"), _CONTEXT)
    logged = deployed.logged()
    assert (logged["status"], logged["reason"]) == (401, "token_expired")
    assert (logged["kid"], logged["sub"]) == (deployed.signer.kid, "service-orders")
    for part in token.split("."):
        assert part not in deployed.lines[0]


@_REST
def test_a_missing_scope_is_a_403_by_a_deny_policy(deployed: Deployed, event: Any) -> None:
    asked = event(f"Bearer {deployed.token(scope='other')}")
    answer = handler.handler(asked, _CONTEXT)
    (statement,) = answer["policyDocument"]["Statement"]
    assert (statement["Effect"], statement["Resource"]) == ("Deny", asked["methodArn"])
    assert answer["context"] == {}
    assert deployed.logged()["reason"] == "scope_missing"


@pytest.mark.parametrize(
    ("authorization", "reason"),
    [(None, "token_missing"), ("Basic eDp5", "credentials_malformed"), ("Bearer x", None)],
)
def test_a_simple_answer_refuses_with_false_and_no_context(
    deployed: Deployed, authorization: str | None, reason: str | None
) -> None:
    answer = handler.handler(http_event(authorization), _CONTEXT)
    assert answer == {"isAuthorized": False, "context": {}}
    assert deployed.logged()["reason"] == (reason or "token_malformed")


@_EVERY
def test_a_method_without_a_rule_is_refused(deployed: Deployed, event: Any) -> None:
    answer = handler.handler(event(f"Bearer {deployed.token()}", method="PUT"), _CONTEXT)
    assert "Allow" not in json.dumps(answer)
    assert answer.get("isAuthorized", False) is False
    assert deployed.logged()["reason"] == "route_not_allowed"


@_EVERY
def test_a_role_rule_is_applied_by_the_events_method(deployed: Deployed, event: Any) -> None:
    handler.handler(event(f"Bearer {deployed.token()}", method="DELETE"), _CONTEXT)
    assert deployed.logged()["reason"] == "role_missing"


@pytest.mark.parametrize(
    ("event", "request_id"),
    [
        (token_event, "invocation-1"),
        (request_event, "rest-request-1"),
        (http_event, "http-request-1"),
    ],
)
def test_the_log_has_the_requests_id(deployed: Deployed, event: Any, request_id: str) -> None:
    handler.handler(event(f"Bearer {deployed.token()}", method="PUT"), _CONTEXT)
    assert deployed.logged()["request_id"] == request_id


def test_two_authorization_headers_of_a_rest_request_are_refused(deployed: Deployed) -> None:
    good = f"Bearer {deployed.token()}"
    event = request_event(good, multiValueHeaders={"Authorization": [good, good]})
    with pytest.raises(answers.Unauthorized):
        handler.handler(event, _CONTEXT)
    assert deployed.logged()["reason"] == "credentials_malformed"


def test_a_rest_request_without_multi_value_headers_is_read_from_its_headers(
    deployed: Deployed,
) -> None:
    event = request_event(f"Bearer {deployed.token()}", multiValueHeaders=None)
    assert handler.handler(event, _CONTEXT)["context"]["subject"] == "service-orders"
    with pytest.raises(answers.Unauthorized):
        handler.handler(request_event(None, multiValueHeaders=None, headers=None), _CONTEXT)


@pytest.mark.parametrize("path", ["/v1/orders/7", "/v1/v2/orders/7", "/orders/%37"])
def test_a_custom_domains_base_path_does_not_change_which_rule_applies(
    deployed: Deployed, path: str
) -> None:
    event = request_event(f"Bearer {deployed.token()}", path="/orders/7")
    event["path"] = path
    assert handler.handler(event, _CONTEXT)["context"]["subject"] == "service-orders"


@pytest.mark.parametrize("path", ["/orders/8", "/orders%2F7", "/x/../orders/7", "/7", "//orders/7"])
def test_a_rest_path_that_is_not_the_methods_is_no_route(deployed: Deployed, path: str) -> None:
    event = request_event(f"Bearer {deployed.token()}", path="/orders/7")
    event["path"] = path
    handler.handler(event, _CONTEXT)
    assert deployed.logged()["reason"] == "route_not_allowed"


@pytest.mark.parametrize(
    ("path", "stage", "domain", "allowed"),
    [
        ("/prod/orders/7", "prod", "abcdef123.execute-api.us-east-1.amazonaws.com", True),
        ("/orders/7", "prod", "abcdef123.execute-api.us-east-1.amazonaws.com", True),
        ("/prod", "prod", "abcdef123.execute-api.us-east-1.amazonaws.com", False),
        ("/orders/7", "prod", "api.example.invalid", True),
        ("/prod/orders/7", "prod", "api.example.invalid", False),
        ("/prod/orders/7", "$default", "abcdef123.execute-api.us-east-1.amazonaws.com", False),
        ("/production/orders/7", "prod", "abcdef123.execute-api.us-east-1.amazonaws.com", False),
    ],
)
def test_an_http_apis_stage_is_left_out_only_where_it_stands_in_the_path(
    deployed: Deployed, path: str, stage: str, domain: str, allowed: bool
) -> None:
    event = http_event(f"Bearer {deployed.token()}", path=path, stage=stage, domain=domain)
    assert handler.handler(event, _CONTEXT)["isAuthorized"] is allowed


@_REST
@pytest.mark.parametrize("path", ["/orders/*", "/orders/?", "/orders/${x}", f"/orders/{'7' * 450}"])
def test_a_path_that_no_policy_can_name_alone_is_never_allowed(
    deployed: Deployed, event: Any, path: str
) -> None:
    answer = handler.handler(event(f"Bearer {deployed.token()}", path=path), _CONTEXT)
    (statement,) = answer["policyDocument"]["Statement"]
    assert (statement["Effect"], statement["Resource"]) == ("Deny", "*")
    assert json.loads(deployed.lines[-1])["reason"] == "route_not_allowed"


@pytest.mark.parametrize(
    "event",
    [
        None,
        [],
        {},
        {"type": "TOKEN"},
        {"type": "COGNITO"},
        {"version": "1.0", "type": "REQUEST"},
        {"version": "2.0"},
        {**http_event("Bearer x"), "rawPath": 7},
        {**token_event("Bearer x"), "methodArn": "arn:aws:execute-api"},
        {**token_event("Bearer x"), "methodArn": "a:b:c:d:e:api/stage/GET"},
        {**request_event("Bearer x"), "httpMethod": "PUT"},
        {**request_event("Bearer x"), "requestContext": None},
        {"signet": "probe", "type": "TOKEN"},
    ],
)
def test_what_api_gateway_never_sends_is_an_error_and_logged(
    deployed: Deployed, event: object
) -> None:
    with pytest.raises(answers.CouldNotCheck, match="internal_error"):
        handler.handler(event, None)
    assert deployed.logged()["status"] == 503


def test_a_probe_reports_the_hashes_the_clock_and_nothing_else(deployed: Deployed) -> None:
    settings = deployed.validator.settings
    assert settings is not None
    told = handler.handler({"signet": "probe"}, _CONTEXT)
    assert abs(told.pop("time") - time.time()) < 60
    assert told == {
        "signet": "report",
        "ready": True,
        "bundle_sha256": None,  # it runs from a checkout here: test_alone.py
        "settings_sha256": settings.sha256,
        "environment": "test",
        "service": "environment",
    }


def test_keys_come_from_the_deployed_and_the_published_set(deployed: Deployed) -> None:
    settings = deployed.validator.settings
    assert settings is not None
    keys = handler._connect(settings)
    assert isinstance(keys, KeySources)
    assert [source.issuer for source in keys] == [forge.ISSUER]


def test_without_settings_every_request_is_could_not_check(
    monkeypatch: pytest.MonkeyPatch, deployed: Deployed
) -> None:
    lines: list[str] = []
    broken = Validator.start(handler._connect, environ={}, write=lines.append)
    monkeypatch.setattr(handler, "_validator", broken)
    (fault,) = lines
    assert json.loads(fault)["signet"] == "settings_invalid"
    good = f"Bearer {deployed.token()}"
    with pytest.raises(answers.CouldNotCheck, match="policy_invalid"):
        handler.handler(token_event(good), _CONTEXT)
    with pytest.raises(answers.CouldNotCheck, match="policy_invalid"):
        handler.handler(http_event(good), _CONTEXT)
    assert handler.handler({"signet": "probe"}, _CONTEXT)["ready"] is False
    assert [json.loads(line)["status"] for line in lines[1:]] == [503, 503]


def test_a_claim_that_does_not_print_is_not_passed_on(deployed: Deployed) -> None:
    token = deployed.token(jti="a\r\nb")
    answer = handler.handler(http_event(f"Bearer {token}"), _CONTEXT)
    assert answer["isAuthorized"] is True
    assert answer["context"]["jti"] == "-"


@_EVERY
def test_no_value_of_the_context_is_ever_empty(deployed: Deployed, event: Any) -> None:
    token = deployed.token(jti=None, roles=None, sub="service-orders")
    answer = handler.handler(event(f"Bearer {token}"), _CONTEXT)
    assert set(answer["context"]) == set(IDENTITY_HEADERS.values())
    assert all(answer["context"].values())
