"""The `signet` command: finds the subcommand, imports only it, and turns errors into exit codes.

Each module named in `COMMANDS` has `add(subparsers)`, which declares its parser, and
`run(args) -> int`. Exit codes: 0 success, 1 a negative answer, 2 usage or settings, 3 could not
check, 130 interrupted.
"""

import argparse
import contextlib
import importlib
import os
import re
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import Any, NoReturn

from signet import paths
from signet.errors import SignetError, UsageError

COMMANDS: dict[str, tuple[str, str]] = {
    "up": ("signet.cli.up", "create or update a stack"),
    "preview": ("signet.cli.preview", "show what `up` would change"),
    "down": ("signet.cli.down", "destroy a stack"),
    "outputs": ("signet.cli.outputs", "print a stack's outputs"),
    "demo": ("signet.cli.demo", "see it work: good and bad tokens at real gateways"),
    "image": ("signet.cli.image", "write the validator as a container image"),
    "sandbox": ("signet.cli.sandbox", "start, stop and inspect the sandbox"),
    "keys": ("signet.cli.keys", "look at signing keys, rotate and withdraw them"),
    "service": ("signet.cli.service", "onboard services, check and remove them"),
    "probe": ("signet.cli.probe", "put good and bad tokens to a stack's gateways"),
    "token": ("signet.cli.token", "issue and inspect tokens"),
    "doctor": ("signet.cli.doctor", "look a stack over: what is wrong, and what to do"),
    "verify": ("signet.cli.verify", "check tokens by the shared verification module"),
}

_DASHED_KID = re.compile("-[A-Za-z0-9_-]{42}|-[A-Za-z0-9_][A-Za-z0-9_-]{6,41}")
"""A thumbprint in base64url (RFC 7638 section 3), or its beginning, with a dash in front."""

_DESCRIPTION = 'One trustworthy answer to "who is calling?" for every service in every cloud.'
_EXAMPLE = """\
examples:
  signet up local                  the whole environment on this machine
  signet demo                      good and bad tokens at its gateways
  signet up prod --yes             from a pipeline
  signet up --help                 one command's options

exit codes: 0 success, 1 a negative answer, 2 usage or settings, 3 could not check
"""


class Parser(argparse.ArgumentParser):
    """An argument parser whose usage errors look like every other error of the command."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        kwargs.setdefault("conflict_handler", "resolve")
        kwargs.setdefault("allow_abbrev", False)
        super().__init__(*args, **kwargs)
        self.add_argument(
            "--json",
            action="store_true",
            default=argparse.SUPPRESS,
            help="print one JSON document on standard output",
        )

    def error(self, message: str) -> NoReturn:
        """Raise the usage error instead of printing it, so that `--json` is honoured."""
        raise UsageError(f"{self.prog}: {message}", remedy=f"see `{self.prog} --help`")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code.

    Without `argv` this is the whole process; with it, a caller's, whose environment is put back.
    """
    if argv is None:
        keep_bytecode()
        return _answer(sys.argv[1:])
    before = dict(os.environ)
    try:
        return _answer(list(argv))
    finally:
        if os.environ != before:
            os.environ.clear()
            os.environ.update(before)


def _answer(arguments: list[str]) -> int:
    as_json = "--json" in arguments
    try:
        return _dispatch(_shielded(arguments))
    except SignetError as error:
        from signet.cli import output

        output.print_error(error, as_json=as_json)
        return error.exit_code
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader of standard output went away (`signet ... | head`): not an error of ours, and
        # Python must not complain about it while it shuts down.
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _shielded(arguments: list[str]) -> list[str]:
    """Move `kid`s that begin with a dash behind `--`: one thumbprint in 64 looks like an option."""
    if "keys" not in arguments:
        return arguments
    kids = [word for word in arguments if _DASHED_KID.fullmatch(word)]
    if not kids or "--" in arguments:
        return arguments
    return [*(word for word in arguments if word not in kids), "--", *kids]


def keep_bytecode() -> None:
    """Keep compiled modules in our own cache where Python was told to keep none.

    Compiling the cloud SDKs takes longer than everything else that a run without changes does, and
    containers often set PYTHONDONTWRITEBYTECODE. What we start inherits the choice.
    """
    if sys.dont_write_bytecode and sys.pycache_prefix is None:
        folder = os.path.join(paths.cache_dir(), "bytecode")  # noqa: PTH118  start-up time
        sys.pycache_prefix = os.environ["PYTHONPYCACHEPREFIX"] = folder
        sys.dont_write_bytecode = False
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


def _dispatch(arguments: list[str]) -> int:
    name = next((word for word in arguments if not word.startswith("-")), None)
    if name is None or name not in COMMANDS:
        overview = _overview()
        if overview.parse_args(arguments, argparse.Namespace(json=False)).version:
            print(_version())
        else:
            overview.print_help()
        return 0
    module = _load(name)
    parser = _top()
    subparsers = parser.add_subparsers(dest="command", required=True, parser_class=Parser)
    module.add(subparsers)
    args = parser.parse_args(arguments, argparse.Namespace(json=False))
    return int(module.run(args))


def _load(name: str) -> ModuleType:
    path, _ = COMMANDS[name]
    return importlib.import_module(path)


def _top() -> Parser:
    return Parser(prog="signet", description=_DESCRIPTION, epilog=_EXAMPLE)


def _overview() -> Parser:
    parser = _top()
    parser.add_argument("--version", action="store_true", help="print the version")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", parser_class=Parser)
    for name, (_, text) in COMMANDS.items():
        commands.add_parser(name, help=text, add_help=False)
    return parser


def _version() -> str:
    from importlib.metadata import version

    return f"signet {version('signet')}"


if __name__ == "__main__":
    sys.exit(main())
