"""What was observed of an environment: plain values, each of which may be missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from signet.key_ring import KeyRing
from signet.rotation_plan import Alarm


@dataclass(frozen=True, kw_only=True)
class DocumentReading:
    """One published document as one cloud's store gave it. `status` None: it did not answer."""

    cloud: str
    path: str
    status: int | None
    sha256: str = ""
    content_type: str = ""
    cache_control: str = ""
    server_time: int | None = None
    detail: str = ""


@dataclass(frozen=True, kw_only=True)
class FunctionReport:
    """What a running validator said of itself; all empty with `detail` where it did not answer."""

    name: str
    cloud: str
    ready: bool | None = None
    bundle_sha256: str = ""
    settings_sha256: str = ""
    time: int | None = None
    """Its own clock, epoch seconds."""
    detail: str = ""


@dataclass(frozen=True, kw_only=True)
class RecordedValidator:
    """What the last run recorded of a validator."""

    name: str
    bundle_sha256: str
    settings_sha256: str


@dataclass(frozen=True, kw_only=True)
class AlarmsFound:
    """One cloud's alarms of ours: by name whether each goes off (None: not told).

    `found` None with `detail`: they could not be listed. `told`: whether somebody is told.
    """

    cloud: str
    found: Mapping[str, bool | None] | None
    told: bool
    detail: str = ""


@dataclass(frozen=True, kw_only=True)
class Ways:
    """Requests without a good token: how many were made (None: none were tried), which passed."""

    tried: int | None
    open: Sequence[str] = ()
    detail: str = ""
    attached: int = 0
    """How many APIs of other teams our authorizers are attached to."""
    declared: Sequence[str] = ()
    """What those APIs leave open by their own configuration."""
    undeclared: str = ""
    """Why that could not be found out."""


@dataclass(frozen=True, kw_only=True)
class Facts:
    """Everything that the checks look at. Times in epoch seconds, durations in seconds."""

    now: int
    clouds: Sequence[str]
    rings: Sequence[KeyRing]
    alarms_of_plan: Sequence[Alarm]
    """What the plan of the next run complains of."""
    leftovers: Sequence[tuple[str, str]] = ()
    """KMS keys that nothing records: cloud and id."""
    unlisted: Mapping[str, str] = field(default_factory=dict)
    """Clouds whose KMS keys could not be listed, with the reason."""
    documents: Sequence[DocumentReading] = ()
    max_age: int = 0
    functions: Sequence[FunctionReport] = ()
    validators: Sequence[RecordedValidator] = ()
    alarms: Sequence[AlarmsFound] = ()
    alarm_names: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """By cloud: what is to be there."""
    issuers: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """By ring and cloud: the identity that signs."""
    changed_settings: Sequence[str] = ()
    """Settings whose value is not the one of the last run."""
    rotation_period: int = 0
    up_interval: int = 0
    clock_skew: int = 0
    ways: Ways = field(default_factory=lambda: Ways(tried=None))
