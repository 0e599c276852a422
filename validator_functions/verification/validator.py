"""A running validator: settings read once, decisions made and logged. Every runtime has one."""

import os
from collections.abc import Callable, Mapping
from typing import Any

from .audit import audit_line, is_audited
from .decision import Authorizer, Decision, KeyProvider, Request, VerifiedTokens
from .errors import SettingsError, VerificationError
from .reasons import Reason
from .settings import ValidatorSettings, load

Write = Callable[[str], None]
Connect = Callable[[ValidatorSettings], KeyProvider]


def write_line(line: str) -> None:
    """Write a log line at once: a frozen or killed function keeps no buffer."""
    print(line, flush=True)


class Validator:
    """Decides and logs. One whose settings are wrong refuses every request with 503."""

    def __init__(
        self, settings: ValidatorSettings | None, keys: KeyProvider | None, write: Write
    ) -> None:
        self.settings = settings
        self._write = write
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
            write(_fault_line(error))
            return cls(settings, None, write)

    def decide(self, request: Request) -> Decision:
        """Decide one request, and log it where it is to be logged. Never raises."""
        if self._authorizer is None or self.settings is None:
            return self.refuse(Decision(reason=Reason.POLICY_INVALID), request)
        decision = self._authorizer.authorize(request)
        if is_audited(decision, self.settings):
            self._write(audit_line(decision, request, self.settings))
        return decision

    def refuse(self, decision: Decision, request: Request) -> Decision:
        """Log a refusal that was decided elsewhere, and give it back."""
        self._write(audit_line(decision, request, self.settings))
        return decision

    def report(self) -> dict[str, Any]:
        """Which bundle and settings this is, for a probe; nothing secret."""
        settings = self.settings
        return {
            "signet": "report",
            "ready": self._authorizer is not None,
            "bundle_sha256": settings.bundle_sha256 if settings else None,
            "settings_sha256": settings.sha256 if settings else None,
            "environment": settings.environment if settings else None,
            "service": settings.service if settings else None,
        }


def _verified(settings: ValidatorSettings) -> VerifiedTokens | None:
    if not settings.cache_entries:
        return None
    from .cache import TokenCache

    return TokenCache.of(settings)


def _fault_line(error: Exception) -> str:
    from json import dumps

    faults = (
        error.faults
        if isinstance(error, SettingsError)
        else [error.detail if isinstance(error, VerificationError) else type(error).__name__]
    )
    return dumps({"signet": "settings_invalid", "faults": faults}, separators=(",", ":"))
