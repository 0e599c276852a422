"""`signet probe`: from outside, as callers do, a good token passes and bad ones are refused.

One good token and a table of bad ones, most of them signed by the real key, are put to each gateway
of the environment or of one service; the validators' logs tell why each was refused. Exit code 1
when one answer differs, 3 when something could not be reached.
"""

import argparse
from typing import Any

from signet.cli import issuing_record, output, probe_run, run_options, stacks

_EXAMPLE = """\
examples:
  signet probe local                      the environment's own gateways
  signet probe prod --service orders      after onboarding, and on a schedule
  signet probe prod --service orders --json | jq .as_expected
"""


def add(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "probe",
        help="put good and bad tokens to a stack's gateways",
        description=__doc__,
        epilog=_EXAMPLE,
    )
    run_options.add_stack(parser)
    parser.add_argument(
        "--service", default="environment", help="an onboarded service (default: the environment)"
    )


def run(args: argparse.Namespace) -> int:
    """Probe, show the table, and return 1 when a row differs."""
    stack = stacks.existing_stack(args.stack, quiet=args.json)
    found = issuing_record.read(stack)
    with stack.place.applied():
        target, results = probe_run.probe(stack.name, found, args.service, quiet=args.json)
    from signet.probing import report

    good = all(result.as_expected for result in results) and report.one_bundle(results)
    if args.json:
        output.emit_json(_document(args, target, results, good=good))
        return 0 if good else 1
    probe_run.show(target.gateways, results)
    slowest = max(each.seconds for result in results for each in result.observations)
    output.say(f"asked: {target.method} {target.path or '/'}, slowest answer {slowest:.2f} s")
    return 0 if good else 1


def _document(args: argparse.Namespace, target: Any, results: Any, *, good: bool) -> dict[str, Any]:
    from signet.probing import report

    return {
        "stack": args.stack,
        "service": args.service,
        "as_expected": good,
        "method": target.method,
        "path": target.path,
        "cases": report.as_dict(results),
        "bundles": {cloud: list(each) for cloud, each in report.bundles(results).items()},
    }
