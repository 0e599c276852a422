"""`signet outputs`: print a stack's outputs. Secret ones are masked.

With `--running` every validator hashes its own files and tells its settings' hash, and what they
say is compared: exit code 1 when two run different bundles, or one runs settings that were not
deployed last; 3 when one does not answer.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from signet.cli import output, run_options, stacks

if TYPE_CHECKING:
    from signet.doctor.facts import FunctionReport
    from signet.engine.stack import EngineStack

_EXAMPLE = """\
examples:
  signet outputs local
  signet outputs local --running           does the same bundle run everywhere?
  signet outputs prod --json | jq -r .issuer
"""
_SHOWN = 12
"""Digits of a hash that are shown in a table."""


def add(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "outputs", help="print a stack's outputs", description=__doc__, epilog=_EXAMPLE
    )
    run_options.add_stack(parser)
    parser.add_argument(
        "--running",
        action="store_true",
        help="ask every validator which bundle it runs, and compare",
    )


def run(args: argparse.Namespace) -> int:
    """Print the outputs as the state has them; nothing is run."""
    stack = stacks.existing_stack(args.stack, quiet=args.json)
    outputs = stack.outputs()
    if args.running:
        recorded, reports = ask(stack, outputs, quiet=args.json)
        if args.json:
            told, code = compared(recorded, reports)
            bundles = sorted({row["bundle"] for row in told if row["bundle"]})
            output.emit_json({"bundles": bundles, "same": code == 0, "validators": told})
            return code
        return show_running(recorded, reports)
    if args.json:
        output.emit_json(outputs)
        return 0
    rows = [
        (name, value if isinstance(value, str) else json.dumps(value, indent=2, sort_keys=True))
        for name, value in sorted(outputs.items())
    ]
    output.print_table("", ["output", "value"], rows)
    return 0


def ask(
    stack: "EngineStack", outputs: Mapping[str, Any], *, quiet: bool
) -> "tuple[Mapping[str, Mapping[str, Any]], list[FunctionReport]]":
    """Return what the state records of every validator, and what each says of itself."""
    from signet.cli import doctor_look, keys_look

    with output.progress("asking every validator", quiet=quiet):
        reports = doctor_look.running_functions(keys_look.known(stack), outputs)
    return outputs.get("validators") or {}, reports


def compared(
    recorded: Mapping[str, Mapping[str, Any]], reports: "Sequence[FunctionReport]"
) -> tuple[list[dict[str, str]], int]:
    """Return a row for each validator, and the exit code that they come to."""
    told = [_compared(recorded.get(each.name) or {}, each) for each in reports]
    bundles = {row["bundle"] for row in told if row["bundle"]}
    differs = len(bundles) > 1 or any(
        row["problem"] and each.ready is not None for row, each in zip(told, reports, strict=True)
    )
    silent = any(each.ready is None for each in reports) or not reports
    return told, 1 if differs else 3 if silent else 0


def show_running(
    recorded: Mapping[str, Mapping[str, Any]], reports: "Sequence[FunctionReport]"
) -> int:
    """Print what every validator runs, and return the exit code that it comes to."""
    told, code = compared(recorded, reports)
    bundles = sorted({row["bundle"] for row in told if row["bundle"]})
    rows = [
        (
            row["name"],
            row["bundle"][:_SHOWN] or "-",
            row["settings"][:_SHOWN] or "-",
            (row["problem"], "bad") if row["problem"] else ("ok", "good"),
        )
        for row in told
    ]
    title = "What every validator runs: the hash of its own files"
    output.print_table(title, ["validator", "bundle", "settings", ""], rows)
    if code == 0:
        output.say(f"one bundle everywhere: {bundles[0]}", style="good")
    elif len(bundles) > 1:
        output.say(f"{len(bundles)} different bundles: run `signet up`", style="bad")
    return code


def _compared(recorded: Mapping[str, Any], report: "FunctionReport") -> dict[str, str]:
    problem = ""
    if report.ready is None:
        problem = f"did not answer: {report.detail}"
    elif not report.ready:
        problem = "not ready: its log says why"
    elif report.bundle_sha256 != recorded.get("bundleSha256"):
        problem = "not the bundle that was deployed last"
    elif report.settings_sha256 != recorded.get("settingsSha256"):
        problem = "not the settings that were deployed last"
    return {
        "name": report.name,
        "bundle": report.bundle_sha256,
        "settings": report.settings_sha256,
        "problem": problem,
    }
