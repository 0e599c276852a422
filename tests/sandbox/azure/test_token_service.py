"""The token service as a function app: Microsoft's own types, the fake's identities and vault."""

from __future__ import annotations

import importlib
import json
import os
import sys
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import azure.functions as func
import pytest

from sandbox.azure.vaults import Vaults
from signet.documents import jwk_from_pem
from signet.issuing.signers.azure import connect
from tests.sandbox import exchanging
from tests.sandbox.azure.running import Running
from tests.sandbox.azure.test_fake import account, key
from tests.unit.exchange.issuers import serving

MODULE = "signet.issuing.exchange.azure_function.app"


class App:
    """The app as the worker loads it."""

    def __init__(self, module: Any) -> None:
        functions = {each.get_function_name(): each for each in module.app.get_functions()}
        self._called = functions["token"].get_user_function()
        self.health = functions["health"].get_user_function()
        self.trigger = functions["token"].get_trigger().get_dict_repr()
        self.retry_after: str | None = None

    def send(self, method: str, path: str, body: bytes) -> tuple[int, Any]:
        url = f"https://app.test{path}"
        asked = func.HttpRequest(method=method, url=url, headers=exchanging.HEADERS, body=body)
        answer = self._called(asked, SimpleNamespace(invocation_id="invocation-1"))
        assert answer.headers["cache-control"] == "no-store"
        assert answer.mimetype == "application/json"
        self.retry_after = answer.headers.get("retry-after")
        return answer.status_code, json.loads(answer.get_body())


@pytest.fixture
def app(running: Running, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[App, Any, Any]]:
    """The app, the platforms, and the public key that it signs for."""
    account(running)
    key_id = key(running)
    jwk = jwk_from_pem(connect(key_id, "RS256").public_key_pem(), "RS256")
    endpoint = f"http://127.0.0.1:{running.port}"
    monkeypatch.setenv("AZURE_CLIENT_ID", "own-client-id")
    with serving() as issuers:
        told = exchanging.settings(
            issuers, "azure", jwk, key_id, replay=f"{endpoint}/docs/closed", endpoint=endpoint
        )
        for name, value in exchanging.variables(told).items():
            monkeypatch.setenv(name, value)
        monkeypatch.delitem(sys.modules, MODULE, raising=False)
        module = importlib.import_module(MODULE)
        monkeypatch.setattr(module, "write_line", lambda _: None)
        yield App(module), issuers, jwk
        sys.modules.pop(MODULE, None)


def test_platforms_tokens_become_one_signed_by_key_vault_and_are_taken_once(
    app: tuple[App, Any, Any],
) -> None:
    here, issuers, jwk = app
    for identity in ("github", "gitlab", "aws", "azure", "google"):
        body = exchanging.form(issuers, identity, jti="once")
        status, told = here.send("POST", "/token", body)
        assert status == 200, told
        assert exchanging.check(told["access_token"], jwk)
    status, told = here.send("POST", "/token", exchanging.form(issuers, "gitlab", jti="once"))
    assert (status, told["reason"]) == (400, "replayed")


def test_the_function_is_at_the_root_open_and_refuses_other_requests_itself(
    app: tuple[App, Any, Any],
) -> None:
    here, _, _ = app
    assert here.trigger["route"] == "token"
    assert str(getattr(here.trigger["authLevel"], "value", "")).lower() == "anonymous"
    assert here.send("GET", "/token", b"")[0] == 405
    assert here.send("POST", "/token", b"grant_type=x")[1]["error"] == "unsupported_grant_type"


def test_its_health_tells_what_it_runs_with(app: tuple[App, Any, Any]) -> None:
    here, _, _ = app
    answer = here.health(func.HttpRequest(method="GET", url="https://app.test/health", body=b""))
    told = json.loads(answer.get_body())
    assert (answer.status_code, told["ready"], told["service"]) == (200, True, "token-service")
    assert told["settings_sha256"] == os.environ["SIGNET_SETTINGS_SHA256"]
    assert told["bundle_sha256"] is None  # a checkout is no artefact


def test_each_identity_is_asked_for_by_its_client_id(
    app: tuple[App, Any, Any], running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, issuers, _ = app
    asked = []
    answer = type(running.fake.identity).answer

    def seen(self: Any, request: Any) -> Any:
        asked.append((request.query["resource"], request.query.get("client_id")))
        return answer(self, request)

    monkeypatch.setattr(type(running.fake.identity), "answer", seen)
    assert here.send("POST", "/token", exchanging.form(issuers, "gitlab", jti="x"))[0] == 200
    assert asked == [
        ("https://storage.azure.com/", "own-client-id"),
        ("https://vault.azure.net", "issuer-client-id"),
    ]


def test_a_key_that_is_disabled_signs_nothing(
    app: tuple[App, Any, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    here, issuers, _ = app
    known = Vaults._key
    monkeypatch.setattr(Vaults, "_key", lambda *told: {**known(*told), "enabled": False})
    status, told = here.send("POST", "/token", exchanging.form(issuers, "github"))
    assert (status, told["reason"]) == (503, "key_unusable")
    assert here.retry_after == "5"
