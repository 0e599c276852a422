"""One structured line for each refusal (and each pass, where the settings ask for it).

Never a token nor a part of one, and never what a caller wrote unless it is known to be harmless:
the route is the rule's own text, `iss`, `sub` and `jti` stand in it only after the signature held,
and a request id that stands in the credentials is left out. The `kid` of a header that was never
verified is the caller's word, and `verified` says so. ASCII on one line: nothing can forge another.

`docs/audit.schema.json` is the shape of all three kinds of line, `docs/audit.md` their meaning.
"""

from functools import cache
from time import gmtime, strftime
from typing import TYPE_CHECKING, Any

from .decision import Decision, Request
from .settings import PLAIN, PSEUDONYM, ValidatorSettings

if TYPE_CHECKING:
    from json import JSONEncoder

    from .key_source import KeyEvent

IN_PROCESS = "in_process"
"""The gateway of a service that checks its callers itself."""

_SHOWN = 256
_SMALLEST_SECRET = 8
"""Characters. A shorter request id may stand in a token by chance, and tells nothing of it."""


def audit_line(
    decision: Decision,
    request: Request | None,
    settings: ValidatorSettings | None,
    at: float,
    gateway: str | None = None,
) -> str:
    """One JSON object on one line; `at` in epoch seconds, `gateway` as the schema names it."""
    verified = decision.issuer is not None
    return _line(
        "decision",
        settings,
        at,
        gateway=gateway,
        allowed=decision.allowed,
        status=decision.status,
        reason=None if decision.reason is None else str(decision.reason),
        detail=decision.detail,
        kid=decision.kid,
        verified=verified,
        iss=_cut(decision.issuer),
        sub=_subject(decision, settings) if verified else None,
        jti=_cut(decision.token_id) if verified else None,
        route=settings.routes.name_of(request.method, request.path)
        if settings and request
        else None,
        request_id=_request_id(request) if request else None,
        bundle=settings.bundle_sha256 if settings else None,
    )


def key_event_line(event: "KeyEvent", settings: ValidatorSettings, at: float) -> str:
    """One JSON object about a ring's keys: a store that failed, a `kid` denied, a set refused.

    `alarm` is true for what asks for a person, such as a sequence that went back.
    """
    return _line(
        "keys",
        settings,
        at,
        event=event.kind,
        alarm=event.alarm,
        detail=event.detail,
        iss=event.issuer,
        kid=event.kid,
        url=event.url,
    )


def overdue_line(settings: ValidatorSettings, at: float) -> str:
    """The line of a validator whose keys should have been rotated by now."""
    return _line(
        "keys",
        settings,
        at,
        event="rotation_overdue",
        alarm=True,
        detail="no `up` has brought keys that are due later",
        iss=None,
        kid=None,
        url="",
    )


def fault_line(faults: list[str], settings: ValidatorSettings | None, at: float) -> str:
    """The line of a validator that cannot start, and so refuses everything."""
    return _line("settings_invalid", settings, at, faults=faults)


def is_audited(decision: Decision, settings: ValidatorSettings) -> bool:
    """Whether this decision is logged: every refusal is, a pass where the settings say so."""
    return not decision.allowed or settings.audit_passes


def is_overdue(settings: ValidatorSettings, at: float) -> bool:
    """Whether the ring's next rotation should have come by now."""
    return settings.rotation_due is not None and at > settings.rotation_due


def _line(kind: str, settings: ValidatorSettings | None, at: float, **more: Any) -> str:
    whole, part = divmod(int(at * 1000), 1000)
    return _encoder().encode(
        {
            "signet": kind,
            "time": f"{strftime('%Y-%m-%dT%H:%M:%S', gmtime(whole))}.{part:03d}Z",
            "environment": settings.environment if settings else None,
            "service": settings.service if settings else None,
            "cloud": settings.cloud if settings else None,
            **more,
        }
    )


@cache
def _encoder() -> "JSONEncoder":
    """One for all lines: to make one takes as long as to write a line with it."""
    from json import JSONEncoder

    return JSONEncoder(separators=(",", ":"))


def _subject(decision: Decision, settings: ValidatorSettings | None) -> str | None:
    """The subject as the settings want it; without settings nobody has allowed it."""
    subject = decision.subject
    if subject is None or settings is None:
        return None
    if settings.audit_subject == PLAIN:
        return _cut(subject)
    if settings.audit_subject == PSEUDONYM:
        from .digests import sha256

        told = f"{decision.issuer}\n{subject[:_SHOWN]}".encode("utf-8", "surrogatepass")
        return f"sha256:{sha256(told).hex()[:32]}"
    return None


def _cut(text: str | None) -> str | None:
    return None if text is None else text[:_SHOWN]


def _request_id(request: Request) -> str | None:
    """The request's id, unless it does not print or the caller made it of the credentials."""
    found = request.request_id
    if not (found and found.isascii() and found.isprintable()):
        return None
    if len(found) >= _SMALLEST_SECRET and any(
        found in value for name, value in request.headers if name.lower() == "authorization"
    ):
        return None
    return found[:_SHOWN]
