"""Plans a run from its settings, its record and what the clouds hold.

The program does it before it declares anything; `signet keys` does it to say what a run would do.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import reduce
from typing import Final

from components import adoption
from components.adoption import Adoption, FoundKey
from components.observe import Observation
from components.record import Record
from components.settings import Settings
from signet.errors import CouldNotCheck, RunFailed
from signet.key_ring import MOST_PUBLISHED
from signet.rotation import plan
from signet.rotation_plan import AlarmCode, Plan, Request
from signet.rotation_policy import RotationPolicy
from signet.timings import Timings
from signet.token_ceiling import following

_BAD_DAYS: Final = 12

_KEY_TYPES: Final[Mapping[str, str]] = {
    "aws:kms/key:Key": "keyId",
    "azure-native:keyvault:Key": "keyUriWithVersion",
    "gcp:kms/cryptoKeyVersion:CryptoKeyVersion": "name",
}
"""By type of a KMS key: the output whose last part is what `FoundKey.id` names it by."""


@dataclass(frozen=True, kw_only=True)
class Planned:
    """A plan, with the keys that it was made from."""

    plan: Plan
    found: tuple[FoundKey, ...]
    recorded: frozenset[str]
    """Ids of the KMS keys that the state records."""
    adoption: Adoption
    """What becomes of keys that the state does not record; empty for a plan that is stopped."""


def plan_run(
    settings: Settings,
    known: Record,
    seen: Observation,
    now: int,
    request: Request | None = None,
    *,
    offered: Mapping[str, int] | None = None,
) -> Planned:
    """Plan the run that begins at `now`, in epoch seconds. Raises nothing.

    `offered` is how long the tokens of each onboarded service may live, in seconds; None where
    the manifests were not read, and what the journal holds of them stays.
    """
    recorded = frozenset(
        each
        for kind, name in _KEY_TYPES.items()
        for outputs in known.outputs_of(kind)
        for each in (str(outputs.get(name, "")), str(outputs.get(name, "")).rpartition("/")[2])
    )
    found = adoption.numbered(seen.keys, _generations(known))
    planned = plan(
        known.journal,
        known.confirmed,
        seen.stores,
        settings.rotation,
        now,
        keys=adoption.readings(found, recorded, known.confirmed),
        request=request,
    )
    planned = _with_ceilings(planned, settings, known, now, offered)
    taken = (
        adoption.decide(found, recorded, planned.journal, known.confirmed)
        if planned.journal is not None and not planned.stopped
        else Adoption()
    )
    return Planned(plan=planned, found=tuple(found), recorded=recorded, adoption=taken)


def _with_ceilings(
    planned: Plan,
    settings: Settings,
    known: Record,
    now: int,
    offered: Mapping[str, int] | None,
) -> Plan:
    """Return the plan with the lifetimes of services' tokens in its journal."""
    journal = planned.journal
    if journal is None or planned.stopped or offered is None:
        return planned
    before, confirmed = known.journal, known.confirmed
    in_force: Timings = reduce(
        Timings.joined, (ring.in_force(settings.timings) for ring in journal.rings.values())
    )
    ceilings = following(
        journal.services,
        offered,
        in_force,
        None if any(alarm.code is AlarmCode.CLOCK for alarm in planned.alarms) else now,
        settled=before is not None
        and confirmed is not None
        and confirmed.journal_digest == before.digest,
    )
    return replace(planned, journal=replace(journal, services=ceilings))


def is_urgent(request: Request | None) -> bool:
    """Whether a request goes on although not every cloud tells which keys it has."""
    return request is not None and request.kind == "taint"


def refuse_unsafe(
    settings: Settings, seen: Observation, planned: Planned, request: Request | None
) -> None:
    """Stop before a key is made that may be a repetition, or one of a runaway.

    Raises CouldNotCheck where a key would be made in a cloud that did not list its keys, and
    RunFailed where far more keys exist than the settings can explain.
    """
    for ring in {step.ring for step in planned.plan.transitions if step.before is None}:
        if (why := seen.unlisted.get(settings.home)) is not None:
            raise CouldNotCheck(
                f"a new key is needed, and which keys exist in {settings.home} could not be found "
                "out: making one more might repeat one",
                where=why,
                remedy="run it again when that cloud answers; nothing was changed by this run",
            )
        existing = sum(key.ring == ring and key.status != "gone" for key in planned.found)
        most = most_existing(settings.rotation)
        if existing >= most and not _asked_for(request):
            raise RunFailed(
                f"{existing} KMS keys exist for the ring {ring}; its schedule explains {most} at "
                "most, so no further one is made",
                remedy=f"`signet keys leftovers {settings.environment}` lists those that nothing "
                "records; find out what made them before removing any",
            )


def most_existing(policy: RotationPolicy) -> int:
    """Return how many KMS keys a ring's schedule can explain, with room for some bad days.

    Published ones, those that wait for their deletion, and a dozen that taints and emergency
    rotations added.
    """
    return MOST_PUBLISHED + policy.hold // max(1, policy.rotation_period) + _BAD_DAYS


def _asked_for(request: Request | None) -> bool:
    return request is not None and request.kind in ("taint", "rotate_emergency")


def _generations(known: Record) -> dict[str, int]:
    """Return the generation of each recorded key version, by the name of its component."""
    told = {}
    for urn, outputs in (known.resources or {}).items():
        named = re.search(r"CryptoKeyVersion::.*-([0-9]+)-key$", urn)
        if named:
            told[str(outputs.get("name", ""))] = int(named[1])
    return told
