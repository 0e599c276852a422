"""Runs the whole matrix, prints it and writes `docs/runtimes.md`; exit code 1 on a difference.

python -m tests.runtimes [--without-sandbox]
"""

import logging
import shutil
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from signet.paths import repo_root

from .deployed import all_cases
from .emulator import emulator
from .matrix import Column, render, run
from .page import write
from .programs import free_port, program
from .proxies import PROXIES
from .runtimes import CloudRun, Function, Host, Lambda, Module, unpacked
from .sandbox_gateways import SandboxGateways

_AT_ONCE = 4
_EMULATORS = 3


def main() -> int:
    """Run it; say what was skipped."""
    missing = [kind.program for kind in PROXIES.values() if program(kind.program) is None]
    if missing:
        sys.stderr.write(f"not installed, so their columns are missing: {', '.join(missing)}\n")
    groups, barred = all_cases()
    folder = Path(tempfile.mkdtemp(prefix="signet-matrix-"))
    try:
        with ExitStack() as stack:
            columns = run(
                _hosts(stack, folder),
                groups,
                folder,
                f"http://127.0.0.1:{free_port()}/jwks.json",
                at_once=_AT_ONCE,
                say=_say,
            )
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    text = render(columns, groups, barred)
    sys.stdout.write(text)
    return _end(columns, text, complete=not missing and "--without-sandbox" not in sys.argv)


def _hosts(stack: ExitStack, folder: Path) -> list[Host | Sequence[Host]]:
    hosts: list[Host | Sequence[Host]] = [
        Module(),
        Lambda(
            {
                "Lambda, TOKEN": "rest-token",
                "Lambda, REQUEST": "rest-request",
                "Lambda, HTTP simple": "http",
            }
        ),
        Lambda({"Lambda, HTTP IAM": "http-iam"}, iam=True),
    ]
    if "--without-sandbox" not in sys.argv:
        # First of those that take long: they take longest, and mostly wait.
        ports = [
            stack.enter_context(emulator(folder / f"emulator-{number}"))
            for number in range(_EMULATORS)
        ]
        bundle = unpacked(folder / "bundle")
        hosts.insert(1, [SandboxGateways(port, bundle) for port in ports])
    return [*hosts, Function(folder), *stack.enter_context(CloudRun.all(folder))]


def _end(columns: list[Column], text: str, *, complete: bool) -> int:
    differences = [f"{c.name}: {each}" for c in columns for each in c.differences]
    if differences:
        sys.stderr.write("\n".join(["", "DIFFERENCES", *differences, ""]))
        return 1
    if complete:
        write(repo_root(), text)
        sys.stderr.write("no difference; written to docs/runtimes.md\n")
    else:
        sys.stderr.write("no difference; a part was left out, so nothing is written\n")
    return 0


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    sys.exit(main())
