"""What in-process middleware shares: identity headers, the answer to a refusal, and the log.

A refusal's answer follows RFC 6750 section 3: `WWW-Authenticate: Bearer`, with an error code unless
there was no token at all. The body names the reason code and nothing more; what it was about stands
in the log.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from json import dumps

from .audit import IN_PROCESS, audit_line, is_audited
from .decision import Decision, Request
from .reasons import FORBIDDEN, UNAUTHORIZED, Reason
from .settings import ValidatorSettings
from .validator import Clock, Write, write_line

OnDecision = Callable[[Decision, Request], None]

_IDENTITY_PREFIXES = (
    "x-signet-",
    "x-auth-request-",
    "x-authenticated-",
    "x-amzn-oidc-",
    "x-ms-client-principal",
    "x-ms-token-",
    "x-goog-authenticated-user-",
    "x-goog-iap-",
    "x-jwt-",
    "x-user",
)
_IDENTITY_NAMES = frozenset(
    {
        "remote-user",
        "x-remote-user",
        "x-forwarded-user",
        "x-forwarded-email",
        "x-forwarded-groups",
        "x-forwarded-preferred-username",
        "x-forwarded-access-token",
        "x-apigateway-api-userinfo",
        "x-endpoint-api-userinfo",
        "x-client-id",
        "x-consumer-id",
        "x-consumer-username",
        "x-email",
        "x-groups",
        "x-roles",
        "x-scope",
        "x-scopes",
        "x-subject",
    }
)
_REQUEST_ID = "x-request-id"
_REQUEST_ID_NAME = len(_REQUEST_ID)
_REQUEST_ID_LENGTH = 128


def is_identity_header(name: str) -> bool:
    """Whether some gateway or back end takes this header for who is calling.

    Oauth2-proxy, AWS load balancers, App Service, Google's proxies and Kong send such headers; sent
    by a caller they are claims that nobody verified. `_` counts as `-`, as back ends read it.
    """
    plain = name.lower().replace("_", "-")
    return plain in _IDENTITY_NAMES or plain.startswith(_IDENTITY_PREFIXES)


def request_id(headers: tuple[tuple[str, str], ...]) -> str:
    """The caller's `X-Request-Id` where it can stand in a log; it proves nothing."""
    for name, value in headers:
        if len(name) == _REQUEST_ID_NAME and name.lower() == _REQUEST_ID:
            fit = len(value) <= _REQUEST_ID_LENGTH and value.isascii() and value.isprintable()
            return value if fit else ""
    return ""


def refusal(decision: Decision, request_id: str = "") -> tuple[int, list[tuple[str, str]], bytes]:
    """Status, headers and body that answer a refused request.

    The request's id goes back with it: by it a caller's complaint leads to the line in the log.
    """
    body = dumps({"reason": str(decision.reason)}, separators=(",", ":")).encode()
    headers = [
        ("content-type", "application/json"),
        ("content-length", str(len(body))),
        ("cache-control", "no-store"),
    ]
    if request_id:
        headers.append(("x-request-id", request_id))
    if decision.status == UNAUTHORIZED:
        headers.append(("www-authenticate", _challenge(decision.reason)))
    elif decision.status == FORBIDDEN:
        headers.append(("www-authenticate", 'Bearer error="insufficient_scope"'))
    else:
        headers.append(("retry-after", "1"))
    return decision.status, headers, body


def _challenge(reason: Reason | None) -> str:
    if reason is Reason.TOKEN_MISSING:
        # RFC 6750 section 3.1: a request without credentials is told no error.
        return "Bearer"
    if reason is Reason.CREDENTIALS_MALFORMED:
        return 'Bearer error="invalid_request"'
    return 'Bearer error="invalid_token"'


def status_line(status: int) -> str:
    """`401 Unauthorized`, as WSGI wants it."""
    return f"{status} {HTTPStatus(status).phrase}"


def ignore_decision(_decision: Decision, _request: Request) -> None:
    """Log nothing."""


def audited(
    settings: ValidatorSettings, write: Write = write_line, clock: Clock = time.time
) -> OnDecision:
    """Write the structured log line of each decision that `settings` want logged."""

    def log(decision: Decision, request: Request) -> None:
        if is_audited(decision, settings):
            write(audit_line(decision, request, settings, clock(), IN_PROCESS))

    return log


def tell(on_decision: OnDecision, decision: Decision, request: Request) -> None:
    """Log a decision; a log that fails changes nothing about it."""
    with suppress(Exception):
        on_decision(decision, request)
