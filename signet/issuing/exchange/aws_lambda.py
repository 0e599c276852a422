"""The token service as a Lambda function behind an HTTP API (payload format 2.0).

Everything slow happens while this module is imported. Settings that are wrong do not stop the
import: every request is then refused with 503, and the log says what is wrong.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from signet.errors import SettingsError, SignetError
from signet.issuing.errors import KeyUnusable
from signet.issuing.exchange.lines import faults_line, keys_line
from signet.issuing.exchange.refusal import ExchangeRefused, Reason
from signet.issuing.exchange.service import Answer, Clocks, HttpRequest, TokenService, refused
from signet.issuing.exchange.signing import signings
from signet.issuing.exchange.subjects import Subjects
from signet.issuing.signers import Signer
from signet.issuing.signers.aws import connect_service
from signet.issuing.used_tokens.aws import S3ReplayStore
from signet.strict_json import RecordError
from signet.token_service import FILE_NAME, HASH_VARIABLE, SigningKey, TokenServiceSettings
from validator_functions.verification.fetch import HttpFetcher
from validator_functions.verification.key_source import RefreshMode
from validator_functions.verification.ring_source import KeyEvent


def load(environ: Mapping[str, str], folders: list[str]) -> TokenServiceSettings:
    """Read the settings artefact, which a layer puts on `sys.path`. Raises RecordError."""
    paths = [Path(folder, FILE_NAME) for folder in folders if folder]
    path = next((path for path in paths if path.is_file()), None)
    if path is None:
        raise RecordError(f"no {FILE_NAME} was found")
    data = path.read_bytes()
    if environ.get(HASH_VARIABLE) != hashlib.sha256(data).hexdigest():
        raise RecordError(f"{HASH_VARIABLE} is not the hash of the settings")
    return TokenServiceSettings.parse(data.decode("utf-8"))


def build(settings: TokenServiceSettings, write: Callable[[str], None]) -> TokenService:
    """Return the service of these settings. Raises SettingsError."""
    endpoint = settings.endpoint or None

    def told(event: KeyEvent) -> None:
        environment, cloud = settings.environment, settings.cloud
        write(keys_line(event, environment=environment, cloud=cloud, at=time.time()))

    def connect(key: SigningKey) -> Signer:
        if key.cloud != "aws":
            raise KeyUnusable(f"the key that signs is in {key.cloud}, where this service is not")
        return connect_service(key.reference, key.algorithm, key.identity or "", endpoint)

    callers = [caller for service in settings.services for caller in service.callers]
    config = Config(
        retries={"total_max_attempts": 2, "mode": "standard"},
        connect_timeout=1,
        read_timeout=2,
    )
    s3 = boto3.client("s3", config=config, endpoint_url=endpoint) if settings.replay else None
    return TokenService(
        settings,
        Subjects(
            callers,
            settings.subject_audience,
            HttpFetcher(loopback_http=settings.sandbox),
            # Lambda freezes a function with its answer, so that nothing runs between requests.
            mode=RefreshMode.INLINE,
            on_event=told,
        ),
        signings(settings.keys, connect),
        S3ReplayStore(s3, settings.replay) if s3 is not None else None,
        clocks=Clocks(wall=time.time, monotonic=time.monotonic),
        write=write,
    )


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


def _start() -> TokenService | None:
    # Where requests go is the settings' business: a variable must not lead them elsewhere
    # (AWS SDKs and Tools Reference Guide, "Service-specific endpoints").
    os.environ["AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"] = "true"
    try:
        return build(load(os.environ, sys.path), _write)
    except (RecordError, SignetError, OSError, UnicodeDecodeError) as error:
        faults = (
            [str(f) for f in error.faults] if isinstance(error, SettingsError) else [str(error)]
        )
        _write(faults_line(faults, cloud="aws", at=time.time()))
        return None


_service = _start()


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Answer one event."""
    if event == {"signet": "probe"}:
        # Only a direct invocation, which IAM guards, can be this: API Gateway never sends one.
        return {"signet": "report", "ready": _service is not None}
    try:
        request = request_of(event)
        answer = _unready() if _service is None else _service.handle(request)
    except ExchangeRefused as error:
        answer = refused(error)
    return {"statusCode": answer.status, "headers": dict(answer.headers), "body": answer.body}


def _unready() -> Answer:
    return refused(
        ExchangeRefused(Reason.SETTINGS_INVALID, "the service is not set up", retry_after=5)
    )
