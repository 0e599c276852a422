"""A running validator: settings read once, decisions made and logged. Every runtime has one."""

import os
import sys
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from .audit import audit_line, fault_line, is_audited, is_overdue, key_event_line, overdue_line
from .decision import Authorizer, Decision, KeyProvider, Request, VerifiedTokens
from .errors import SettingsError, VerificationError
from .reasons import Reason
from .settings import ValidatorSettings, load

if TYPE_CHECKING:
    from .key_source import KeyEvent

Write = Callable[[str], None]
Clock = Callable[[], float]
Connect = Callable[[ValidatorSettings], KeyProvider]

_OVERDUE_AGAIN = 3_600
"""Seconds between two lines of one instance that say the same."""


def write_line(line: str) -> None:
    """Write a log line at once, in one piece: a frozen or killed function keeps no buffer, and
    another thread's line never stands inside this one."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def key_events(
    settings: ValidatorSettings, write: Write = write_line, clock: Clock = time.time
) -> "Callable[[KeyEvent], None]":
    """Where a key source tells what happens to its keys: one log line each."""
    return lambda event: write(key_event_line(event, settings, clock()))


class Validator:
    """Decides and logs. One whose settings are wrong refuses every request with 503."""

    def __init__(
        self,
        settings: ValidatorSettings | None,
        keys: KeyProvider | None,
        write: Write,
        clock: Clock = time.time,
    ) -> None:
        self.settings = settings
        self._write = write
        self._clock = clock
        self._overdue_told = 0.0
        self._authorizer = (
            Authorizer(settings, keys, verified=_verified(settings)) if settings and keys else None
        )

    @classmethod
    def start(
        cls,
        connect: Connect,
        *,
        environ: Mapping[str, str] = os.environ,
        write: Write = write_line,
        read: Callable[[Mapping[str, str]], ValidatorSettings] = load,
    ) -> "Validator":
        """Read the settings and connect to the keys. Never raises: faults are logged instead."""
        settings = None
        try:
            settings = read(environ)
            return cls(settings, connect(settings), write)
        except Exception as error:  # noqa: BLE001 - a function that cannot start must still refuse
            write(fault_line(_faults(error), settings, time.time()))
            return cls(settings, None, write)

    def decide(self, request: Request, gateway: str | None = None, *, barred: str = "") -> Decision:
        """Decide one request, and log it where it is to be logged. Never raises.

        `barred` says why a gateway could not be told to let just this request pass, if it could
        not: a good token is then refused as on a route that is not allowed.
        """
        decision = self.judge(request)
        if barred and decision.allowed:
            decision = Decision(
                reason=Reason.ROUTE_NOT_ALLOWED,
                detail=barred,
                kid=decision.kid,
                issuer=decision.issuer,
                subject=decision.subject,
                token_id=decision.token_id,
            )
        self.record(decision, request, gateway)
        return decision

    def judge(self, request: Request) -> Decision:
        """Decide and log nothing, for who may have to ask again (`attempt.deferring`)."""
        if self._authorizer is None:
            return Decision(reason=Reason.POLICY_INVALID)
        return self._authorizer.authorize(request)

    def record(self, decision: Decision, request: Request, gateway: str | None = None) -> None:
        """Log a decision where it is to be logged."""
        if self.settings is None or is_audited(decision, self.settings):
            self._log(decision, request, gateway)

    def refuse(self, decision: Decision, request: Request, gateway: str | None = None) -> Decision:
        """Log a refusal that was decided elsewhere, and give it back."""
        self._log(decision, request, gateway)
        return decision

    def _log(self, decision: Decision, request: Request, gateway: str | None) -> None:
        """Write a decision's line and, at most once an hour, that the keys are overdue.

        That stands here and not beside a timer because every gateway is probed all day, and no
        request that passes pays for it.
        """
        at = self._clock()
        self._write(audit_line(decision, request, self.settings, at, gateway))
        if (
            self.settings is not None
            and at - self._overdue_told >= _OVERDUE_AGAIN
            and is_overdue(self.settings, at)
        ):
            self._overdue_told = at
            self._write(overdue_line(self.settings, at))

    def report(self) -> dict[str, Any]:
        """Which code and settings this is, for a probe; nothing secret."""
        from .own_files import own_sha256

        settings = self.settings
        return {
            "signet": "report",
            "time": int(self._clock()),
            "ready": self._authorizer is not None,
            "bundle_sha256": own_sha256(),
            "settings_sha256": settings.sha256 if settings else None,
            "environment": settings.environment if settings else None,
            "service": settings.service if settings else None,
        }


def _verified(settings: ValidatorSettings) -> VerifiedTokens | None:
    if not settings.cache_entries:
        return None
    from .cache import TokenCache

    return TokenCache.of(settings)


def _faults(error: Exception) -> list[str]:
    if isinstance(error, SettingsError):
        return error.faults
    return [error.detail if isinstance(error, VerificationError) else type(error).__name__]
