"""`signet outputs`: print a stack's outputs. Secret ones are masked."""

import argparse
import json

from signet.cli import output, run_options, stacks

_EXAMPLE = """\
examples:
  signet outputs local
  signet outputs prod --json | jq -r .issuer
"""


def add(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "outputs", help="print a stack's outputs", description=__doc__, epilog=_EXAMPLE
    )
    run_options.add_stack(parser)


def run(args: argparse.Namespace) -> int:
    """Print the outputs as the state has them; nothing is run."""
    outputs = stacks.existing_stack(args.stack, quiet=args.json).outputs()
    if args.json:
        output.emit_json(outputs)
        return 0
    rows = [
        (name, value if isinstance(value, str) else json.dumps(value, indent=2, sort_keys=True))
        for name, value in sorted(outputs.items())
    ]
    output.print_table("", ["output", "value"], rows)
    return 0
