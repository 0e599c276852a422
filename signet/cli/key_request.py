"""An operator's request to a key ring: what it would do is shown, asked about, and then run."""

import argparse
import time
from typing import TYPE_CHECKING, Any

from signet.cli import output, run_view, stacks
from signet.cli.stacks import Asked
from signet.errors import RunFailed

if TYPE_CHECKING:
    from components.planning import Planned
    from signet.cli.keys_look import Known
    from signet.cli.stack_run import ReadyStack, RunResult
    from signet.rotation_plan import Plan, Request

_FOLLOW_UPS = 2
"""How many runs may follow at once: one stages the next key, one completes what failed."""


def show(plan: "Plan", ring: str) -> None:
    """Print what a plan does to a ring: what it breaks, what it moves, what waits."""
    for alarm in plan.alarms:
        if alarm.ring in ("", ring):
            output.say(f"  {alarm}", style="bad" if alarm.stop else "warn")
    for step in plan.transitions:
        if step.ring == ring:
            output.say(f"  {step}")
    for hold in plan.held:
        if hold.ring == ring and not plan.transitions:
            output.say(f"  {hold}", style="faint")


def refuse_if_stopped(plan: "Plan", ring: str) -> None:
    """Raise RunFailed with every reason why a run would stop before any effect."""
    reasons = [stop.text for stop in plan.stops if stop.ring in ("", ring)]
    if reasons:
        raise RunFailed(
            f"the key ring {ring} cannot do that now",
            details=reasons,
            remedy="nothing was changed; `signet keys status` shows how things stand",
        )


def run_request(args: argparse.Namespace, known: "Known", request: "Request") -> int:
    """Show what a request does, ask, and run it. Raises RunFailed when the plan is stopped."""
    from signet.cli import keys_look, stack_run

    stacks.warm_up()
    with output.progress("asking every cloud", quiet=args.json):
        seen = keys_look.look(known, request)
    plan = seen.planned.plan
    refuse_if_stopped(plan, request.ring)
    if not args.json:
        output.say(f"{known.stack.name}, key ring {request.ring}:", style="strong")
        show(plan, request.ring)
    output.confirm(f"Do this to {known.stack.name}?", yes=args.yes)
    with stack_run.ready(known.stack, args) as ready:
        ready.mend()
        done = apply(ready, request, args.reason)
    report(args, done)
    return 0


class Applied:
    """What the runs of one request did."""

    def __init__(self) -> None:
        self.results: list[RunResult] = []
        self.plans: list[Plan] = []

    def tell(self, planned: "Planned") -> None:
        """Take the plan of a run."""
        self.plans.append(planned.plan)

    @property
    def transitions(self) -> list[str]:
        """Every transition of all runs, in words."""
        return [str(step) for plan in self.plans for step in plan.transitions]


def apply(ready: "ReadyStack", request: "Request", reason: str) -> Applied:
    """Run a request, and the runs that have to follow it at once."""
    done = Applied()
    asked = Asked(request=request, reason=reason, tell=done.tell)
    done.results.append(ready.up(asked))
    for _ in range(_FOLLOW_UPS):
        if not done.plans or not done.plans[-1].follow_up:
            break
        follow = Asked(reason=reason, tell=done.tell)
        done.results.append(ready.up(follow))
    return done


def report(args: argparse.Namespace, done: Applied, **more: Any) -> None:
    """Print what came of a request."""
    seconds = sum(result.seconds for result in done.results)
    if args.json:
        output.emit_json(
            {
                "stack": args.stack,
                "ring": args.ring,
                "at": int(time.time()),
                "seconds": round(seconds, 1),
                "transitions": done.transitions,
                "alarms": [str(alarm) for plan in done.plans for alarm in plan.alarms],
                **more,
            }
        )
        return
    for line in done.transitions:
        output.say(f"  {line}", style="good")
    counts = [run_view.summary(result.counts, planned=False) for result in done.results]
    output.say(f"{args.stack}: {'; then '.join(counts)} ({seconds:.1f} s)", style="good")
