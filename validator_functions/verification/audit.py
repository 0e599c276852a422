"""One structured line for each refusal (and each pass, where the settings ask for it).

Never a token nor a part of one. Issuer and subject stand in it only after the signature held; the
`kid` of a header that was never verified is the caller's word, and `verified` says so.
"""

from typing import TYPE_CHECKING

from .decision import Decision, Request
from .settings import ValidatorSettings

if TYPE_CHECKING:
    from .key_source import KeyEvent


def audit_line(
    decision: Decision, request: Request | None, settings: ValidatorSettings | None
) -> str:
    """One JSON object on one line, ASCII only, so that no value can forge a second line."""
    from json import dumps

    return dumps(
        {
            "signet": "decision",
            "allowed": decision.allowed,
            "status": decision.status,
            "reason": None if decision.reason is None else str(decision.reason),
            "detail": decision.detail,
            "service": settings.service if settings else None,
            "environment": settings.environment if settings else None,
            "request_id": request.request_id if request else None,
            "kid": decision.kid,
            "verified": decision.issuer is not None,
            "issuer": decision.issuer,
            "subject": decision.subject,
        },
        separators=(",", ":"),
    )


def key_event_line(event: "KeyEvent", settings: ValidatorSettings) -> str:
    """One JSON object about a ring's keys: a store that failed, a `kid` denied, a set refused.

    `alarm` is true for what asks for a person, such as a sequence that went back.
    """
    from json import dumps

    return dumps(
        {
            "signet": "keys",
            "event": event.kind,
            "alarm": event.alarm,
            "detail": event.detail,
            "service": settings.service,
            "environment": settings.environment,
            "issuer": event.issuer,
            "kid": event.kid,
            "url": event.url,
        },
        separators=(",", ":"),
    )


def is_audited(decision: Decision, settings: ValidatorSettings) -> bool:
    """Whether this decision is logged: every refusal is, a pass where the settings say so."""
    return not decision.allowed or settings.audit_passes
