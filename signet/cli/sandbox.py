"""`signet sandbox`: start, stop and inspect the three clouds on loopback."""

import argparse
import shlex
from typing import Any

from signet import paths
from signet.cli import output, stacks

_EXAMPLE = """\
examples:
  signet sandbox start                    start it, or leave the running one as it is
  eval "$(signet sandbox env)"            then plain `pulumi` and `aws` work in it
  signet sandbox stop                     end its processes; what it remembers stays
  signet sandbox stop --forget            remove all of it, its stacks' state included
"""


def add(subparsers: Any) -> None:
    """Declare the command line."""
    parser = subparsers.add_parser(
        "sandbox", help="start, stop and inspect the sandbox", epilog=_EXAMPLE
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    actions.add_parser("start", help="start it and wait until it answers")
    stop = actions.add_parser("stop", help="end every process of it")
    stop.add_argument(
        "--forget",
        action="store_true",
        help="also remove what it remembers: keys, objects, its stacks' state and its ports",
    )
    actions.add_parser("status", help="show whether it runs, where, and what it remembers")
    actions.add_parser("env", help="print the exports with which other commands work in it")


def run(args: argparse.Namespace) -> int:
    """Do one action. `status` answers 1 where the sandbox does not run."""
    import sandbox
    from sandbox import supervisor

    state_dir = paths.state_dir()
    say = _quiet if args.json else output.note
    if args.action == "env":
        variables = sandbox.environment(state_dir)
        stacks.make_sandbox_stacks()
        return _env(variables, as_json=args.json)
    if args.action == "start":
        with output.progress("Starting the sandbox", quiet=args.json):
            now = sandbox.start(state_dir, say=say)
    elif args.action == "stop":
        if args.forget:
            supervisor.forget(state_dir, say=say)
            now = sandbox.status(state_dir)
        else:
            now = sandbox.stop(state_dir, say=say)
    else:
        now = sandbox.status(state_dir)
    _show(now, as_json=args.json)
    return 1 if args.action == "status" and not now.running else 0


def _quiet(_: str) -> None:
    """Keep standard error clear for `--json`."""


def _env(variables: dict[str, str], *, as_json: bool) -> int:
    if as_json:
        output.emit_json(variables)
    else:
        for name in sorted(variables):
            output.say(f"export {name}={shlex.quote(variables[name])}")
    return 0


def _show(now: Any, *, as_json: bool) -> None:
    if as_json:
        output.emit_json(
            {
                "state": now.state,
                "folder": str(now.folder),
                "id": now.id,
                "ports": dict(now.ports),
                "pids": dict(now.pids),
                "memory": now.memory,
            }
        )
        return
    rows: list[tuple[str, object]] = [("state", (now.state, "good" if now.running else "warn"))]
    rows.append(("folder", now.folder))
    rows += [
        (
            name,
            f"http://127.0.0.1:{port}"
            + (f" (process {now.pids[name]})" if name in now.pids else ""),
        )
        for name, port in sorted(now.ports.items())
    ]
    rows.append(("memory", now.memory))
    output.print_table("sandbox", ("", ""), rows)
    if now.memory == "lost":
        output.note(
            "The stacks' state names resources that the emulated clouds no longer remember. "
            "`signet up STACK` replaces the sandbox by a new one.",
            style="warn",
        )
    if now.state == "running":
        output.note('Next: signet up local, or eval "$(signet sandbox env)" for plain pulumi.')
    elif now.state != "none":
        output.note("Next: signet sandbox start")
