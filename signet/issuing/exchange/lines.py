"""What the token service logs: one JSON object on one line for every issue and every refusal.

`docs/audit.schema.json` is the shape, as for the validators' lines. Never a token, nor a part of
one: `iss`, `sub` and `subject_jti` only once the platform's signature held, `audience` only where
it is one of ours, `caller` only once its rule matched.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from time import gmtime, strftime
from typing import Any, Final

from signet.issuing.exchange.refusal import ExchangeRefused
from validator_functions.verification.ring_source import KeyEvent

SERVICE: Final = "token-service"
"""Its name in lines that are about no request."""

_SHOWN: Final = 256


@dataclass
class Trace:
    """What is known of one request so far; `parts` are milliseconds by step."""

    request_id: str | None = None
    service: str | None = None
    audience: str | None = None
    caller: str | None = None
    issuer: str | None = None
    subject: str | None = None
    subject_token_id: str | None = None
    token_id: str | None = None
    kid: str | None = None
    scopes: tuple[str, ...] | None = None
    lifetime: int | None = None
    parts: dict[str, float] = field(default_factory=dict)


def exchange_line(
    trace: Trace,
    refusal: ExchangeRefused | None,
    *,
    environment: str | None,
    cloud: str | None,
    at: float,
) -> str:
    """Return the line of one request; `at` in epoch seconds, `refusal` None where it was issued."""
    return _dumps(
        "exchange",
        at,
        {
            "environment": environment,
            "service": trace.service,
            "cloud": cloud,
            "allowed": refusal is None,
            "status": 200 if refusal is None else refusal.status,
            "error": None if refusal is None else refusal.error,
            "reason": None if refusal is None else str(refusal.reason),
            "detail": "" if refusal is None else refusal.detail[:_SHOWN],
            "caller": trace.caller,
            "audience": trace.audience,
            "scope": None if trace.scopes is None else " ".join(trace.scopes),
            "lifetime": trace.lifetime,
            "kid": trace.kid,
            "jti": trace.token_id,
            "iss": _cut(trace.issuer),
            "sub": _cut(trace.subject),
            "subject_jti": _cut(trace.subject_token_id),
            "request_id": _plain(trace.request_id),
            "ms": {name: round(value, 3) for name, value in trace.parts.items()},
        },
    )


def keys_line(event: KeyEvent, *, environment: str, cloud: str, at: float) -> str:
    """Return the line of what happened to a platform's keys."""
    return _dumps(
        "keys",
        at,
        {
            "environment": environment,
            "service": SERVICE,
            "cloud": cloud,
            "event": event.kind,
            "alarm": event.alarm,
            "detail": event.detail,
            "iss": event.issuer,
            "kid": event.kid,
            "url": event.url,
        },
    )


def faults_line(faults: list[str], *, cloud: str, at: float) -> str:
    """Return the line of a service that cannot start, and so refuses everything."""
    members = {"environment": None, "service": SERVICE, "cloud": cloud, "faults": faults}
    return _dumps("settings_invalid", at, members)


def _dumps(kind: str, at: float, members: Mapping[str, Any]) -> str:
    whole, part = divmod(int(at * 1000), 1000)
    time = f"{strftime('%Y-%m-%dT%H:%M:%S', gmtime(whole))}.{part:03d}Z"
    return json.dumps({"signet": kind, "time": time, **members}, separators=(",", ":"))


def _cut(text: str | None) -> str | None:
    return None if text is None else text[:_SHOWN]


def _plain(text: str | None) -> str | None:
    if text is None or not (text.isascii() and text.isprintable()):
        return None
    return text[:_SHOWN]
