"""`signet demo`: good and bad tokens at real gateways, in one table.

It brings the local stack up, has one good token and a table of bad ones made, most of them signed
by the same KMS key, puts each to every gateway, and reads from the validator's log why it was
refused. Exit code 1 when one answer differs from what is expected.
"""

import argparse
import os
import shlex
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from signet.cli import demo_onboarding, issuing_record, output, probe_run, stacks
from signet.cli import outputs as running_code
from signet.cli.issuing_record import IssuingRecord

if TYPE_CHECKING:
    from signet.cli.stack_run import RunResult
    from signet.engine.stack import EngineStack
    from signet.probing.comparison import CaseResult
    from signet.probing.gateway_call import Gateway

_STACK = "local"
_OWN = "environment"
_MOST_RUNS = 3
"""The first run makes everything, the second notes the first read-back, the third does nothing."""

_EXAMPLE = """\
examples:
  signet demo                  bring `local` up, show the table, tell what to try next
  signet demo --no-timing      without the run at the end that has nothing to do
  signet demo --logs           the validators' newest decisions, and nothing else
  signet demo --rotation       two rotations and a taint under traffic, in about five minutes
"""


def add(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "demo", help="good and bad tokens at real gateways", description=__doc__, epilog=_EXAMPLE
    )
    parser.add_argument(
        "--stack",
        choices=("local", "local-fast"),
        help="which sandbox stack (default: local; local-fast with --rotation)",
    )
    parser.add_argument(
        "--rotation",
        action="store_true",
        help="keys rotate under traffic, and one is tainted; takes five minutes and more",
    )
    parser.add_argument(
        "--periods", type=int, default=2, help="how many periods --rotation goes on for"
    )
    parser.add_argument(
        "--no-timing",
        action="store_true",
        help="leave out the runs after the table that measure an `up` with nothing to do",
    )
    parser.add_argument(
        "--no-onboarding",
        action="store_true",
        help="leave out the second service that is onboarded at the end",
    )
    parser.add_argument("--logs", action="store_true", help="show the newest logged decisions")
    parser.add_argument("--verbose", action="store_true", help="show all that the engine says")


def run(args: argparse.Namespace) -> int:
    """Show the table. Returns 1 when a row differs."""
    if args.rotation:
        from signet.cli import demo_rotation

        args.stack = args.stack or "local-fast"
        return demo_rotation.run(args)
    args.stack = args.stack or _STACK
    if args.logs:
        return _show_logs(args)
    from signet.probing import report

    begun = time.monotonic()
    stack = stacks.open_stack(args.stack, start_sandbox=True, quiet=args.json)
    first = _up(stack, args, quiet=args.json)
    found = issuing_record.read(stack)
    outputs = found.outputs
    with stack.place.applied():
        gateways, results = _compare(stack, found, quiet=args.json)
    shown_after = time.monotonic() - begun
    good = all(result.as_expected for result in results) and report.one_bundle(results)
    if not args.json:
        probe_run.show(gateways, results)
    running, code = _running(stack, outputs, quiet=args.json)
    good = good and code == 0
    timings = {"up": first.seconds, "table": shown_after}
    unchanged = first if not first.changes else None
    if not args.no_timing and unchanged is None:
        unchanged = _until_unchanged(stack, args)
    if unchanged is not None:
        timings["unchanged_up"] = unchanged.seconds
    if not args.json:
        _show_timings(args.stack, timings, changed=bool(first.changes))
    onboarded = None if args.no_onboarding or not good else _onboard(stack, args, outputs)
    good = good and (onboarded is None or onboarded.good)
    if args.json:
        told = _document(args.stack, outputs, results, timings, good=good) | {"running": running}
        second = None if onboarded is None else onboarded.as_dict()
        output.emit_json({**told, "onboarding": second})
    else:
        _show_next(args.stack, outputs, gateways)
    return 0 if good else 1


def _onboard(
    stack: "EngineStack", args: argparse.Namespace, outputs: Mapping[str, Any]
) -> "demo_onboarding.Onboarded":
    return demo_onboarding.onboard(
        stack,
        outputs,
        lambda folder: _up(stack, args, quiet=True, services=folder),
        quiet=args.json,
    )


def _up(
    stack: "EngineStack",
    args: argparse.Namespace,
    *,
    quiet: bool,
    services: Path | None = None,
) -> "RunResult":
    from signet.cli import stack_run

    options = argparse.Namespace(
        stack=args.stack,
        target=[],
        wait=600.0,
        break_lock=False,
        yes=True,
        refresh=False,
        verbose=args.verbose,
        json=quiet,
        services=services,
    )
    with stack_run.ready(stack, options) as ready:
        if not stack.exists():
            stack.create()
        ready.mend()
        return ready.up()


def _until_unchanged(stack: "EngineStack", args: argparse.Namespace) -> "RunResult | None":
    """Run until a run has nothing to do, and return that one."""
    with output.progress("measuring a run that has nothing to do", quiet=args.json):
        for _ in range(_MOST_RUNS - 1):
            result = _up(stack, args, quiet=True)
            if not result.changes:
                return result
    return None


def _compare(
    stack: "EngineStack", found: IssuingRecord, *, quiet: bool
) -> "tuple[list[Gateway], list[CaseResult]]":
    target, results = probe_run.probe(stack.name, found, _OWN, quiet=quiet)
    return list(target.gateways), results


def _running(
    stack: "EngineStack", outputs: Mapping[str, Any], *, quiet: bool
) -> tuple[list[dict[str, str]], int]:
    """Ask every validator for the hash of its own files; 0 where all run what was deployed."""
    recorded, reports = running_code.ask(stack, outputs, quiet=quiet)
    if not quiet:
        running_code.show_running(recorded, reports)
    return running_code.compared(recorded, reports)


def _show_timings(stack: str, timings: Mapping[str, float], *, changed: bool) -> None:
    first = f"signet up {stack}: {timings['up']:.1f} s" + ("" if changed else " (nothing to do)")
    output.say(f"\n{first}; from the start to the table: {timings['table']:.1f} s", style="faint")
    if changed and "unchanged_up" in timings:
        output.say(
            f"signet up {stack} with nothing to do: {timings['unchanged_up']:.1f} s", style="faint"
        )


def _show_next(stack: str, outputs: Mapping[str, Any], gateways: "Sequence[Gateway]") -> None:
    signet = _own_command()
    other = [] if stack == _STACK else ["--stack", stack]
    down = "make down" if stack == _STACK else f"make down STACK={stack}"
    url = gateways[0].url
    scope = outputs.get("requiredScope")
    issue = [signet, "token", "issue", "--stack", stack, "--audience", str(outputs["audience"])]
    issue += ["--subject", "me", *(["--scope", str(scope)] if scope else [])]
    quoted = shlex.quote(url)
    jwks = shlex.quote(str(next(iter((outputs.get("jwksUrls") or {}).values()), "")))
    verify = [signet, "verify", "--issuer", str(outputs["issuer"])]
    verify += ["--audience", str(outputs["audience"])]
    output.say("\nTry it yourself (bash):", style="strong")
    for line in (
        f"TOKEN=$({shlex.join(issue)})",
        f'curl -i -H "Authorization: Bearer $TOKEN" {quoted}    # 200',
        f"curl -i {quoted}    # 401",
        f'curl -i -H "Authorization: Bearer ${{TOKEN}}x" {quoted}    # refused',
        f"curl -i {jwks}    # the public keys",
        f'{signet} token inspect <<< "$TOKEN"',
        f'{shlex.join(verify)} --jwks <(curl -s {jwks}) <<< "$TOKEN"',
        f"{shlex.join([signet, 'demo', *other, '--logs'])}    # why requests were refused",
        f"{signet} outputs {stack}",
        f"{down}    # destroys the stack and stops the sandbox",
    ):
        output.say(f"  {line}")


def _own_command() -> str:
    """Return how this very command is called from here."""
    own = Path(sys.prefix) / "bin" / "signet"
    found = shutil.which("signet")
    if found and Path(found).resolve() == own.resolve():
        return "signet"
    return os.path.relpath(own)


def _document(
    stack: str,
    outputs: Mapping[str, Any],
    results: "Sequence[CaseResult]",
    timings: Mapping[str, float],
    *,
    good: bool,
) -> dict[str, Any]:
    from signet.probing import report

    return {
        "stack": stack,
        "as_expected": good,
        "cases": report.as_dict(results),
        "bundles": report.bundles(results),
        "seconds": {name: round(value, 1) for name, value in timings.items()},
        "validators": outputs.get("validators"),
    }


def _show_logs(args: argparse.Namespace) -> int:
    from signet.probing.decision_log import decisions

    stack = stacks.existing_stack(args.stack, quiet=args.json)
    with stack.place.applied():
        outputs = stack.outputs()
        clouds = sorted(outputs.get("gateways") or {})
        found = [
            (cloud, decision)
            for cloud in clouds
            for decision in decisions(
                probe_run.log_of(cloud, outputs, _OWN, from_now=False).new_lines()
            )
        ][-20:]
    if args.json:
        output.emit_json([decision.as_dict() | {"cloud": cloud} for cloud, decision in found])
        return 0
    from signet.timings import moment

    rows = [
        (moment(each.time), cloud, each.status, each.reason or "-", each.request_id)
        for cloud, each in found
    ]
    output.print_table(
        "The newest decisions", ["time", "cloud", "status", "reason", "request"], rows
    )
    return 0
