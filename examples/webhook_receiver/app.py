"""A webhook receiver: pipelines tell what they deployed, with a Signet token, no shared secret.

    SIGNET_SETTINGS_FILE=settings.json uvicorn --factory examples.webhook_receiver.app:application

A webhook with a shared secret cannot say who sent it, and the secret leaks with any of its holders.
Here the middleware lets through only callers whose token is good here and now; the receiver then
acts on verified claims alone. Any ASGI server runs it; docs/in-process.md has the settings file.
"""

import json
from collections.abc import Callable
from typing import Any

from validator_functions.verification.cache import TokenCache
from validator_functions.verification.claims import Claims
from validator_functions.verification.decision import Authorizer
from validator_functions.verification.http_refusal import audited
from validator_functions.verification.key_sources import KeySources
from validator_functions.verification.middleware_asgi import (
    CLAIMS,
    Application,
    Receive,
    Scope,
    Send,
    SignetMiddleware,
)
from validator_functions.verification.settings import load

PATH = "/hooks/deployments"
"""The settings' route rule for it asks for a scope, such as `deployments:announce`."""

_LARGEST = 65_536
_ACCEPTED, _BAD_REQUEST, _NOT_FOUND, _TOO_LARGE = 202, 400, 404, 413

Announce = Callable[[str, dict[str, Any]], None]
"""What is done with a deployment: the verified subject that announced it, and the body."""


class WebhookReceiver:
    """Takes deployments as JSON objects. The middleware has decided who may reach it."""

    def __init__(self, announce: Announce) -> None:
        self._announce = announce

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request; a lifespan has nothing to do."""
        if scope["type"] != "http":
            return
        if (scope["method"], scope["path"]) != ("POST", PATH):
            await _answer(send, _NOT_FOUND, "there is nothing here")
            return
        body = await _body(receive)
        if body is None:
            await _answer(send, _TOO_LARGE, f"at most {_LARGEST} bytes")
            return
        try:
            told = json.loads(body)
        except ValueError:
            told = None
        if not isinstance(told, dict):
            await _answer(send, _BAD_REQUEST, "send one JSON object")
            return
        claims: Claims = scope[CLAIMS]
        # The body may claim any author; the token's subject is who it was.
        self._announce(claims.subject, told)
        await _answer(send, _ACCEPTED, f"announced by {claims.subject}")


def application(announce: Announce | None = None) -> Application:
    """Build the guarded program from the settings that the environment names."""
    settings = load()
    keys = KeySources.from_settings(settings)
    authorizer = Authorizer(settings, keys, verified=TokenCache.of(settings))
    receiver = WebhookReceiver(announce or _print)
    return SignetMiddleware(receiver, authorizer, on_decision=audited(settings))


def _print(subject: str, deployment: dict[str, Any]) -> None:
    print(json.dumps({"announced_by": subject, **deployment}))


async def _body(receive: Receive) -> bytes | None:
    """The whole body, or None where it is too large."""
    parts = bytearray()
    while True:
        message = await receive()
        parts += message.get("body", b"")
        if len(parts) > _LARGEST:
            return None
        if not message.get("more_body", False):
            return bytes(parts)


async def _answer(send: Send, status: int, text: str) -> None:
    body = json.dumps({"message": text}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
