"""`signet keys`: how a stack's signing keys stand, and what an operator may ask of them."""

import argparse
import importlib

from signet.cli import run_options
from signet.key_ring import ENVIRONMENT_RING

_EXAMPLE = """\
examples:
  signet keys status prod                   each generation, what comes next and when
  signet keys rotate prod --reason OPS-7    the staged key takes over, if its wait is over
  signet keys taint prod KID                a key is lost: nobody accepts it from now on
  signet keys reject-denial prod KID        a store denies a key, and that was forged
  signet keys leftovers prod                KMS keys that nothing records
  signet keys status prod --service orders  the ring of a service that has its own
"""

_ACTIONS = {
    "status": ("signet.cli.keys_status", "how each key stands, and what happens next"),
    "rotate": ("signet.cli.keys_rotate", "let the staged key take over now"),
    "taint": ("signet.cli.keys_taint", "deny a key everywhere, for ever"),
    "reject-denial": ("signet.cli.keys_decide", "declare a published denial forged"),
    "leftovers": ("signet.cli.keys_leftovers", "list or remove KMS keys that nothing records"),
    "trust-journal": ("signet.cli.keys_decide", "declare published sets ahead of ours forged"),
}


def add(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the command and its actions."""
    parser = subparsers.add_parser(
        "keys", help="look at signing keys, rotate and withdraw them", epilog=_EXAMPLE
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    for name, (module, text) in _ACTIONS.items():
        action = importlib.import_module(module)
        inner = actions.add_parser(
            name, help=text, description=action.__doc__, epilog=action.EXAMPLE
        )
        action.declare(inner, name)


def add_ring(parser: argparse.ArgumentParser, *, default: str | None = ENVIRONMENT_RING) -> None:
    """Declare which key ring is meant. Without a default it is every ring."""
    unnamed = "the environment's" if default else "every ring"
    parser.add_argument(
        "--ring",
        "--service",
        dest="ring",
        default=default,
        metavar="NAME",
        help=f"the ring of a service that has its own (default: {unnamed})",
    )


def add_acting(parser: argparse.ArgumentParser, *, ring: str | None = ENVIRONMENT_RING) -> None:
    """Declare what every action takes that changes something."""
    run_options.add_run_options(parser, acts=True)
    add_ring(parser, default=ring)
    run_options.add_reason(parser)


def run(args: argparse.Namespace) -> int:
    """Run the chosen action."""
    module, _ = _ACTIONS[args.action]
    return int(importlib.import_module(module).run(args))
