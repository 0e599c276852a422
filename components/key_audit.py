"""Appends key events to this machine's audit file, and in a pipeline to its job's log as well.

The file is where an operator looks first; a pipeline's machine is thrown away
(`docs/rotation.md` says how to keep its file).
"""

import os
from collections.abc import Callable, Iterable
from pathlib import Path

from signet import paths


def append(
    stack: str,
    lines: Iterable[str],
    *,
    say: Callable[[str], object] | None,
    warn: Callable[[str], object],
    path: Path | None = None,
) -> None:
    """Append whole lines, durably; each goes to `say` too, where there is somebody to tell.

    A file that cannot be written is told, and stops nothing.

    One `write` in append mode: two commands at once never mix their lines (open(2), O_APPEND).
    """
    told = list(lines)
    if not told:
        return
    if say is not None:
        for line in told:
            say(f"audit: {line}")
    where = path or paths.key_audit_file(stack)
    try:
        where.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(where, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(handle, "".join(f"{line}\n" for line in told).encode())
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError as error:
        lost = "\n".join(told)
        warn(f"the audit file {where} cannot be written ({error.strerror}); keep this:\n{lost}")
