"""The functions of the app, anonymous to the platform: the form's token says who asks.

The app has several identities: its own, which `AZURE_CLIENT_ID` names, and the issuer's of each
ring, which the settings name and which alone may sign.
"""

from __future__ import annotations

import logging
import os
import time
from urllib.parse import urlsplit

import azure.functions as func

from signet.issuing.cloud_api import CloudApi
from signet.issuing.exchange.entry import HEALTH_PATH, Edge, Entry, from_variable
from signet.issuing.exchange.service import TOKEN_PATH, Answer, HttpRequest
from signet.issuing.exchange.signing import Connect
from signet.issuing.signers.key_vault_rest import RESOURCE, KeyVaultRestSigner
from signet.issuing.used_tokens.conditional_write import BlobStore
from signet.token_service import SigningKey, TokenServiceSettings
from validator_functions.verification.private_store import BlobHeaders, EntraHeaders

_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]

_log = logging.getLogger("signet.exchanges")
_log.setLevel(logging.INFO)


def write_line(line: str) -> None:
    """Log a line: the worker sends what is logged, and not what is printed, to the workspace."""
    _log.info("%s", line)


def connect(settings: TokenServiceSettings) -> Connect:
    """Return how a key is signed with: as the ring's issuer identity."""

    def signer(key: SigningKey) -> KeyVaultRestSigner:
        prove = EntraHeaders(key.identity, os.environ, time.time, resource=RESOURCE)
        api = CloudApi(prove, loopback_http=settings.sandbox)
        return KeyVaultRestSigner(api, key.reference, key.algorithm, settings.endpoint or None)

    return signer


def remember(settings: TokenServiceSettings) -> BlobStore:
    """Return where used tokens are."""
    prove = BlobHeaders(os.environ.get("AZURE_CLIENT_ID"), os.environ, time.time)
    api = CloudApi(prove, loopback_http=settings.sandbox)
    return BlobStore(api, settings.replay)


def request_of(asked: func.HttpRequest, invocation_id: str) -> HttpRequest:
    """Return the request of a trigger."""
    return HttpRequest(
        method=str(asked.method),
        path=urlsplit(asked.url).path,
        headers={str(name).lower(): str(value) for name, value in asked.headers.items()},
        body=asked.get_body(),
        request_id=invocation_id,
    )


_entry = Entry(
    Edge(cloud="azure", connect=connect, remember=remember, write=write_line), from_variable
)
app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)


@app.function_name("token")
@app.route(route=TOKEN_PATH.removeprefix("/"), methods=_METHODS)
def token(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    """Answer one request."""
    return _told(_entry.answer(lambda: request_of(req, str(context.invocation_id))))


@app.function_name("health")
@app.route(route=HEALTH_PATH.removeprefix("/"), methods=["GET"])
def health(req: func.HttpRequest) -> func.HttpResponse:  # noqa: ARG001 - the trigger's own name
    """Tell which artefact and settings this is; 503 where it can issue nothing."""
    return _told(_entry.health())


def _told(answer: Answer) -> func.HttpResponse:
    # The host takes the body's type by name.
    headers = {name: value for name, value in answer.headers.items() if name != "content-type"}
    return func.HttpResponse(
        answer.body, status_code=answer.status, headers=headers, mimetype="application/json"
    )
