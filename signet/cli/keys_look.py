"""How a stack's key rings stand now: its record, what its clouds hold, and what a run would do.

Read-only, without the engine and its lock, and bounded in time.
"""

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from signet.errors import Fault, SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from components.observe import Observation
    from components.planning import Planned
    from components.record import Record
    from components.settings import Settings
    from components.surroundings import Surroundings
    from signet.engine.stack import EngineStack
    from signet.key_ring import KeyRing
    from signet.rotation_plan import Request

_KEY_SECONDS = 5.0
"""Longest that listing the KMS keys may take, beside the read-back of the stores."""


@dataclass(frozen=True, kw_only=True)
class Known:
    """What the state and the settings file say; nothing was asked of any cloud."""

    stack: "EngineStack"
    deployment: "Mapping[str, Any]"
    record: "Record"
    settings: "Settings"
    surroundings: "Surroundings"

    def ring(self, name: str) -> "KeyRing":
        """Return a ring of the journal. Raises SettingsError when there is none by this name."""
        rings = self.record.journal.rings if self.record.journal is not None else {}
        if name not in rings:
            known = ", ".join(sorted(rings)) or "none: no run has got that far"
            raise SettingsError(
                [
                    Fault(
                        key="ring",
                        value=name,
                        problem=f"stack {self.stack.name} has no such key ring",
                        remedy=f"its rings: {known}",
                    )
                ]
            )
        return rings[name]


@dataclass(frozen=True, kw_only=True)
class Look:
    """How things stand at `now`, in epoch seconds."""

    known: Known
    seen: "Observation"
    planned: "Planned"
    """What the next run would do."""
    now: int


def known(stack: "EngineStack") -> Known:
    """Read a stack's settings and record. Raises SettingsError, RunFailed or CouldNotCheck."""
    from components import record, rings
    from components.settings import parse
    from components.surroundings import Surroundings
    from signet.engine import place
    from signet.engine.stack import resources_of

    deployment = stack.export()
    with stack.place.applied():
        surroundings = Surroundings.observe(stack.place.settings_name)
        read = parse(place.configuration(stack.place), surroundings)
    living = [each for each in resources_of(deployment) if not each.get("delete")]
    found = record.parse({str(each.get("urn")): each for each in living})
    return Known(
        stack=stack,
        deployment=deployment,
        record=found,
        settings=rings.of_record(read, found.journal),
        surroundings=surroundings,
    )


def look(what: Known, request: "Request | None" = None) -> Look:
    """Ask every cloud at once, and plan. A cloud that does not tell counts as not verified."""
    from components import observe, rings
    from components.planning import plan_run

    with what.stack.place.applied():
        seen = observe.observe(
            observe.readers(what.settings),
            rings.names_of(what.settings),
            key_seconds=_KEY_SECONDS,
            despite_keys=True,
        )
    now = int(time.time())
    planned = plan_run(what.settings, what.record, seen, now, request)
    return Look(known=what, seen=seen, planned=planned, now=now)
