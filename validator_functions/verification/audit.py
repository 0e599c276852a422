"""One structured line for each refusal (and each pass, where the settings ask for it).

Never a token nor a part of one. Issuer and subject stand in it only after the signature held; the
`kid` of a header that was never verified is the caller's word, and `verified` says so.
"""

from .decision import Decision, Request
from .settings import ValidatorSettings


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


def is_audited(decision: Decision, settings: ValidatorSettings) -> bool:
    """Whether this decision is logged: every refusal is, a pass where the settings say so."""
    return not decision.allowed or settings.audit_passes
