"""`signet down`: destroy a stack. It asks first, and refuses while signing keys are guarded."""

import argparse

from signet import paths
from signet.cli import output, run_options, run_view, stacks
from signet.engine import place, sandbox_marker
from signet.errors import Fault, SettingsError

_EXAMPLE = """\
examples:
  signet down local          also stops the sandbox when nothing is left in it
  signet down dev --yes
"""


_SHOWN = 4
"""Names in a message; the rest is counted."""


def add(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "down", help="destroy a stack", description=__doc__, epilog=_EXAMPLE
    )
    run_options.add_run_options(parser, acts=True)


def run(args: argparse.Namespace) -> int:
    """Destroy the stack and forget it; the sandbox ends with its last stack."""
    from signet.cli import stack_run

    if place.is_sandbox_stack(args.stack) and not _made(args.stack):
        return _nothing(args)
    stack = stacks.open_stack(args.stack, start_sandbox=True, quiet=args.json)
    if not stack.exists():
        _end_sandbox(stack.place, quiet=args.json)
        return _nothing(args)
    with stack_run.ready(stack, args) as ready:
        ready.mend()
        if not args.target:
            _refuse_guarded(args.stack, stack_run.guarded(stack))
        count = stack_run.recorded(stack)
        if count and not args.target:
            question = f"Destroy {args.stack}: {count} resources, and every signing key among them?"
            if stack.place.in_sandbox:
                output.confirm(question, yes=args.yes)
            else:
                output.confirm_by_name(f"{question} Its tokens end.", args.stack, yes=args.yes)
        result = ready.destroy()
        if not args.target:
            stack.remove()
    if not args.target:
        _end_sandbox(stack.place, quiet=args.json)
    if args.json:
        output.emit_json(run_view.as_json(args.stack, result, planned=False))
        return 0
    counts = run_view.summary(result.counts, planned=False)
    output.say(f"{args.stack}: {counts} ({result.seconds:.1f} s)", style="good")
    return 0


def _refuse_guarded(stack: str, names: list[str]) -> None:
    """Stop before anything is destroyed: the engine would stop only once it reaches a guarded one.

    Raises SettingsError.
    """
    if not names:
        return
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    raise SettingsError(
        [
            Fault(
                key="signet:protectKeys",
                value="true",
                problem=f"{stack} guards {len(names)} resources from being destroyed: "
                f"{', '.join(names[:_SHOWN])}{more}. Nothing was destroyed",
                remedy=f"if {stack} is to end for good: write `signet:protectKeys: false` into "
                f"Pulumi.{stack}.yaml, run `signet up {stack}`, which takes the guard away, then "
                f"`signet down {stack}`",
            )
        ]
    )


def _made(stack: str) -> bool:
    """Return whether a sandbox stack has a state, without starting anything."""
    backend = paths.sandbox_dir() / "backend"
    return place.state_file(backend, stack) is not None


def _nothing(args: argparse.Namespace) -> int:
    if args.json:
        output.emit_json({"stack": args.stack, "planned": False, "counts": {}, "changes": []})
    else:
        output.say(f"{args.stack}: there is nothing to destroy")
    return 0


def _end_sandbox(where: place.Place, *, quiet: bool) -> None:
    """Stop the sandbox once none of its stacks holds anything."""
    folder = where.backend_folder
    if not place.is_sandbox_stack(where.stack) or folder is None:
        return
    if any(place.holds_resources(folder, stack) for stack in sandbox_marker.SANDBOX_STACKS):
        return
    from sandbox import supervisor

    def say(line: str) -> None:
        if not quiet:
            output.note(line)

    supervisor.stop(paths.state_dir(), say)
