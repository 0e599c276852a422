"""`signet preview`: show what `up` would change, keys in words first, and change nothing."""

import argparse
from typing import TYPE_CHECKING

from signet.cli import output, run_options, run_view, stacks

if TYPE_CHECKING:
    from components.planning import Planned

_EXAMPLE = """\
examples:
  signet preview prod
  signet preview prod --json | jq .counts
"""


def add(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "preview", help="show what `up` would change", description=__doc__, epilog=_EXAMPLE
    )
    run_options.add_run_options(parser, acts=False)
    parser.add_argument(
        "--refresh", action="store_true", help="read what the clouds have before deciding"
    )


def run(args: argparse.Namespace) -> int:
    """Preview the stack; one that does not exist is made for it, and removed again."""
    from signet.cli import stack_run

    stack = stacks.open_stack(args.stack, start_sandbox=True, quiet=args.json)
    stacks.warm_up()
    plans: list[Planned] = []
    wider: list[str] = []
    with stack_run.ready(stack, args) as ready:
        fresh = not stack.exists()
        if fresh:
            stack.create()
        try:
            unsettled = stack_run.unsettled(stack)
            result = ready.up(
                stacks.Asked(tell=plans.append, tell_trust=wider.extend), preview=True
            )
        finally:
            if fresh:
                stack.remove()
    if args.json:
        keys = [line for planned in plans for line in planned.plan.lines()]
        told = run_view.as_json(args.stack, result, planned=True, unsettled=unsettled, keys=keys)
        output.emit_json({**told, "trust": wider})
        return 0
    for line in unsettled:
        output.note(f"a run died here: {line}; the next `signet up` settles it", style="warn")
    output.say(f"{args.stack}: {run_view.summary(result.counts, planned=True)}", style="strong")
    if wider:
        output.say("it trusts more than what is deployed:", style="warn")
        for line in wider:
            output.say(f"  {line}", style="warn")
    return 0
