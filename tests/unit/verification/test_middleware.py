"""In-process middleware, called as ASGI and WSGI servers call it."""

import asyncio
import json
import re
import threading
import wsgiref.simple_server
from collections.abc import Iterable
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator as standard_checked

import pytest

from signet.paths import repo_root
from tests.unit.cli.tokens import NOW, Signer
from validator_functions.verification import middleware_asgi, middleware_wsgi
from validator_functions.verification.cache import TokenCache
from validator_functions.verification.claims import Claims
from validator_functions.verification.decision import Authorizer, Decision, Request, StaticKeys
from validator_functions.verification.http_refusal import (
    audited,
    is_identity_header,
    refusal,
    request_id,
)
from validator_functions.verification.key_source import KeySource, RingSource
from validator_functions.verification.keys import KeySet
from validator_functions.verification.reasons import Reason
from validator_functions.verification.settings import ValidatorSettings

from .stores import ISSUER, OWN_STORE, Stores
from .test_key_sources import settings, settings_text

SIGNER = Signer()
ROUTES = {
    "default": "refuse",
    "rules": [
        {"methods": ["GET"], "path": "/orders/{id}", "scopes": ["orders:read"]},
        {"methods": ["DELETE"], "path": "/orders/{id}", "scopes": ["orders:delete"]},
    ],
}


def made_settings() -> ValidatorSettings:
    return settings(["https://own.test/"], sandbox=False, deployed=SIGNER.jwks(), routes=ROUTES)


def authorizer(clock: float = NOW) -> Authorizer:
    read = made_settings()
    cache = TokenCache(10, 1_000_000)
    return Authorizer(read, StaticKeys.of(read), clock=lambda: clock, verified=cache)


def bearer(**changes: Any) -> tuple[str, str]:
    return ("Authorization", f"Bearer {SIGNER.token(**changes)}")


class Told:
    """What the application saw and what went out."""

    def __init__(self) -> None:
        self.scopes: list[Any] = []
        self.sent: list[Any] = []
        self.logged: list[tuple[Decision, Request]] = []

    async def app(self, scope: Any, _receive: Any, send: Any) -> None:
        self.scopes.append(scope)
        await send({"type": "app", "said": "hello"})

    async def receive(self) -> Any:
        return {"type": "websocket.connect"}

    async def send(self, message: Any) -> None:
        self.sent.append(message)

    def log(self, decision: Decision, request: Request) -> None:
        self.logged.append((decision, request))


def scope(
    *headers: tuple[str, str],
    path: str = "/orders/1",
    raw_path: bytes | None = None,
    method: str = "GET",
    **more: Any,
) -> dict[str, Any]:
    made: dict[str, Any] = {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": b"token=in-the-query",
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers],
        **more,
    }
    if raw_path is not None:
        made["raw_path"] = raw_path
    return made


def call(made: dict[str, Any], decides: Any = None) -> Told:
    told = Told()
    middleware = middleware_asgi.SignetMiddleware(
        told.app, decides or authorizer(), on_decision=told.log
    )
    asyncio.run(middleware(made, told.receive, told.send))
    return told


def test_asgi_lets_a_good_token_through_with_its_claims() -> None:
    told = call(scope(bearer(), ("X-Request-Id", "r-1")))
    assert told.sent == [{"type": "app", "said": "hello"}]
    claims = told.scopes[0]["signet"]
    assert isinstance(claims, Claims)
    assert claims.subject == "someone"
    decision, request = told.logged[0]
    assert decision.allowed
    assert request.request_id == "r-1"


def test_asgi_removes_identity_that_the_caller_sent() -> None:
    forged = ("X-Forwarded-User", "root"), ("X_Signet_Subject", "root"), ("X-Roles", "all")
    told = call(scope(bearer(), *forged, ("Accept", "*/*"), signet="forged"))
    seen = told.scopes[0]
    assert [name for name, _ in seen["headers"]] == [b"authorization", b"accept"]
    assert seen["signet"].subject == "someone"


REFUSED: list[tuple[dict[str, Any], int, str, str | None]] = [
    (scope(), 401, "token_missing", "Bearer"),
    (scope(("Cookie", "token=x")), 401, "token_missing", "Bearer"),
    (
        scope(("Authorization", "Basic eDp5")),
        401,
        "credentials_malformed",
        'Bearer error="invalid_request"',
    ),
    (
        scope(bearer(), bearer()),
        401,
        "credentials_malformed",
        'Bearer error="invalid_request"',
    ),
    (
        scope(("Authorization", "Bearer a.b.c")),
        401,
        "encoding_invalid",
        'Bearer error="invalid_token"',
    ),
    (scope(bearer(exp=NOW - 100, iat=NOW - 200, nbf=0)), 401, "token_expired", None),
    (
        scope(bearer(), method="DELETE"),
        403,
        "scope_missing",
        'Bearer error="insufficient_scope"',
    ),
    (scope(bearer(), path="/other"), 403, "route_not_allowed", None),
    (scope(bearer(), path="/orders/1", raw_path=b"/orders%2f1"), 403, "route_not_allowed", None),
    (scope(bearer(), path="/orders/1", raw_path=b"/orders/2"), 403, "route_not_allowed", None),
    (scope(bearer(), ("X-Original-Url", "/orders/2")), 403, "route_not_allowed", None),
]


@pytest.mark.parametrize(("made", "status", "reason", "challenge"), REFUSED)
def test_asgi_answers_a_refusal_and_asks_nothing_of_the_application(
    made: dict[str, Any], status: int, reason: str, challenge: str | None
) -> None:
    told = call(made)
    assert told.scopes == []
    start, body = told.sent
    headers = dict(start["headers"])
    assert (start["type"], start["status"]) == ("http.response.start", status)
    assert json.loads(body["body"]) == {"reason": reason}
    assert headers[b"content-length"] == str(len(body["body"])).encode()
    assert headers[b"cache-control"] == b"no-store"
    if challenge is not None:
        assert headers[b"www-authenticate"] == challenge.encode()
    assert told.logged[0][0].reason == reason


def test_asgi_matches_routes_on_the_path_as_it_came_where_both_readings_agree() -> None:
    assert call(scope(bearer(), path="/orders/é", raw_path=b"/orders/%C3%A9")).scopes
    assert call(scope(bearer(), path="/orders/é")).scopes


def test_asgi_answers_a_head_request_without_a_body() -> None:
    told = call(scope(method="HEAD"))
    assert told.sent[1] == {"type": "http.response.body", "body": b""}
    assert dict(told.sent[0]["headers"])[b"content-length"] == b"26"


def test_asgi_says_503_and_when_to_come_back_where_it_could_not_check() -> None:
    told = call(scope(bearer()), authorizer(clock=7.0))
    start = told.sent[0]
    assert start["status"] == 503
    assert dict(start["headers"])[b"retry-after"] == b"1"
    assert b"www-authenticate" not in dict(start["headers"])


def test_asgi_passes_lifespan_on_unchecked() -> None:
    told = call({"type": "lifespan"})
    assert told.scopes == [{"type": "lifespan"}]
    assert told.logged == []


def test_asgi_refuses_a_kind_of_connection_that_it_does_not_know() -> None:
    with pytest.raises(ValueError, match="nobody checks"):
        call({"type": "telnet"})


def websocket(*headers: tuple[str, str], **more: Any) -> dict[str, Any]:
    made = scope(*headers, type="websocket", **more)
    del made["method"]
    return made


def test_asgi_lets_a_websocket_with_a_good_token_through() -> None:
    told = call(websocket(bearer()))
    assert told.scopes[0]["signet"].subject == "someone"


def test_asgi_closes_a_websocket_without_one() -> None:
    told = call(websocket())
    assert told.sent == [{"type": "websocket.close", "code": 1008, "reason": "token_missing"}]
    assert call(websocket(extensions=None)).sent[0]["type"] == "websocket.close"


def test_asgi_answers_a_websocket_where_the_server_can_send_an_answer() -> None:
    told = call(websocket(extensions={"websocket.http.response": {}}))
    assert [message["type"] for message in told.sent] == [
        "websocket.http.response.start",
        "websocket.http.response.body",
    ]
    assert told.sent[0]["status"] == 401


def published_authorizer(stores: Stores) -> Authorizer:
    source = RingSource(issuer=ISSUER, urls=[OWN_STORE], deployed=None, fixed=False)
    return Authorizer(made_settings(), KeySource(source, stores), clock=lambda: NOW)


def test_asgi_waits_for_keys_without_blocking_the_loop_and_logs_once() -> None:
    stores = Stores()
    stores.held[OWN_STORE] = json.dumps(SIGNER.jwks(sequence=1)).encode()
    opened = threading.Event()

    def hold(_url: str) -> None:
        assert opened.wait(5)

    stores.before = hold
    told = Told()
    middleware = middleware_asgi.SignetMiddleware(
        told.app, published_authorizer(stores), on_decision=told.log
    )

    async def scenario() -> None:
        # Only the loop opens the gate: had it stood still, the patience would have run out first.
        asyncio.get_running_loop().call_later(0.2, opened.set)
        await middleware(scope(bearer()), told.receive, told.send)

    asyncio.run(scenario())
    assert [decision.allowed for decision, _ in told.logged] == [True]
    assert stores.calls == [OWN_STORE]


def test_asgi_gives_up_where_no_keys_can_be_had() -> None:
    told = call(scope(bearer()), published_authorizer(Stores()))
    assert told.sent[0]["status"] == 503
    assert told.logged[0][0].reason == Reason.KEYS_UNAVAILABLE


def test_a_log_that_fails_neither_refuses_nor_allows() -> None:
    def fail(_decision: Decision, _request: Request) -> None:
        raise OSError

    told = Told()
    middleware = middleware_asgi.SignetMiddleware(told.app, authorizer(), on_decision=fail)
    asyncio.run(middleware(scope(bearer()), told.receive, told.send))
    asyncio.run(middleware(scope(), told.receive, told.send))
    assert len(told.scopes) == 1
    assert told.sent[-2]["status"] == 401


def test_nothing_is_logged_where_nobody_asks_for_it() -> None:
    told = Told()
    middleware = middleware_asgi.SignetMiddleware(told.app, authorizer())
    asyncio.run(middleware(scope(bearer()), told.receive, told.send))
    assert len(told.scopes) == 1


def wsgi_app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    headers = [("content-type", "application/json")]
    start_response("200 OK", headers)
    seen = {name: value for name, value in environ.items() if name.startswith("HTTP_X")}
    return [json.dumps({**seen, "subject": environ["signet.claims"].subject}).encode()]


def wsgi(**more: str) -> tuple[str, dict[str, str], bytes]:
    environ: dict[str, Any] = {
        "SCRIPT_NAME": "",
        "PATH_INFO": "/orders/1",
        "QUERY_STRING": "",
    }
    setup_testing_defaults(environ)
    environ.update(more)
    answer: list[Any] = []

    def start_response(status: str, headers: list[tuple[str, str]], _fault: Any = None) -> Any:
        answer.extend([status, dict(headers)])
        return lambda _data: None

    middleware = middleware_wsgi.SignetMiddleware(standard_checked(wsgi_app), authorizer())
    result = standard_checked(middleware)(environ, start_response)
    body = b"".join(result)
    result.close()  # type: ignore[attr-defined]
    return answer[0], answer[1], body


def test_wsgi_lets_a_good_token_through_without_forged_identity() -> None:
    status, _, body = wsgi(
        HTTP_AUTHORIZATION=bearer()[1],
        HTTP_X_FORWARDED_USER="root",
        HTTP_X_SIGNET_SUBJECT="root",
        HTTP_X_OTHER="kept",
    )
    assert status == "200 OK"
    assert json.loads(body) == {"HTTP_X_OTHER": "kept", "subject": "someone"}


WSGI_REFUSED = [
    ({}, "401 Unauthorized", "token_missing"),
    ({"HTTP_AUTHORIZATION": "Bearer a.b"}, "401 Unauthorized", "token_malformed"),
    (
        {"HTTP_AUTHORIZATION": bearer()[1], "REQUEST_METHOD": "DELETE"},
        "403 Forbidden",
        "scope_missing",
    ),
    (
        {"HTTP_AUTHORIZATION": bearer()[1], "SCRIPT_NAME": "/api"},
        "403 Forbidden",
        "route_not_allowed",
    ),
    (
        {"HTTP_AUTHORIZATION": bearer()[1], "HTTP_X_ORIGINAL_URL": "/orders/2"},
        "403 Forbidden",
        "route_not_allowed",
    ),
]


@pytest.mark.parametrize(("more", "status", "reason"), WSGI_REFUSED)
def test_wsgi_answers_a_refusal(more: dict[str, str], status: str, reason: str) -> None:
    told, headers, body = wsgi(**more)
    assert told == status
    assert json.loads(body) == {"reason": reason}
    assert headers["www-authenticate"].startswith("Bearer")


def test_wsgi_reads_a_path_as_the_application_does() -> None:
    latin = "/orders/é".encode().decode("latin-1")
    assert wsgi(HTTP_AUTHORIZATION=bearer()[1], PATH_INFO=latin)[0] == "200 OK"


def test_wsgi_takes_a_request_without_a_path_for_one_of_the_root() -> None:
    request = middleware_wsgi._request({"REQUEST_METHOD": "GET"})
    assert (request.path, request.headers, request.request_id) == ("/", (), "")


def test_wsgi_answers_a_head_request_without_a_body() -> None:
    status, headers, body = wsgi(REQUEST_METHOD="HEAD")
    assert (status, body) == ("401 Unauthorized", b"")
    assert headers["content-length"] == "26"


class Quiet(wsgiref.simple_server.WSGIRequestHandler):
    def log_message(self, *_args: Any) -> None:
        """Say nothing."""


def test_wsgi_works_behind_a_real_server() -> None:
    app = middleware_wsgi.SignetMiddleware(wsgi_app, authorizer())
    with wsgiref.simple_server.make_server(
        "127.0.0.1",
        0,
        app,
        handler_class=Quiet,
    ) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        statuses = []
        try:
            for headers in ({}, dict([bearer()]), {"Authorization": f"{bearer()[1]}, b"}):
                connection = HTTPConnection("127.0.0.1", server.server_port, timeout=5)
                connection.request("GET", "/orders/1?x=y", headers=headers)
                statuses.append(connection.getresponse().status)
                connection.close()
        finally:
            server.shutdown()
            thread.join(5)
    assert statuses == [401, 200, 401]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("X-Signet-Subject", True),
        ("x_forwarded_user", True),
        ("X-MS-CLIENT-PRINCIPAL-ID", True),
        ("x-amzn-oidc-data", True),
        ("Remote-User", True),
        ("X-Forwarded-For", False),
        ("Authorization", False),
        ("X-Request-Id", False),
    ],
)
def test_identity_headers_are_known_by_name(name: str, expected: bool) -> None:
    assert is_identity_header(name) is expected


@pytest.mark.parametrize(
    ("value", "kept"),
    [("abc-1", "abc-1"), ("a\nb", ""), ("é", ""), ("x" * 129, ""), ("x" * 128, "x" * 128)],
)
def test_a_request_id_that_cannot_stand_in_a_log_is_dropped(value: str, kept: str) -> None:
    assert request_id((("Accept", "*"), ("X-Request-ID", value))) == kept
    assert request_id(()) == ""


@pytest.mark.parametrize("reason", list(Reason))
def test_every_refusal_has_an_answer_that_holds_its_reason_alone(reason: Reason) -> None:
    status, headers, body = refusal(Decision(reason=reason, detail="secret", kid="secret"))
    assert status == reason.status
    assert json.loads(body) == {"reason": str(reason)}
    assert "secret" not in str(headers)
    assert ("www-authenticate" in dict(headers)) == (status != 503)


def test_refusals_are_logged_as_the_settings_want_it() -> None:
    lines: list[str] = []
    log = audited(made_settings(), lines.append)
    told = Told()
    middleware = middleware_asgi.SignetMiddleware(told.app, authorizer(), on_decision=log)
    asyncio.run(middleware(scope(bearer()), told.receive, told.send))
    asyncio.run(middleware(scope(bearer(), path="/x"), told.receive, told.send))
    (line,) = lines
    assert json.loads(line)["reason"] == "route_not_allowed"
    told_line = json.loads(line)
    assert (told_line["sub"], told_line["gateway"]) == ("someone", "in_process")
    assert KeySet.parse(SIGNER.jwks()).kids == {SIGNER.kid}


def test_the_documented_lines_protect_a_service(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (repo_root() / "docs" / "in-process.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    made = settings_text(
        ["https://own.test/"], sandbox=False, deployed=SIGNER.jwks(), routes=ROUTES
    )
    (tmp_path / "settings.json").write_text(made)
    monkeypatch.setenv("SIGNET_SETTINGS_FILE", str(tmp_path / "settings.json"))
    names: dict[str, Any] = {}
    exec(code, names)  # noqa: S102 - our own documentation
    told = Told()
    asyncio.run(names["protect"](told.app)(scope(), told.receive, told.send))
    assert told.sent[0]["status"] == 401
    assert told.scopes == []
