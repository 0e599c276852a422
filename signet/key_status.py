"""How a ring stands, said for people: each generation with what happens to it next, and a drawing.

Pure: the plan of the next run is where "next" comes from, so that nobody predicts it twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from signet.key_ring import Generation, KeyRing, State
from signet.rotation_plan import Plan
from signet.timings import duration

MARKS = {
    State.PREPARED: ".",
    State.ACTIVE: "=",
    State.RETIRING: "-",
    State.RETIRED: "_",
    State.TAINTED: "x",
}
"""By state: how the drawing shows a span of it."""

LEGEND = ". prepared  = active  - retiring  _ retired  x tainted  | now  > next step"


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationStatus:
    """One generation: since when it is what it is, and what comes next. Epoch seconds."""

    generation: Generation
    kid: str | None
    since: int
    next: str
    at: int | None
    """When, at the earliest; None where no time decides."""


def statuses(
    ring: KeyRing, plan: Plan, kids: dict[int, str], period: int
) -> list[GenerationStatus]:
    """Return every generation of a ring, the oldest first. `period` is how long one signs."""
    told = []
    for generation in ring.generations:
        text, at = _next(ring, generation, plan, period)
        told.append(
            GenerationStatus(
                generation=generation,
                kid=kids.get(generation.number),
                since=since(generation),
                next=text,
                at=at,
            )
        )
    return told


def since(generation: Generation) -> int:
    """Return when the generation came into the state that it is in."""
    entered = {
        State.ACTIVE: generation.activated_at,
        State.RETIRING: generation.retiring_at,
        State.RETIRED: generation.retired_at,
        State.TAINTED: generation.tainted_at,
        State.DELETED: generation.deleted_at,
    }.get(generation.state)
    return entered if entered is not None else generation.prepared_at


def _next(ring: KeyRing, generation: Generation, plan: Plan, period: int) -> tuple[str, int | None]:
    number = generation.number
    for step in plan.transitions:
        if (step.ring, step.generation) == (ring.name, number):
            return f"the next run: {step.after} ({step.why})", None
    holds = [h for h in plan.held if (h.ring, h.generation) == (ring.name, number)]
    if holds:
        times = [hold.until for hold in holds if hold.until is not None]
        said = "; ".join(f"{hold.what} waits: {hold.why}" for hold in holds)
        return said, max(times, default=None)
    if generation.state is State.ACTIVE and generation.activated_at is not None:
        return "hands over to its successor", generation.activated_at + period
    if generation.state is State.DELETED:
        return "nothing: its KMS key is given up", None
    return "waits for the next run", None


def draw(rows: Sequence[GenerationStatus], now: int, width: int = 56) -> list[str]:
    """Draw the generations that still exist over time, a line each, `now` as a bar.

    What lies ahead is dotted up to the next step. ASCII, so that it survives any terminal.
    """
    shown = [row for row in rows if row.generation.exists]
    if not shown:
        return []
    start = min(row.generation.prepared_at for row in shown)
    ahead = max([now, *(row.at for row in shown if row.at is not None)])
    span = max(1, ahead - start)
    scale = (width - 1) / span
    here = round((now - start) * scale)
    lines = []
    for row in shown:
        cells = [_cell(row, start + column / scale, now) for column in range(width)]
        if row.at is not None and row.at >= now:
            cells[round((row.at - start) * scale)] = ">"
        cells[min(here, width - 1)] = "|"
        lines.append(f"gen {row.generation.number:>3}  {''.join(cells).rstrip()}")
    left, right = f"{duration(now - start)} ago", f"in {duration(ahead - now)}"
    lines.append(f"         {left}{right:>{max(len(right) + 1, width - len(left))}}")
    return lines


def _cell(row: GenerationStatus, at: float, now: int) -> str:
    if at > now:
        return ":" if row.at is not None and at < row.at else " "
    state = _state_at(row.generation, at)
    return MARKS.get(state, " ") if state is not None else " "


def _state_at(generation: Generation, at: float) -> State | None:
    """Return the state that a generation was in at a time; None before it was there."""
    entered = (
        (State.TAINTED, generation.tainted_at),
        (State.RETIRED, generation.retired_at),
        (State.RETIRING, generation.retiring_at),
        (State.ACTIVE, generation.activated_at),
        (State.PREPARED, generation.prepared_at),
    )
    return next((state for state, when in entered if when is not None and when <= at), None)
