"""`signet up`: create or update a stack."""

import argparse
from typing import TYPE_CHECKING

from signet.cli import output, run_options, run_view, stacks
from signet.errors import SignetError

if TYPE_CHECKING:
    from signet.cli import stack_run

_EXAMPLE = """\
examples:
  signet up local                   starts the sandbox when it is not running
  signet up prod                    shows what would change, then asks
  signet up prod --yes --wait 30m   from a timer: waits for a run that is under way
"""


def add(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "up", help="create or update a stack", description=__doc__, epilog=_EXAMPLE
    )
    run_options.add_run_options(parser, acts=True)
    parser.add_argument(
        "--refresh", action="store_true", help="read what the clouds have before deciding"
    )
    run_options.add_reason(parser)


def run(args: argparse.Namespace) -> int:
    """Bring the stack up; a real one is previewed first, and the person asked."""
    from signet.cli import stack_run

    stack = stacks.open_stack(args.stack, start_sandbox=True, quiet=args.json)
    stacks.warm_up()
    with stack_run.ready(stack, args) as ready:
        fresh = not stack.exists()
        if fresh:
            stack.create()
        try:
            ready.mend()
            if not (args.yes or stack.place.in_sandbox):
                planned = ready.up(preview=True)
                if not planned.changes:
                    return _report(args, ready, planned)
                output.note(run_view.summary(planned.counts, planned=True))
                output.confirm(f"Apply this to {args.stack}?", yes=False)
            return _report(args, ready, ready.up())
        except SignetError:
            # What stopped before anything was made leaves nothing, not even a stack's name.
            if fresh and not stack_run.recorded(stack):
                stack.remove(force=True)
            raise


def _report(
    args: argparse.Namespace, ready: "stack_run.ReadyStack", result: "stack_run.RunResult"
) -> int:
    from signet.cli import stack_run

    outputs = ready.stack.outputs()
    if args.json:
        told = run_view.as_json(args.stack, result, planned=False, outputs=outputs)
        output.emit_json({**told, "repaired": ready.repairs})
        return 0
    counts = run_view.summary(result.counts, planned=False)
    output.say(f"{args.stack}: {counts} ({result.seconds:.1f} s)", style="good")
    stack_run.print_outputs(args.stack, outputs)
    return 0
