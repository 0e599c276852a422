"""ASGI middleware: a service checks its callers in-process, with the gateway's own module.

    settings = load()
    keys = KeySources.from_settings(settings)
    authorizer = Authorizer(settings, keys, verified=TokenCache.of(settings))
    app = SignetMiddleware(app, authorizer, on_decision=audited(settings))

The application finds the verified `Claims` in `scope["signet"]`. Identity headers that the caller
sent are removed. The event loop is never blocked: where a decision would wait for keys, it is made
again once they are there or the wait is over.

Put it outermost, before anything that mounts or rewrites paths: a path that the server and the
application read differently matches no route rule. A CORS layer goes around it, because browsers
send preflight requests without credentials. Browsers cannot send `Authorization` with a WebSocket
either, and a token in an address is never read (RFC 6750 section 2.3 advises against it).

Source: ASGI 3.0, "HTTP & WebSocket ASGI Message Format".
"""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Protocol
from urllib.parse import quote, unquote_to_bytes

from .attempt import deferring
from .decision import Decision, Request
from .http_refusal import (
    OnDecision,
    ignore_decision,
    is_identity_header,
    refusal,
    request_id,
    tell,
)
from .reasons import Reason

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

CLAIMS = "signet"
_POLICY_VIOLATION = 1008  # RFC 6455 section 7.4.1
_NO_PATH = ""


class Authorizes(Protocol):
    """`decision.Authorizer`: decides, and never raises."""

    def authorize(self, request: Request) -> Decision:
        """Decide one request."""
        ...  # pragma: no cover - a Protocol's body


class SignetMiddleware:
    """Lets requests with a good token through to `app`, and answers the others.

    Args:
        app: the ASGI application.
        authorizer: decides; it must not do anything else, for it may be asked twice.
        on_decision: takes every decision once, for the log (`http_refusal.audited`).
    """

    def __init__(
        self,
        app: Application,
        authorizer: Authorizes,
        *,
        on_decision: OnDecision = ignore_decision,
    ) -> None:
        self._app = app
        self._authorizer = authorizer
        self._on_decision = on_decision

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection. Raises ValueError for a kind of connection that is not known."""
        kind = scope["type"]
        if kind == "lifespan":
            await self._app(scope, receive, send)
            return
        if kind not in {"http", "websocket"}:
            raise ValueError("a kind of connection that nobody checks")
        request = _request(scope)
        decision = await self._decide(request)
        tell(self._on_decision, decision, request)
        if decision.allowed:
            await self._app(_checked(scope, decision), receive, send)
        elif kind == "http":
            await _refuse(decision, request, send)
        else:
            await receive()
            await _close(scope, decision, request, send)

    async def _decide(self, request: Request) -> Decision:
        with deferring() as deferral:
            decision = self._authorizer.authorize(request)
        if not deferral.pending:
            return decision
        await deferral.settled()
        with deferring():
            return self._authorizer.authorize(request)


def _request(scope: Scope) -> Request:
    headers = tuple(
        (name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]
    )
    return Request(scope.get("method", "GET"), _path(scope), headers, request_id(headers))


def _path(scope: Scope) -> str:
    """The path as it came, or one that no rule matches where the application reads another."""
    read: str = scope["path"]
    raw = scope.get("raw_path")
    if raw is None:
        return quote(read)
    if unquote_to_bytes(raw) != read.encode(errors="surrogateescape"):
        return _NO_PATH
    came: str = raw.decode("latin-1")
    return came


def _checked(scope: Scope, decision: Decision) -> Scope:
    headers = [
        (name, value)
        for name, value in scope["headers"]
        if not is_identity_header(name.decode("latin-1"))
    ]
    return {**scope, "headers": headers, CLAIMS: decision.claims}


async def _refuse(decision: Decision, request: Request, send: Send, kind: str = "http") -> None:
    status, headers, content = refusal(decision, request.request_id)
    raw = [(name.encode(), value.encode()) for name, value in headers]
    await send({"type": f"{kind}.response.start", "status": status, "headers": raw})
    await send(
        {"type": f"{kind}.response.body", "body": b"" if request.method == "HEAD" else content}
    )


async def _close(scope: Scope, decision: Decision, request: Request, send: Send) -> None:
    """Refuse a handshake: with our answer where the server can send one, else with its 403."""
    if "websocket.http.response" in (scope.get("extensions") or {}):
        await _refuse(decision, request, send, kind="websocket.http")
    else:
        reason = str(decision.reason or Reason.INTERNAL_ERROR)
        await send({"type": "websocket.close", "code": _POLICY_VIOLATION, "reason": reason})
