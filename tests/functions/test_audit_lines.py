"""Real log lines of the three runtimes, as they leave the process, against the published schema.

Every field that a caller can fill is tried with what breaks logs: line ends, terminal escapes,
what looks like another line of ours, and text that is no ASCII.
"""

import contextlib
import functools
import json
import logging
import threading
import time
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

import azure.functions as func
import pytest

from tests.cases import forge
from tests.cases.settings import artefact, document
from tests.functions.aws_lambda.documented_events import http_event, request_event, token_event
from tests.unit.verification.test_audit import checked
from validator_functions.aws_lambda import answers, handler
from validator_functions.azure_function import app as function
from validator_functions.cloud_run.app import App
from validator_functions.verification.decision import StaticKeys
from validator_functions.verification.settings import ValidatorSettings
from validator_functions.verification.validator import Validator, write_line

SIGNER = forge.Signer("ES256")
SETTINGS = ValidatorSettings.parse(
    artefact(document(SIGNER, audit={"passes": True, "subject": "plain", "rotation_due": None}))
)
CONTEXT = SimpleNamespace(aws_request_id="invocation-1", invocation_id="invocation-1")

Ask = Callable[[str, str, str], None]
"""Authorization, path, request id."""


def _lambda(event: Callable[[str, str, str], dict[str, Any]]) -> Ask:
    def ask(authorization: str, path: str, request_id: str) -> None:
        with contextlib.suppress(answers.Unauthorized, answers.CouldNotCheck):
            handler.handler(event(authorization, path, request_id), CONTEXT)

    return ask


def _function(authorization: str, path: str, request_id: str) -> None:
    headers = {"Authorization": authorization, "X-Request-Id": request_id}
    url = f"http://app.invalid{path}"
    request = func.HttpRequest(method="GET", url=url, headers=headers, body=b"")
    function.authorize.build().get_user_function()(request, CONTEXT)


def _forward(proxy: str, told: Callable[[str], Mapping[str, str]]) -> Ask:
    def ask(authorization: str, path: str, request_id: str) -> None:
        validator = Validator(SETTINGS, StaticKeys.of(SETTINGS), write_line)
        headers = {"authorization": authorization, "x-request-id": request_id, **told(path)}
        target = f"/authorize{path}" if proxy == "envoy" else "/authorize"
        App(validator, proxy).handle("GET", target, tuple(headers.items()))

    return ask


RUNTIMES: dict[str, tuple[str, Ask]] = {
    "lambda TOKEN": ("rest_api", _lambda(lambda a, p, _: token_event(a, path=p))),
    "lambda REQUEST": ("rest_api", _lambda(lambda a, p, _: request_event(a, path=p))),
    "lambda HTTP API": ("http_api", _lambda(lambda a, p, _: http_event(a, path=p))),
    "function": ("function", _function),
    "envoy": ("envoy", _forward("envoy", lambda _: {})),
    "caddy": (
        "forwarded",
        _forward("forwarded", lambda p: {"x-forwarded-method": "GET", "x-forwarded-uri": p}),
    ),
    "nginx": (
        "original",
        _forward("original", lambda p: {"x-original-method": "GET", "x-original-uri": p}),
    ),
}

ATTACKS = {
    "another line": '"}\n{"signet":"decision","allowed":true,"reason":null}',
    "CR LF": "a\r\nb\rc\nd",
    "Unicode line ends": "a\u2028b\u2029c\x85d",
    "control characters": "".join(map(chr, range(32))) + "\x7f\x9b",
    "a terminal's escape": "\x1b[2J\x1b]0;owned\x07",
    "right to left": "\u202egnp.exe",
    "text beyond ASCII": "schön 🔑",
    "a format": "%s %n {0} ${jndi:ldap://x}",
    "long": "x" * 5_000,
    "empty": "",
}


@pytest.fixture
def written(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> Callable[[], list[str]]:
    """What the three runtimes wrote since the last time, split as a collector of logs does."""
    to_stdout = Validator(SETTINGS, StaticKeys.of(SETTINGS), write_line)
    monkeypatch.setattr(handler, "_validator", to_stdout)
    to_log = Validator(SETTINGS, StaticKeys.of(SETTINGS), function.write_line)
    monkeypatch.setattr(function, "validator", to_log)
    caplog.set_level(logging.INFO, "signet.decisions")

    def read() -> list[str]:
        told = capsys.readouterr().out + "".join(f"{m}\n" for m in caplog.messages)
        caplog.clear()
        assert told.endswith("\n")
        return told.removesuffix("\n").split("\n")

    return read


def token(**changes: Any) -> str:
    now = int(time.time())
    times = {"iat": now, "nbf": now, "exp": now + 600}
    return SIGNER.token(forge.good_claims(**{**times, **changes}))


@functools.cache
def fillings(attack: str) -> list[tuple[str, str, str]]:
    """Every field that a caller fills, each with the attack: credentials, path, request id."""
    good = f"Bearer {token()}"
    evil = forge.Signer("ES256", kid=attack or "x")
    return [
        (f"Bearer {attack}", "/orders/7", "id-1"),
        (attack, "/orders/7", "id-1"),
        (f"Bearer {evil.token(forge.good_claims())}", "/orders/7", "id-1"),
        (f"Bearer {token(sub=attack)}", "/orders/7", "id-1"),
        (f"Bearer {token(jti=attack)}", "/orders/7", "id-1"),
        (f"Bearer {token(iss=attack)}", "/orders/7", "id-1"),
        (f"Bearer {token(aud=attack, scope=attack)}", "/orders/7", "id-1"),
        (f"Bearer {token(**{attack: attack})}", "/orders/7", "id-1"),
        (good, f"/orders/{attack}", "id-1"),
        (good, f"/{attack}", "id-1"),
        (good, "/orders/7", attack),
    ]


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
@pytest.mark.parametrize("name", RUNTIMES)
def test_whatever_a_caller_sends_is_one_line_of_the_schema(
    written: Callable[[], list[str]], name: str, attack: str
) -> None:
    gateway, ask = RUNTIMES[name]
    for filling in fillings(attack):
        ask(*filling)
        (line,) = written()
        told = checked(line)
        assert told["gateway"] == gateway
        assert told["signet"] == "decision"
        secrets = filling[0].removeprefix("Bearer ").split(".")
        assert [part for part in secrets if len(part) > 20 and part in line] == []


@pytest.mark.parametrize("name", RUNTIMES)
def test_a_pass_is_logged_with_who_it_was_and_by_which_rule(
    written: Callable[[], list[str]], name: str
) -> None:
    gateway, ask = RUNTIMES[name]
    ask(f"Bearer {token()}", "/orders/7", "id-1")
    (line,) = written()
    told = checked(line)
    assert (told["allowed"], told["gateway"], told["route"]) == (True, gateway, "GET /orders/{id}")
    assert (told["sub"], told["jti"]) == ("service-orders", forge.good_claims()["jti"])
    wanted = {
        "lambda TOKEN": "invocation-1",
        "lambda REQUEST": "rest-request-1",
        "lambda HTTP API": "http-request-1",
    }
    assert told["request_id"] == wanted.get(name, "id-1")


def test_a_refusals_answer_names_the_request_as_the_log_does(
    written: Callable[[], list[str]],
) -> None:
    asked = func.HttpRequest(method="GET", url="http://app.invalid/a", headers={}, body=b"")
    answer = function.authorize.build().get_user_function()(asked, CONTEXT)
    (line,) = written()
    assert answer.headers["x-request-id"] == checked(line)["request_id"] == "invocation-1"

    run = App(Validator(SETTINGS, StaticKeys.of(SETTINGS), write_line))
    told = run.handle("GET", "/authorize/orders/7", (("x-request-id", "id-1"),))
    assert isinstance(told, tuple)
    (line,) = written()
    assert checked(line)["request_id"] == "id-1"
    assert "\r\nx-request-id: id-1\r\n" in told[1]


def test_an_event_of_no_known_shape_is_a_line_too(written: Callable[[], list[str]]) -> None:
    with pytest.raises(answers.CouldNotCheck):
        handler.handler({"type": "\n"}, CONTEXT)
    (line,) = written()
    told = checked(line)
    assert (told["gateway"], told["reason"]) == (None, "internal_error")


def test_lines_of_many_threads_never_stand_in_one_another(
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = json.dumps({"signet": "decision", "detail": "x" * 200})
    threads = [
        threading.Thread(target=lambda: [write_line(text) for _ in range(200)]) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(capsys.readouterr().out.splitlines()) == {text}
