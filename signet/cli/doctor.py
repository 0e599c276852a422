"""Look an environment over: settings, identities, keys and their age, stores, functions, clocks,
alarms. Each finding comes with what to do.

Nothing is changed and no lock is taken. Exit code: 1 when something has to be mended, 3 when
something could not be found out, else 0.
"""

import argparse
from typing import TYPE_CHECKING

from signet.cli import output, run_options, stacks

if TYPE_CHECKING:
    from signet.doctor import finding

_EXAMPLE = """\
examples:
  signet doctor prod
  signet doctor prod --ways-around         also some 200 requests without a good token
  signet doctor prod --json | jq '.findings[] | select(.level == "fault")'
"""

_STYLES = {"fault": "bad", "unknown": "warn", "warning": "warn", "good": "good"}


def add(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "doctor", help="look a stack over", description=__doc__, epilog=_EXAMPLE
    )
    run_options.add_stack(parser)
    parser.add_argument(
        "--ways-around",
        action="store_true",
        help="try to get past each gateway from outside; counts toward the alarm `refusals`",
    )


def run(args: argparse.Namespace) -> int:
    """Look, and show what was found."""
    from signet.cli import doctor_look, issuing_record, keys_look
    from signet.doctor import checks
    from signet.doctor.finding import exit_code, sorted_by_weight

    stack = stacks.existing_stack(args.stack, quiet=args.json)
    with output.progress("looking at every cloud", quiet=args.json):
        look = keys_look.look(keys_look.known(stack))
        outputs = issuing_record.read(stack).outputs
        seen = doctor_look.facts(look, outputs, try_ways=args.ways_around)
    found = sorted_by_weight(checks.examine(seen))
    code = exit_code(found)
    if args.json:
        output.emit_json(
            {
                "stack": args.stack,
                "healthy": code == 0,
                "findings": [each.as_dict() for each in found],
            }
        )
        return code
    output.print_table(
        f"{args.stack}: {_summary(found)}",
        ["", "area", "cloud", "finding", "what to do"],
        [
            [
                (str(each.level), _STYLES[each.level]),
                each.area,
                each.cloud,
                each.text,
                each.remedy.replace("STACK", args.stack),
            ]
            for each in found
        ],
    )
    return code


def _summary(found: "list[finding.Finding]") -> str:
    counts = dict.fromkeys(_STYLES, 0)
    for each in found:
        counts[str(each.level)] += 1
    return ", ".join(f"{count} {level}" for level, count in counts.items() if count)
