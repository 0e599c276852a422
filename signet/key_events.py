"""What is written down of a key's life for people to read later: one JSON object a line. Pure.

The state says how a ring stands; these lines say who moved it there, and why. They hold no key
and no token.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from signet.confirmed import Confirmed
from signet.rotation_plan import Plan, Request
from signet.timings import moment


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Whose doing it is."""

    stack: str
    actor: str
    """A person at a machine, or a pipeline's job."""
    reason: str = ""
    """What the operator gave as the reason; empty for an ordinary run."""
    request: Request | None = None

    def line(self, at: int, event: str, **more: object) -> str:
        """Return one event as a line; what is None is left out."""
        asked = self.request.kind if self.request is not None else None
        told = {
            "at": moment(at),
            "event": event,
            "stack": self.stack,
            "by": self.actor,
            "reason": self.reason or None,
            "request": asked,
            **more,
        }
        return json.dumps({k: v for k, v in told.items() if v is not None}, ensure_ascii=False)


def of_plan(plan: Plan, origin: Origin, at: int, confirmed: Confirmed | None) -> Iterator[str]:
    """Yield a line for each transition of a plan whose journal was registered."""
    digest = plan.journal.digest if plan.journal is not None else None
    for step in plan.transitions:
        kid = confirmed.kid(step.ring, step.generation) if confirmed is not None else None
        yield origin.line(
            at,
            "transition",
            ring=step.ring,
            generation=step.generation,
            kid=kid,
            before=str(step.before) if step.before is not None else None,
            after=str(step.after),
            why=step.why,
            journal=digest,
        )


def completed(plan: Plan, origin: Origin, at: int, before: Confirmed | None) -> str | None:
    """Return the line of a run that was completely applied; None if that was so already."""
    if plan.journal is None:
        return None
    if before is not None and before.journal_digest == plan.journal.digest:
        return None
    return origin.line(at, "completed", journal=plan.journal.digest)
