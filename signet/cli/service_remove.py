"""Let a service go: mark its manifest, and take it away once its tokens have run out.

The first time it writes `leaving:` into the manifest: from the next `signet up` on nobody gets a
token for it any more, while its validators go on. The second time, with every stack that deploys it
named, the file goes, if those stacks have run since and tokens issued before have expired. The
`signet up` after that removes its resources and nobody else's. With `--now` the next `signet up`
removes them already, whatever tokens live.
"""

import argparse
import datetime
import time
from collections.abc import Mapping
from typing import Any

from signet.cli import output, service_folder, stacks
from signet.errors import NegativeAnswer, UsageError
from signet.service import AT_ONCE
from signet.service_edit import MOMENT_FORMAT, marked_leaving
from signet.timings import moment


def declare(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("name", help="the service's name")
    parser.add_argument(
        "--stack", action="append", default=[], help="a stack that deploys it (again for more)"
    )
    parser.add_argument(
        "--now",
        action="store_true",
        help="do not wait: the next run takes it away, and its last tokens find no gateway",
    )
    parser.add_argument("--yes", action="store_true", help="do not ask")


def run(args: argparse.Namespace) -> int:
    """Mark or remove. Raises NegativeAnswer while tokens may live, and then changes nothing."""
    path = service_folder.path_of(args.services, args.name)
    text = path.read_text(encoding="utf-8")
    service = service_folder.read(args.services).services[args.name]
    if not service.leaving or (args.now and not service.gone):
        since = datetime.datetime.fromtimestamp(int(time.time()), datetime.UTC)
        marked = AT_ONCE if args.now else since.strftime(MOMENT_FORMAT)
        output.confirm(f"Let {args.name} go?", yes=args.yes)
        service_folder.write(path, marked_leaving(text, marked))
        return _told(args, "marked", "run `signet up STACK`, then this again with --stack STACK")
    _refuse_while_tokens_live(args)
    output.confirm(f"Remove {path}?", yes=args.yes)
    path.unlink()
    return _told(args, "removed", "`signet up STACK` removes its resources, and nobody else's")


def _told(args: argparse.Namespace, what: str, then: str) -> int:
    if args.json:
        output.emit_json({"service": args.name, "done": what, "next": then})
    else:
        output.say(f"{args.name}: {what}", style="good")
        output.say(f"next: {then}")
    return 0


def _refuse_while_tokens_live(args: argparse.Namespace) -> None:
    if not args.stack:
        raise UsageError(
            f"{args.name} is marked; which stacks deploy it?",
            remedy="name each: --stack prod; or --now, not to wait for its tokens",
        )
    for name in args.stack:
        outputs = stacks.existing_stack(name, quiet=args.json).outputs()
        told = (outputs.get("services") or {}).get(args.name)
        if told is not None:
            _refuse_in(name, args.name, told)


def _refuse_in(stack: str, service: str, told: Mapping[str, Any]) -> None:
    until = told.get("servedUntil")
    if not told.get("leaving") or not until:
        raise NegativeAnswer(
            f"{stack} still gives tokens for {service}: no run has told it that it is leaving",
            remedy=f"run `signet up {stack}` first",
        )
    if time.time() < float(until):
        raise NegativeAnswer(
            f"tokens for {service} may live in {stack} until {moment(int(until))}",
            remedy="run this again after that; --now does not wait, and refuses them",
        )
