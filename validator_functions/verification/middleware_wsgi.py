"""WSGI middleware: a service checks its callers in-process, with the gateway's own module.

    settings = load()
    keys = KeySources.from_settings(settings)
    authorizer = Authorizer(settings, keys, verified=TokenCache.of(settings))
    app = SignetMiddleware(app, authorizer, on_decision=audited(settings))

The application finds the verified `Claims` in `environ["signet.claims"]`. Identity headers that the
caller sent are removed. A decision may wait for keys, rarely and at most a second.

Routes are matched on the path as the application reads it (`SCRIPT_NAME` and `PATH_INFO`, which the
server has decoded). A server that joins two `Authorization` headers with a comma has the request
refused. Start it after a pre-forking server has forked, so that each worker has threads of its own.

Source: PEP 3333.
"""

from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import quote

from .decision import Request
from .http_refusal import (
    OnDecision,
    ignore_decision,
    is_identity_header,
    refusal,
    request_id,
    status_line,
    tell,
)
from .middleware_asgi import Authorizes

Environ = dict[str, Any]
Application = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]

CLAIMS = "signet.claims"
_HEADER = "HTTP_"


class SignetMiddleware:
    """Lets requests with a good token through to `app`, and answers the others.

    Args:
        app: the WSGI application.
        authorizer: decides (`decision.Authorizer`).
        on_decision: takes every decision, for the log (`http_refusal.audited`).
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

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Handle one request."""
        request = _request(environ)
        decision = self._authorizer.authorize(request)
        tell(self._on_decision, decision, request)
        if decision.allowed:
            checked = {name: value for name, value in environ.items() if not _is_identity(name)}
            checked[CLAIMS] = decision.claims
            return self._app(checked, start_response)
        status, headers, body = refusal(decision, request.request_id)
        start_response(status_line(status), headers)
        return [b"" if request.method == "HEAD" else body]


def _is_identity(name: str) -> bool:
    return name.startswith(_HEADER) and is_identity_header(name.removeprefix(_HEADER))


def _request(environ: Environ) -> Request:
    headers = tuple(
        (name.removeprefix(_HEADER).replace("_", "-").lower(), str(value))
        for name, value in environ.items()
        if name.startswith(_HEADER)
    )
    # PEP 3333, "Unicode Issues": the bytes of a path stand in it as Latin-1.
    path = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
    raw = quote(path.encode("latin-1", errors="replace"))
    return Request(environ.get("REQUEST_METHOD", ""), raw or "/", headers, request_id(headers))
