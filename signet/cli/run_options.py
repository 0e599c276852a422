"""Options that `up`, `preview` and `down` share."""

import argparse
import re
from pathlib import Path

from signet.errors import UsageError

_UNITS = {"s": 1, "m": 60, "h": 3600}


def add_stack(parser: argparse.ArgumentParser) -> None:
    """Declare the stack's name."""
    parser.add_argument("stack", metavar="STACK", help="name of the stack, such as local or prod")


def add_run_options(parser: argparse.ArgumentParser, *, acts: bool) -> None:
    """Declare what a run of the engine takes; `acts` adds what only a changing run takes."""
    add_stack(parser)
    parser.add_argument(
        "--target",
        action="append",
        default=[],
        metavar="URN",
        help="touch only this resource (again for more)",
    )
    parser.add_argument(
        "--wait",
        type=seconds,
        default=600.0,
        metavar="TIME",
        help="how long to wait while another run holds the stack, such as 90s (default: 10m)",
    )
    parser.add_argument(
        "--break-lock",
        action="store_true",
        help="take away a lock whose owner cannot be checked from here, after asking",
    )
    parser.add_argument(
        "--services",
        type=Path,
        metavar="FOLDER",
        help="folder of service manifests (default: the one that the settings name)",
    )
    parser.add_argument("--verbose", action="store_true", help="show all that the engine says")
    if acts:
        parser.add_argument("--yes", action="store_true", help="do not ask")


def add_reason(parser: argparse.ArgumentParser) -> None:
    """Declare why it is done, for the audit of keys."""
    parser.add_argument(
        "--reason", default="", metavar="TEXT", help="why, for the audit of keys (a ticket, say)"
    )


def seconds(text: str) -> float:
    """Return the seconds of `90s`, `10m`, `1h` or `0`."""
    found = re.fullmatch(r"(\d+)([smh]?)", text)
    if not found or (not found[2] and found[1] != "0"):
        raise UsageError(f"{text!r} is not a length of time", remedy="write 90s, 10m or 1h")
    return float(found[1]) * _UNITS.get(found[2], 1)
