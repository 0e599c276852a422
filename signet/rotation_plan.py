"""What a plan says: the next journal, each transition, each one held back, and the alarms."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Literal

from signet.journal import Journal
from signet.key_ring import ENVIRONMENT_RING, State
from signet.timings import moment


@dataclass(frozen=True, slots=True)
class Transition:
    """One generation changes state."""

    ring: str
    generation: int
    before: State | None
    """None: the generation is new."""
    after: State
    why: str

    def __str__(self) -> str:
        """Say it as one line."""
        change = f"{self.before} -> {self.after}" if self.before else f"new, {self.after}"
        return f"{self.ring} generation {self.generation}: {change}: {self.why}"


@dataclass(frozen=True, slots=True)
class Hold:
    """Something that a rule holds back, why, and until when if only time is missing."""

    ring: str
    generation: int | None
    what: str
    why: str
    until: int | None = None

    def __str__(self) -> str:
        """Say it as one line."""
        subject = (
            self.ring if self.generation is None else f"{self.ring} generation {self.generation}"
        )
        until = "" if self.until is None else f" (not before {moment(self.until)})"
        return f"{subject}: {self.what} waits: {self.why}{until}"


class AlarmCode(StrEnum):
    """What can be wrong; a closed set, for machines."""

    RING_BEHIND = "ring_behind"
    NO_JOURNAL = "no_journal"
    DENIAL_UNKNOWN = "denial_unknown"
    DENIAL_ADOPTED = "denial_adopted"
    STORE_ALTERED = "store_altered"
    STORE_UNVERIFIED = "store_unverified"
    VALIDATOR_UNCONFIRMED = "validator_unconfirmed"
    NOT_COMPLETED = "not_completed"
    OVERDUE = "overdue"
    CLOCK = "clock"
    KMS = "kms"
    ISSUER_CHANGED = "issuer_changed"
    RING_MISSING = "ring_missing"
    CLOUD_MISSING = "cloud_missing"
    ENVIRONMENT = "environment"
    TOO_MANY_KEYS = "too_many_keys"
    WILL_BREAK = "will_break"
    REQUEST_REFUSED = "request_refused"


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something that an operator has to know; one with ``stop`` ends the run before any effect."""

    code: AlarmCode
    ring: str
    text: str
    stop: bool = False

    def __str__(self) -> str:
        """Say it as one line."""
        subject = f"{self.ring}: " if self.ring else ""
        return f"{'STOP' if self.stop else 'ALARM'}: {subject}{self.text}"


@dataclass(frozen=True, slots=True)
class Request:
    """What an operator asks of one ring, on top of the schedule. Made by the class methods."""

    kind: Literal["rotate", "rotate_emergency", "taint", "reject_denial", "trust_journal"]
    ring: str
    kid: str = ""

    @classmethod
    def rotate(cls, ring: str) -> Request:
        """Flip now if every rule but the period allows it."""
        return cls("rotate", ring)

    @classmethod
    def rotate_emergency(cls, ring: str) -> Request:
        """Flip now whatever it breaks; the old key stays published."""
        return cls("rotate_emergency", ring)

    @classmethod
    def taint(cls, ring: str, kid: str) -> Request:
        """Deny ``kid`` for ever; outranks every waiting rule."""
        return cls("taint", ring, kid)

    @classmethod
    def reject_denial(cls, ring: str, kid: str) -> Request:
        """Declare a denial of ``kid``, and the sets that carry it, forged."""
        return cls("reject_denial", ring, kid)

    @classmethod
    def trust_journal(cls, ring: str) -> Request:
        """Declare the journal right, and published sets ahead of it not ours."""
        return cls("trust_journal", ring)


def command(environment: str, ring: str, action: str, kid: str = "") -> str:
    """Return the command by which an operator decides, ready to be copied."""
    whose = "" if ring == ENVIRONMENT_RING else f" --ring {ring}"
    return " ".join(filter(None, ("signet keys", action, environment, kid))) + whose


@dataclass(frozen=True)
class Plan:
    """The outcome of ``plan``.

    ``journal`` is what the run has to register before any effect; if ``stopped``, it is the one
    that was given (None on a first run that is stopped) and the run must end.
    """

    journal: Journal | None
    transitions: tuple[Transition, ...] = ()
    held: tuple[Hold, ...] = ()
    alarms: tuple[Alarm, ...] = ()
    follow_up: bool = False
    """Whether another run should follow at once (a taint leaves staging the next key to it)."""

    @property
    def stopped(self) -> bool:
        """Whether the run must end before any effect."""
        return any(alarm.stop for alarm in self.alarms)

    @property
    def stops(self) -> tuple[Alarm, ...]:
        """The alarms that stop the run."""
        return tuple(alarm for alarm in self.alarms if alarm.stop)

    def lines(self) -> Iterator[str]:
        """Yield the plan in words, one line each: alarms, transitions, then what waits."""
        yield from map(str, self.alarms)
        yield from map(str, self.transitions)
        yield from map(str, self.held)
        if not self.alarms and not self.transitions and not self.held:
            yield "keys: nothing to do"

    def with_alarms(self, *alarms: Alarm) -> Plan:
        """Return the plan with further alarms."""
        return replace(self, alarms=(*self.alarms, *alarms))
