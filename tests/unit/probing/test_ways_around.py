"""Ways past a gateway: what is tried, and what counts as open."""

from __future__ import annotations

import json
from typing import Any

import pytest

from components.aws import rest_gateway
from signet.gateway_answers import ANSWERS
from signet.probing import ways_around
from signet.probing.gateway_call import GatewayAnswer
from signet.probing.ways_around import Attempt, attempts, is_refused, try_all

OUTPUTS = {
    "gateways": {
        "aws": {
            "http": "https://a.execute-api.eu-central-1.amazonaws.com",
            "rest-token": "https://b.execute-api.eu-central-1.amazonaws.com/live/token",
            "rest-request": "https://b.execute-api.eu-central-1.amazonaws.com/live/request",
        },
        "azure": {"function": "https://app.azurewebsites.net/api/authorize"},
        "gcp": {"forward-auth": "https://v-abc.a.run.app/authorize"},
    }
}
LISTED = attempts(OUTPUTS, backends=["https://orders.internal.example.com/"])


def answer(status: int, body: bytes = b"") -> GatewayAnswer:
    return GatewayAnswer(status=status, body=body, seconds=0.0)


def test_every_gateway_and_back_end_is_tried() -> None:
    assert {each.gateway for each in LISTED} == {
        *(f"{cloud} {name}" for cloud, urls in OUTPUTS["gateways"].items() for name in urls),
        "back end",
    }


def test_the_stage_is_the_one_that_the_components_make() -> None:
    assert f"/{rest_gateway.STAGE}/" in OUTPUTS["gateways"]["aws"]["rest-token"]
    assert ways_around._STAGE == rest_gateway.STAGE


def test_nothing_is_tried_with_a_token_that_could_be_good() -> None:
    values = [value for each in LISTED for name, value in each.headers if "Auth" in name]
    assert set(values) == {"Bearer a.b.c", "Bearer ", "Bearer null"}


@pytest.mark.parametrize(
    ("gateway", "method", "url"),
    [
        ("aws http", "OPTIONS", "https://a.execute-api.eu-central-1.amazonaws.com"),
        ("aws rest-token", "GET", "https://b.execute-api.eu-central-1.amazonaws.com/prod/token"),
        ("aws rest-token", "GET", "https://b.execute-api.eu-central-1.amazonaws.com/live/other"),
        ("aws rest-token", "GET", "https://b.execute-api.eu-central-1.amazonaws.com/live"),
        ("azure function", "GET", "https://app.azurewebsites.net/admin/host/status"),
        ("gcp forward-auth", "GET", "https://v-abc.a.run.app/"),
        ("back end", "GET", "https://orders.internal.example.com/"),
    ],
)
def test_the_known_ways_are_among_them(gateway: str, method: str, url: str) -> None:
    assert any((each.gateway, each.method, each.url) == (gateway, method, url) for each in LISTED)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 431, 500, 502, 503])
def test_a_refusal_of_any_kind_lets_nobody_pass(status: int) -> None:
    assert try_all(LISTED, lambda *_: answer(status)) == []


@pytest.mark.parametrize("status", [200, 204, 301, 302])
def test_an_answer_or_a_redirect_is_an_opening(status: int) -> None:
    found = try_all(LISTED, lambda *_: answer(status))
    assert len(found) == len(LISTED)
    assert json.dumps(found[0].as_dict())


REPORT = {"signet": "report", "ready": True, "bundle_sha256": "0", "settings_sha256": "0"}


@pytest.mark.parametrize(
    ("told", "refused"),
    [(REPORT, True), ({**REPORT, "keys": []}, False), ([], False), ("x", False)],
)
def test_a_health_address_may_tell_hashes_and_nothing_else(told: Any, refused: bool) -> None:
    health = Attempt(gateway="g", what="health", url="https://a.invalid", tells_health=True)
    assert is_refused(health, answer(200, json.dumps(told).encode())) is refused
    elsewhere = Attempt(gateway="g", what="other", url="https://a.invalid")
    assert not is_refused(elsewhere, answer(200, json.dumps(told).encode()))


def test_what_is_no_json_is_no_report() -> None:
    health = Attempt(gateway="g", what="health", url="https://a.invalid", tells_health=True)
    assert not is_refused(health, answer(200, b"<html>"))


def test_a_kind_without_ways_of_its_own_is_tried_like_any_gateway() -> None:
    for cloud, name in ANSWERS:
        found = attempts({"gateways": {cloud: {name: "https://a.invalid/x"}}})
        assert len(found) > 25
