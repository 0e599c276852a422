"""The gateways without their clouds: events in the documented shapes, the real handler code.

Only what the gateway itself does is written here (a missing identity source, the meaning of the
authorizer's answer); translation and decision are the deployed ones.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import azure.functions as func

from components.guarded import every_route
from components.validator_settings import TrustedRing, ValidatorTerms, render_settings
from signet.documents import jwk_from_pem, render_jwks
from signet.probing.decision_log import LogLine
from signet.probing.forgery import Bench
from signet.probing.gateway_call import GatewayAnswer
from tests.unit.issuing.local_keys import LocalSigner
from validator_functions.aws_lambda import answers
from validator_functions.aws_lambda.events import read
from validator_functions.azure_function import answers as function_answers
from validator_functions.azure_function import requests as function_requests
from validator_functions.cloud_run import answers as run_answers
from validator_functions.cloud_run import requests as run_requests
from validator_functions.verification.decision import Decision, StaticKeys
from validator_functions.verification.settings import ValidatorSettings
from validator_functions.verification.validator import Validator

NOW = 1_800_000_000
PROXIES = ("forward-auth", "envoy", "caddy", "traefik", "nginx")
ARN = "arn:aws:execute-api:eu-central-1:000000000000:abc"
BENCH = Bench(
    signer=LocalSigner("RS256"),
    kid=jwk_from_pem(LocalSigner("RS256").public_key_pem(), "RS256")["kid"],
    issuer="https://issuer.example/a",
    audience="https://api.example",
    scope="demo:read",
    longest_lifetime=900,
    clock_skew=60,
    clock=lambda: NOW,
)


def settings_for(bench: Bench, *, audit_passes: bool = False) -> ValidatorSettings:
    """The settings artefact that `components` would deploy, read by the validator."""
    jwk = jwk_from_pem(bench.signer.public_key_pem(), bench.signer.algorithm)
    ring = TrustedRing(
        issuer=bench.issuer,
        ring="environment",
        jwks=render_jwks([jwk], 1, ()),
        jwks_urls=("https://issuer.example/a/.well-known/jwks.json",),
        private_store=None,
    )
    terms = ValidatorTerms(
        environment="dev",
        service="environment",
        cloud="aws",
        sandbox=False,
        bundle_sha256="0" * 64,
        audience=bench.audience,
        algorithms=(bench.signer.algorithm,),
        max_lifetime=bench.longest_lifetime,
        clock_skew=bench.clock_skew,
        routes=[every_route(bench.scope)],
        required_claims=[],
        jwks_max_age=300,
        cache_ceiling=300,
        stale_if_error=21_600,
        token_cache=0,
        audit_passes=audit_passes,
        audit_subject="plain",
        rotation_due=None,
    )
    return ValidatorSettings.parse(render_settings(terms, [ring]).encode())


class InProcess:
    """Gateways and log in one: callable as a `Call`, readable as a `LogSource`."""

    def __init__(self, bench: Bench = BENCH, *, audit_passes: bool = False) -> None:
        settings = settings_for(bench, audit_passes=audit_passes)
        self._lines: list[str] = []
        self._validator = Validator(settings, StaticKeys.of(settings), self._lines.append)

    def new_lines(self) -> Iterator[LogLine]:
        lines, self._lines[:] = list(self._lines), []
        yield from (LogLine(NOW, line) for line in lines)

    def __call__(self, url: str, authorization: str | None) -> GatewayAnswer:
        kind = url.rpartition("/")[2]
        if kind == "function":
            headers = {} if authorization is None else {"Authorization": authorization}
            request = func.HttpRequest(method="GET", url=url, headers=headers, body=b"")
            decided = self._validator.decide(function_requests.read(request, "invocation-1"))
            return answer(*client_sees(kind, decided, ""))
        if kind in PROXIES:
            told = () if authorization is None else (("authorization", authorization),)
            decided = self._validator.decide(run_requests.read("envoy", "GET", "/authorize", told))
            return answer(*client_sees(kind, decided, ""))
        if authorization is None and kind != "rest-request":
            return answer(401)
        asked = read(event(kind, authorization), "invocation-1")
        decision = self._validator.decide(asked.request)
        return answer(*client_sees(kind, decision, asked.arn))


def client_sees(kind: str, decision: Decision, arn: str) -> tuple[int, dict[str, Any]]:
    """What a gateway makes of the handler's answer: status, and context for the backend."""
    if kind == "function":
        said = function_answers.answer(decision)
        return said.status_code, json.loads(said.get_body()).get("identity", {})
    if kind in PROXIES:
        status, _, body = run_answers.answer(decision)
        return status, json.loads(body).get("identity", {})
    try:
        if kind == "http":
            told = answers.simple(decision)
            return (200, told["context"]) if told["isAuthorized"] else (403, {})
        told = answers.policy(decision, arn, says_401=kind != "http-iam")
    except answers.Unauthorized:
        return 401, {}
    except answers.CouldNotCheck:
        return 500, {}
    allowed = told["policyDocument"]["Statement"][0]["Effect"] == "Allow"
    return (200, told["context"]) if allowed else (403, {})


def answer(status: int, identity: dict[str, Any] | None = None) -> GatewayAnswer:
    return GatewayAnswer(
        status=status, body=json.dumps({"identity": identity or {}}).encode(), seconds=0.0
    )


def event(kind: str, authorization: str | None) -> dict[str, Any]:
    if kind == "rest-token":
        return {
            "type": "TOKEN",
            "methodArn": f"{ARN}/live/GET/token",
            "authorizationToken": authorization,
        }
    many = {} if authorization is None else {"Authorization": [authorization]}
    if kind == "rest-request":
        return {
            "type": "REQUEST",
            "methodArn": f"{ARN}/live/GET/request",
            "httpMethod": "GET",
            "path": "/request",
            "headers": {name: values[-1] for name, values in many.items()},
            "multiValueHeaders": many,
            "requestContext": {"requestId": "request-1"},
        }
    return {
        "version": "2.0",
        "type": "REQUEST",
        "routeArn": f"{ARN}/$default/GET/",
        "rawPath": "/",
        "headers": {name.lower(): ",".join(values) for name, values in many.items()},
        "requestContext": {
            "http": {"method": "GET"},
            "stage": "$default",
            "apiId": "abc",
            "domainName": "abc.execute-api.eu-central-1.amazonaws.com",
            "requestId": "request-1",
        },
    }
