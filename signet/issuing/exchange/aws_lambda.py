"""The token service as a Lambda function behind an HTTP API (payload format 2.0)."""

from __future__ import annotations

import base64
import binascii
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from signet.issuing.exchange.entry import Edge, Entry
from signet.issuing.exchange.refusal import ExchangeRefused, Reason
from signet.issuing.exchange.service import HttpRequest
from signet.issuing.exchange.signing import Connect
from signet.issuing.signers.aws import connect_service
from signet.issuing.used_tokens.aws import S3ReplayStore
from signet.strict_json import RecordError
from signet.token_service import FILE_NAME, TokenServiceSettings
from validator_functions.verification.key_source import RefreshMode


def read(folders: list[str]) -> bytes:
    """Return the settings artefact, which a layer puts on `sys.path`. Raises RecordError."""
    paths = [Path(folder, FILE_NAME) for folder in folders if folder]
    path = next((path for path in paths if path.is_file()), None)
    if path is None:
        raise RecordError(f"no {FILE_NAME} was found")
    return path.read_bytes()


def connect(settings: TokenServiceSettings) -> Connect:
    """Return how a key is signed with: as the ring's issuer role, cut to the one key."""
    endpoint = settings.endpoint or None
    return lambda key: connect_service(key.reference, key.algorithm, key.identity or "", endpoint)


def remember(settings: TokenServiceSettings) -> S3ReplayStore:
    """Return where used tokens are."""
    config = Config(
        retries={"total_max_attempts": 2, "mode": "standard"},
        connect_timeout=1,
        read_timeout=2,
    )
    client = boto3.client("s3", config=config, endpoint_url=settings.endpoint or None)
    return S3ReplayStore(client, settings.replay)


def request_of(event: Mapping[str, Any]) -> HttpRequest:
    """Return the request of an HTTP API event. Raises ExchangeRefused where its body is no body."""
    context = event.get("requestContext") or {}
    http = context.get("http") or {}
    body = event.get("body") or ""
    try:
        raw = base64.b64decode(body, validate=True) if event.get("isBase64Encoded") else None
    except binascii.Error:
        raise ExchangeRefused(Reason.FORM_INVALID, "the body is not readable") from None
    headers = {
        str(name).lower(): str(value) for name, value in (event.get("headers") or {}).items()
    }
    return HttpRequest(
        method=str(http.get("method", "")),
        path=str(event.get("rawPath", "")),
        headers=headers,
        body=str(body).encode("utf-8") if raw is None else raw,
        request_id=context.get("requestId"),
    )


def _write(line: str) -> None:
    print(line, flush=True)


# Where requests go is the settings' business: a variable must not lead them elsewhere (AWS SDKs and
# Tools Reference Guide, "Service-specific endpoints").
os.environ["AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"] = "true"
_entry = Entry(
    Edge(
        cloud="aws",
        connect=connect,
        remember=remember,
        write=_write,
        # Lambda freezes a function with its answer, so that nothing runs between requests.
        mode=RefreshMode.INLINE,
    ),
    lambda: read(sys.path),
)


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Answer one event."""
    if event == {"signet": "probe"}:
        # Only a direct invocation, which IAM guards, can be this: API Gateway never sends one.
        return _entry.report()
    answer = _entry.answer(lambda: request_of(event))
    return {"statusCode": answer.status, "headers": dict(answer.headers), "body": answer.body}
