"""The virtual environment in which ministack lives alone.

Its Lambda runs in this environment and sees its packages, so nothing else may be installed there.
Kept in the machine's cache under the lock's hash: made once, and anew when the lock changes.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from sandbox.service import Say
from signet import paths
from signet.errors import RunFailed

_DONE = "complete"
_PATIENCE = 600.0


def lock_file() -> Path:
    """The hash-pinned list of what is installed."""
    return paths.repo_root() / "requirements" / "sandbox.txt"


def place(environ: Mapping[str, str]) -> Path:
    """Where the environment for today's lock and today's Python is, or will be."""
    digest = hashlib.sha256(lock_file().read_bytes()).hexdigest()[:16]
    python = f"py{sys.version_info.major}{sys.version_info.minor}"
    return paths.cache_dir(environ) / "sandbox" / f"ministack-{digest}-{python}"


def ensure(environ: Mapping[str, str], say: Say) -> Path:
    """The environment's Python, made first where it is missing. Two commands may call it at once.

    Raises `RunFailed` when it cannot be made.
    """
    folder = place(environ)
    python = folder / "bin" / "python"
    if (folder / _DONE).is_file() and python.exists():
        return python
    with _alone(folder.with_suffix(".lock")):
        if (folder / _DONE).is_file() and python.exists():
            return python
        say("installing the AWS emulator (once for this machine)")
        shutil.rmtree(folder, ignore_errors=True)
        for command in _commands(folder, environ):
            _run(command, environ)
        (folder / _DONE).write_text("", encoding="utf-8")
    return python


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w", encoding="utf-8") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _base_python() -> str:
    """The interpreter below our own environment."""
    return str(getattr(sys, "_base_executable", None) or sys.executable)


def _commands(folder: Path, environ: Mapping[str, str]) -> list[list[str]]:
    uv, python, lock = find_uv(environ), str(folder / "bin" / "python"), str(lock_file())
    if uv is not None:
        return [
            [uv, "venv", "--quiet", "--python", _base_python(), str(folder)],
            [uv, "pip", "install", "--quiet", "--require-hashes", "--python", python, "-r", lock],
        ]
    return [
        [_base_python(), "-m", "venv", str(folder)],
        [python, "-m", "pip", "install", "--quiet", "--require-hashes", "-r", lock],
    ]


def find_uv(environ: Mapping[str, str]) -> str | None:
    """The `uv` command: as told, beside our Python, as set-up cached it, or on PATH."""
    named = environ.get("SIGNET_UV")
    cached = sorted((paths.cache_dir(environ) / "tools").glob("uv-*/bin/uv"))
    beside = paths.repo_root() / ".venv" / "bin" / "uv"
    for candidate in [*([Path(named)] if named else []), beside, *cached]:
        if os.access(candidate, os.X_OK):
            return str(candidate)
    return shutil.which("uv", path=environ.get("PATH"))


def _run(command: list[str], environ: Mapping[str, str]) -> None:
    clean = {k: v for k, v in environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV")}
    try:
        subprocess.run(
            command, env=clean, capture_output=True, text=True, timeout=_PATIENCE, check=True
        )
    except (OSError, subprocess.SubprocessError) as error:
        told = getattr(error, "stderr", None) or str(error)
        raise RunFailed(
            "the AWS emulator could not be installed",
            where=" ".join(command),
            remedy="it comes from the Python package index: see that pip or uv reaches one, "
            "then run the command again",
            details=[str(told).strip()[-2000:]],
        ) from error
