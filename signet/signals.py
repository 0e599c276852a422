"""What log lines call for a person about: the same signals in every cloud. Pure.

A signal is one field of a line (`docs/audit.schema.json`) with the values that count, a window and
a number. Each cloud writes it in its own words (`components/<cloud>/monitoring_documents.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from validator_functions.verification.reasons import FORBIDDEN, UNAUTHORIZED, UNAVAILABLE, Reason
from validator_functions.verification.trusted_keys import ALARMS

_SOON: Final = 5
_HOUR: Final = 60
_FEW: Final = 5
"""Requests in five minutes that could not be checked: one alone may be a cold start's."""
_MANY: Final = 20
"""Exchanges in five minutes that were put off: one job alone comes back once or twice."""


@dataclass(frozen=True, kw_only=True)
class Signal:
    """Lines of a kind whose `field` has one of `values`: `threshold` of them in `minutes`."""

    name: str
    title: str
    kind: str
    field: str
    values: tuple[int | str, ...]
    threshold: int
    minutes: int
    severity: int
    """0 critical to 4 verbose, as Azure counts; 1 wakes somebody up, 2 can wait for the morning."""
    service: str = ""
    """The one service whose lines count; empty: those of all of an environment."""

    @property
    def metric(self) -> str:
        """What it is called within an environment."""
        return f"{self.service}-{self.name}" if self.service else self.name

    def alarm_name(self, environment: str) -> str:
        """Return what its alarm is called, in every cloud."""
        return f"signet-{environment}-{self.metric}"

    @property
    def runbook(self) -> str:
        """The heading in `docs/runbook.md`, which alarms name."""
        return f"docs/runbook.md, alarm {self.name}"


@dataclass(frozen=True, kw_only=True)
class WatchedService:
    """An onboarded service, whom it wants to be told, and of what."""

    name: str
    contact: str
    """An e-mail address, or an https URL that takes a POST."""
    clouds: Sequence[str]
    signals: Sequence[Signal]


_OF_A_SERVICE: Final = ("refusals", "could-not-check")
"""What a service's own team can look into; the others are the platform team's."""


def of_service(name: str, every: Iterable[Signal]) -> tuple[Signal, ...]:
    """Return the signals of one service, out of an environment's."""
    return tuple(
        replace(signal, service=name, title=f"{name}: {signal.title}")
        for signal in every
        if signal.name in _OF_A_SERVICE
    )


def signals(*, refusals: int, unknown_keys: int) -> tuple[Signal, ...]:
    """Return a validator's five; the numbers are requests in five minutes that are too many."""
    return (
        Signal(
            name="refusals",
            title="Many requests are refused",
            kind="decision",
            field="status",
            values=(UNAUTHORIZED, FORBIDDEN),
            threshold=refusals,
            minutes=_SOON,
            severity=2,
        ),
        Signal(
            name="could-not-check",
            title="Requests cannot be checked and are refused with 503",
            kind="decision",
            field="status",
            values=(UNAVAILABLE,),
            threshold=_FEW,
            minutes=_SOON,
            severity=1,
        ),
        Signal(
            name="unknown-keys",
            title="Many tokens name keys that nobody published",
            kind="decision",
            field="reason",
            values=(str(Reason.KEY_UNKNOWN),),
            threshold=unknown_keys,
            minutes=_SOON,
            severity=2,
        ),
        Signal(
            name="key-sets",
            title="A published key set was refused: its sequence conflicts, or it is malformed",
            kind="keys",
            field="event",
            values=(*sorted(str(change) for change in ALARMS), "set_refused"),
            threshold=1,
            minutes=_HOUR,
            severity=1,
        ),
        Signal(
            name="rotation-overdue",
            title="The signing key is older than it should be: no run rotates it",
            kind="keys",
            field="event",
            values=("rotation_overdue",),
            threshold=1,
            minutes=_HOUR,
            severity=2,
        ),
    )


def exchange_signals(*, refusals: int) -> tuple[Signal, ...]:
    """Return a token service's three; `refusals` in five minutes are too many."""
    return (
        Signal(
            name="exchange-refusals",
            title="Many exchanges of platforms' tokens are refused",
            kind="exchange",
            field="status",
            values=(400,),
            threshold=refusals,
            minutes=_SOON,
            severity=2,
        ),
        Signal(
            name="exchange-limits",
            title="Exchanges are put off: a caller's rate, or the guard of the KMS's quota",
            kind="exchange",
            field="status",
            values=(429,),
            threshold=_MANY,
            minutes=_SOON,
            severity=2,
        ),
        Signal(
            name="exchange-failures",
            title="Exchanges fail: the KMS does not sign, or something cannot be checked",
            kind="exchange",
            field="status",
            values=(500, 503),
            threshold=_FEW,
            minutes=_SOON,
            severity=1,
        ),
    )
