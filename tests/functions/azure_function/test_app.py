"""The Azure functions, with Microsoft's own request and answer types."""

import base64
import hashlib
import json
import logging
import time
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import azure.functions as func
import pytest

from signet.paths import repo_root
from tests.cases import forge
from tests.cases.settings import artefact, document
from validator_functions.azure_function import app as module
from validator_functions.azure_function.requests import METHOD_HEADER, PATH_HEADER
from validator_functions.verification.decision import StaticKeys
from validator_functions.verification.errors import SettingsError
from validator_functions.verification.identity import IDENTITY_HEADERS
from validator_functions.verification.settings import ValidatorSettings, load
from validator_functions.verification.validator import Validator

PLAIN = "http://app.invalid/orders/7?page=2"
AUTHORIZE = "http://app.invalid/api/authorize"

# An app can be asked for its functions once, as a worker does.
FUNCTIONS = {each.get_function_name(): each for each in module.app.get_functions()}


class Deployed:
    """The app with deployed keys and a log that can be read."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.signer = forge.Signer("RS256")
        settings = ValidatorSettings.parse(artefact(document(self.signer)))
        self.lines: list[str] = []
        validator = Validator(settings, StaticKeys.of(settings), self.lines.append)
        monkeypatch.setattr(module, "validator", validator)

    def token(self, **changes: Any) -> str:
        now = int(time.time())
        times = {"iat": now, "nbf": now, "exp": now + 600}
        return self.signer.token(forge.good_claims(**{**times, **changes}))

    def ask(
        self, url: str, headers: Mapping[str, str], method: str = "GET", name: str = "authorize"
    ) -> func.HttpResponse:
        called = FUNCTIONS[name].get_user_function()
        request = func.HttpRequest(method=method, url=url, headers=headers, body=b"")
        if name == "health":
            answer = called(request)
        else:
            answer = called(request, SimpleNamespace(invocation_id="invocation-1"))
        assert isinstance(answer, func.HttpResponse)
        return answer

    def logged(self) -> dict[str, Any]:
        (line,) = self.lines
        entry: dict[str, Any] = json.loads(line)
        return entry


@pytest.fixture
def deployed(monkeypatch: pytest.MonkeyPatch) -> Deployed:
    return Deployed(monkeypatch)


def bearer(token: str, **more: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}", **more}


def test_a_good_token_gets_200_with_the_identity_in_headers_and_body(deployed: Deployed) -> None:
    answer = deployed.ask(PLAIN, bearer(deployed.token()))
    assert answer.status_code == 200
    assert answer.headers["x-signet-subject"] == "service-orders"
    assert answer.headers["x-signet-key-id"] == deployed.signer.kid
    assert answer.headers["cache-control"] == "no-store"
    told = json.loads(answer.get_body())["identity"]
    assert told["subject"] == "service-orders"
    assert told["scope"] == "orders:read orders:write"


@pytest.mark.parametrize(
    ("headers", "status", "reason", "challenge"),
    [
        ({}, 401, "token_missing", "Bearer"),
        ({"Authorization": "Basic x"}, 401, "credentials_malformed", "invalid_request"),
        ({"Authorization": "Bearer x.y.z"}, 401, "encoding_invalid", "invalid_token"),
        ({"Authorization": "Bearer a, Bearer b"}, 401, "credentials_malformed", "invalid_request"),
    ],
)
def test_a_refusal_has_the_decisions_status_and_names_its_reason(
    deployed: Deployed, headers: dict[str, str], status: int, reason: str, challenge: str
) -> None:
    answer = deployed.ask(PLAIN, headers)
    assert answer.status_code == status
    assert json.loads(answer.get_body()) == {"reason": deployed.logged()["reason"]}
    assert challenge in answer.headers["www-authenticate"]
    if reason != "encoding_invalid":  # which part of the text is faulty is the core's own test
        assert deployed.logged()["reason"] == reason


def test_a_missing_right_is_403(deployed: Deployed) -> None:
    answer = deployed.ask(PLAIN, bearer(deployed.token(scope="other")))
    assert answer.status_code == 403
    assert "insufficient_scope" in answer.headers["www-authenticate"]
    assert deployed.logged()["reason"] == "scope_missing"


def test_the_gateways_method_and_path_are_what_is_decided(deployed: Deployed) -> None:
    token = deployed.token()
    good = {METHOD_HEADER: "GET", PATH_HEADER: "/orders/7?page=2"}
    other = {METHOD_HEADER: "POST", PATH_HEADER: "/orders/7"}
    assert deployed.ask(AUTHORIZE, bearer(token, **good), "POST").status_code == 200
    assert deployed.ask(AUTHORIZE, bearer(token, **other)).status_code == 403


@pytest.mark.parametrize("alone", [METHOD_HEADER, PATH_HEADER])
def test_half_of_what_a_gateway_tells_matches_no_route(deployed: Deployed, alone: str) -> None:
    value = "GET" if alone == METHOD_HEADER else "/orders/7"
    answer = deployed.ask(PLAIN, bearer(deployed.token(), **{alone: value}))
    assert answer.status_code == 403
    assert deployed.logged()["reason"] == "route_not_allowed"


def test_a_gateways_empty_header_stands_for_a_request_without_credentials(
    deployed: Deployed,
) -> None:
    asked = {"Authorization": "", METHOD_HEADER: "GET", PATH_HEADER: "/orders/7"}
    assert deployed.ask(AUTHORIZE, asked).headers["www-authenticate"] == "Bearer"
    assert deployed.logged()["reason"] == "token_missing"


def test_every_identity_header_is_told_though_the_token_says_nothing(deployed: Deployed) -> None:
    answer = deployed.ask(PLAIN, bearer(deployed.token(jti=None)))
    assert IDENTITY_HEADERS.keys() <= set(answer.headers.keys())
    assert answer.headers["x-signet-token-id"] == ""


def test_a_subject_that_no_header_can_carry_is_in_the_body_alone(deployed: Deployed) -> None:
    answer = deployed.ask(PLAIN, bearer(deployed.token(sub="Zoë")))
    assert answer.headers["x-signet-subject"] == ""
    assert json.loads(answer.get_body())["identity"]["subject"] == "Zoë"


def test_what_is_logged_names_the_platforms_invocation(deployed: Deployed) -> None:
    deployed.ask(PLAIN, {})
    assert deployed.logged()["request_id"] == "invocation-1"


def test_without_settings_everything_is_refused_with_503_and_health_says_so(
    monkeypatch: pytest.MonkeyPatch, deployed: Deployed
) -> None:
    monkeypatch.setattr(module, "validator", Validator(None, None, deployed.lines.append))
    answer = deployed.ask(PLAIN, bearer("x.y.z"))
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "1"
    health = deployed.ask("http://app.invalid/api/health", {}, name="health")
    assert health.status_code == 503
    assert json.loads(health.get_body())["ready"] is False


def test_health_tells_the_bundles_and_the_settings_hash(deployed: Deployed) -> None:
    answer = deployed.ask("http://app.invalid/api/health", {}, name="health")
    assert answer.status_code == 200
    told = json.loads(answer.get_body())
    assert told["ready"] is True
    assert told["bundle_sha256"] is None  # it runs from a checkout here: test_alone.py
    assert len(told["settings_sha256"]) == 64


def test_both_functions_are_anonymous_and_routed_below_api() -> None:
    found = {name: each.get_trigger().get_dict_repr() for name, each in FUNCTIONS.items()}
    assert {name: trigger["route"] for name, trigger in found.items()} == {
        "authorize": "authorize",
        "health": "health",
    }
    assert {trigger["authLevel"] for trigger in found.values()} == {func.AuthLevel.ANONYMOUS}
    host = json.loads(
        (repo_root() / "validator_functions/azure_function/host.json").read_text(encoding="utf-8")
    )
    assert host["extensions"]["http"]["routePrefix"] == "api"
    # A flood must not thin out its own record.
    sampling = host["logging"]["applicationInsights"]["samplingSettings"]
    assert "Trace" in sampling["excludedTypes"].split(";")


def test_lines_go_to_the_log_that_the_worker_sends(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        module.write_line('{"signet":"decision"}')
    assert caplog.messages == ['{"signet":"decision"}']


def test_settings_travel_as_text_where_no_file_can(tmp_path: Path) -> None:
    data = artefact(document(forge.Signer("RS256")))
    told = {
        "SIGNET_SETTINGS": base64.b64encode(data).decode(),
        "SIGNET_SETTINGS_SHA256": hashlib.sha256(data).hexdigest(),
    }
    assert load(told, [str(tmp_path)]).sha256 == told["SIGNET_SETTINGS_SHA256"]
    with pytest.raises(SettingsError, match="not the hash"):
        load({**told, "SIGNET_SETTINGS_SHA256": "0" * 64})
    with pytest.raises(SettingsError, match="base64"):
        load({"SIGNET_SETTINGS": "ä"})
