"""The forward-auth service: what proxies may ask, in which words, and what they are told."""

import email.parser
import json
import time
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.gcp import envoy
from tests.cases import forge
from tests.cases.settings import artefact, document
from validator_functions.cloud_run.answers import Answer, answer
from validator_functions.cloud_run.app import App
from validator_functions.cloud_run.requests import ASK_PATH, NotAsked, read
from validator_functions.verification.attempt import Attempt, Deferral, wait_or_defer
from validator_functions.verification.claims import Claims
from validator_functions.verification.decision import Decision, StaticKeys
from validator_functions.verification.errors import SettingsError
from validator_functions.verification.identity import IDENTITY_HEADERS, identity, identity_headers
from validator_functions.verification.keys import KeySet
from validator_functions.verification.refresh_timing import Moment
from validator_functions.verification.settings import ValidatorSettings
from validator_functions.verification.validator import Validator


def told(answer: Answer | Deferral) -> tuple[int, Mapping[str, str], dict[str, Any]]:
    """An answer, its body read."""
    assert not isinstance(answer, Deferral)
    status, lines, body = answer
    headers = email.parser.HeaderParser().parsestr(lines)
    return status, dict(headers.items()), json.loads(body)


class Deployed:
    """The service with deployed keys and a log that can be read."""

    def __init__(self, proxy: str = "envoy", **changes: Any) -> None:
        self.signer = forge.Signer("ES256")
        settings = ValidatorSettings.parse(artefact(document(self.signer, **changes)))
        self.lines: list[str] = []
        self.app = App(Validator(settings, StaticKeys.of(settings), self.lines.append), proxy)

    def token(self, **changes: Any) -> str:
        now = int(time.time())
        return self.signer.token(
            forge.good_claims(**{"iat": now, "nbf": now, "exp": now + 600, **changes})
        )

    def ask(
        self, target: str, *headers: tuple[str, str], method: str = "GET"
    ) -> tuple[int, Mapping[str, str], dict[str, Any]]:
        return told(self.app.handle(method, target, headers))

    def logged(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.lines[-1])
        return found


READ = [
    ("envoy", "POST", "/authorize/orders/7?page=2", (), ("POST", "/orders/7")),
    ("envoy", "GET", "/authorize", (), ("GET", "/")),
    # Envoy's caller made these up: they are not believed.
    ("envoy", "GET", "/authorize/a", (("x-forwarded-uri", "/b"),), ("GET", "/a")),
    (
        "forwarded",
        "GET",
        "/authorize",
        (("x-forwarded-method", "PUT"), ("x-forwarded-uri", "/a?b=/c"), ("x-original-uri", "/b")),
        ("PUT", "/a"),
    ),
    (
        "original",
        "GET",
        "/authorize",
        (("x-original-method", "GET"), ("x-original-uri", "/a"), ("x-forwarded-uri", "/b")),
        ("GET", "/a"),
    ),
]


@pytest.mark.parametrize(("proxy", "method", "target", "headers", "wanted"), READ)
def test_only_the_named_kind_of_proxy_is_believed(
    proxy: str, method: str, target: str, headers: Any, wanted: tuple[str, str]
) -> None:
    request = read(proxy, method, target, headers)
    assert (request.method, request.path) == wanted


UNASKED = [
    ("forwarded", ()),
    ("forwarded", (("x-forwarded-uri", "/a"),)),
    ("forwarded", (("x-forwarded-method", "GET"), ("x-forwarded-uri", ""))),
    ("forwarded", (("x-forwarded-method", "GET"), ("x-forwarded-uri", "http://b/a"))),
    (
        "forwarded",
        (("x-forwarded-method", "GET"), ("x-forwarded-uri", "/a"), ("x-forwarded-uri", "/b")),
    ),
    ("original", (("x-forwarded-method", "GET"), ("x-forwarded-uri", "/a"))),
    (
        "original",
        (("x-original-method", "GET"), ("x-original-method", "PUT"), ("x-original-uri", "/a")),
    ),
]


@pytest.mark.parametrize(("proxy", "headers"), UNASKED)
def test_a_missing_or_conflicting_header_refuses_even_a_good_token(
    proxy: str, headers: Any
) -> None:
    with pytest.raises(NotAsked):
        read(proxy, "GET", "/authorize", headers)
    deployed = Deployed(proxy)
    good = ("authorization", f"Bearer {deployed.token()}")
    status, _, body = deployed.ask("/authorize", good, *headers)
    assert (status, body) == (403, {"reason": "route_not_allowed"})
    assert deployed.logged()["detail"].startswith("the proxy: ")


def test_a_good_token_is_told_with_every_identity_header() -> None:
    deployed = Deployed()
    good = ("authorization", f"Bearer {deployed.token(jti='t-1')}")
    status, headers, body = deployed.ask("/authorize/orders/7", good)
    assert status == 200
    assert {name for name in headers if name.startswith("x-signet-")} == set(IDENTITY_HEADERS)
    assert headers["x-signet-subject"] == body["identity"]["subject"]
    assert headers["x-signet-token-id"] == "t-1"
    assert headers["cache-control"] == "no-store"


@pytest.mark.parametrize("subject", ["Zoë", " orders", "orders "])
def test_an_identity_that_no_header_can_carry_is_told_as_empty(subject: str) -> None:
    deployed = Deployed()
    good = ("authorization", f"Bearer {deployed.token(sub=subject)}")
    _, headers, body = deployed.ask("/authorize/orders/7", good)
    assert (headers["x-signet-subject"], body["identity"]["subject"]) == ("", subject)


@pytest.mark.parametrize("subject", ["orders", 'a"b\\c', "%s %d"])
def test_an_identity_of_plain_text_is_told_alike_in_header_and_body(subject: str) -> None:
    deployed = Deployed()
    good = ("authorization", f"Bearer {deployed.token(sub=subject)}")
    _, headers, body = deployed.ask("/authorize/orders/7", good)
    assert headers["x-signet-subject"] == body["identity"]["subject"] == subject


CLAIMED = (
    st.none() | st.integers() | st.lists(st.text()) | st.text() | st.text(' !"\\\\|\x7f\xe9az')
)


@given(sub=CLAIMED, scope=CLAIMED, jti=CLAIMED)
def test_all_five_are_told_as_one_by_one_whatever_they_hold(
    sub: object, scope: object, jti: object
) -> None:
    claims = Claims({"sub": sub, "iss": "https://i", "scope": scope, "jti": jti}, "k", "ES256")
    decision = Decision(reason=None, claims=claims)
    status, lines, body = answer(decision)
    assert status == 200
    assert json.loads(body) == {"identity": identity(decision)}
    assert lines.split("\r\n")[3:-1] == [
        f"{name}: {value}" for name, value in identity_headers(identity(decision))
    ]


def test_a_pass_without_claims_tells_five_empty_names() -> None:
    _, headers, body = told(answer(Decision(reason=None)))
    assert [headers[name] for name in IDENTITY_HEADERS] == [""] * len(IDENTITY_HEADERS)
    assert body == {"identity": dict.fromkeys(IDENTITY_HEADERS.values(), "")}


REFUSED = [
    ((), 401, "token_missing"),
    ((("authorization", "Bearer nonsense"),), 401, "token_malformed"),
    ((("authorization", "Bearer a"), ("authorization", "Bearer b")), 401, "credentials_malformed"),
]


@pytest.mark.parametrize(("headers", "status", "reason"), REFUSED)
def test_refusals_name_their_reason_and_challenge(headers: Any, status: int, reason: str) -> None:
    deployed = Deployed()
    told, answer, body = deployed.ask("/authorize/orders/7", *headers)
    assert (told, body) == (status, {"reason": reason})
    assert answer["www-authenticate"].startswith("Bearer")
    assert deployed.logged()["reason"] == reason


def test_a_token_without_the_routes_scope_is_refused_with_403() -> None:
    deployed = Deployed()
    weak = ("authorization", f"Bearer {deployed.token(scope='other')}")
    status, _, body = deployed.ask("/authorize/orders/7", weak)
    assert (status, body) == (403, {"reason": "scope_missing"})


class OnTheirWay(StaticKeys):
    """Deployed keys, beside which a published set is being fetched that a decision waits for."""

    attempt: Attempt

    def keyset_for(self, unverified_issuer: str, kid: str, now: int) -> KeySet:
        wait_or_defer(self.attempt, 0.5)
        return super().keyset_for(unverified_issuer, kid, now)


def test_a_question_that_would_wait_for_keys_is_put_off_and_logged_once_it_is_decided() -> None:
    signer = forge.Signer("ES256")
    settings = ValidatorSettings.parse(artefact(document(signer)))
    keys = OnTheirWay.of(settings)
    assert isinstance(keys, OnTheirWay)
    keys.attempt = Attempt(Moment(0.0, 0.0), required=True, seeking=False)
    lines: list[str] = []
    app = App(Validator(settings, keys, lines.append))
    token = signer.token(forge.good_claims(iat=1_000, nbf=1_000, exp=1_600))
    expired = ("authorization", f"Bearer {token}")
    put_off = app.handle("GET", "/authorize/orders/7", (expired,))
    assert isinstance(put_off, Deferral)
    assert (put_off.then(lambda: None), put_off.finished, lines) == (0.5, False, [])
    status, _, body = told(app.handle("GET", "/authorize/orders/7", (expired,), waited=True))
    assert (status, body) == (401, {"reason": "token_expired"})
    assert [json.loads(line)["reason"] for line in lines] == ["token_expired"]


def test_wrong_settings_refuse_every_question_with_503_and_health_says_so() -> None:
    app = App(Validator.start(lambda _: StaticKeys({}), environ={}, write=lambda _: None))
    assert told(app.handle("GET", "/authorize/a", ()))[0] == 503
    assert told(app.handle("GET", "/healthz", ()))[0] == 503


@pytest.mark.parametrize("path", ["/healthz", "/health"])
def test_health_tells_hashes_and_needs_no_token(path: str) -> None:
    status, _, body = Deployed().ask(path)
    assert status == 200
    assert body["ready"] is True
    assert body["bundle_sha256"] is None  # it runs from a checkout here: test_alone.py
    assert len(body["settings_sha256"]) == 64


@pytest.mark.parametrize(
    "target", ["/", "/authorized", "/healthz/x", "/x/authorize", "//authorize"]
)
def test_nothing_else_is_answered_with_200(target: str) -> None:
    assert Deployed().ask(target)[0] == 404


def test_a_callers_health_path_is_a_question_like_any_other() -> None:
    assert Deployed().ask("/authorize/healthz")[0] == 401


def test_an_unknown_kind_of_proxy_is_a_fault_of_the_settings() -> None:
    with pytest.raises(SettingsError, match="SIGNET_PROXY"):
        App(Validator(None, None, lambda _: None), "haproxy")


def test_envoys_configuration_and_the_service_agree() -> None:
    assert envoy.ASK_PATH == ASK_PATH
