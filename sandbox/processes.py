"""Processes of the sandbox, told apart for certain from everybody else's. Linux only (`/proc`).

A server carries the sandbox's id in its environment, and what it starts inherits that: so what a
kill left behind is found without guessing by name.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from sandbox.record import ProcessId

MARK = "SIGNET_SANDBOX_SERVER"
_PROC = Path("/proc")
_START_TIME = 19  # field 22 of proc(5) stat, counted after the command's closing parenthesis


def identify(pid: int) -> ProcessId | None:
    """The process with this id as it is now, `None` where there is none (or only its remains)."""
    try:
        stat = (_PROC / str(pid) / "stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()
    if fields[0] in ("Z", "X"):
        return None
    return ProcessId(pid, int(fields[_START_TIME]), boot_id())


def boot_id() -> str:
    """Which boot of the machine this is: process ids and start times begin anew with each."""
    return (_PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def alive(process: ProcessId) -> bool:
    """Whether this very process still runs."""
    return identify(process.pid) == process


def marked(sandbox_id: str) -> Iterator[ProcessId]:
    """Every process that carries this sandbox's id."""
    wanted = f"{MARK}={sandbox_id}".encode()
    for folder in _PROC.iterdir():
        if not folder.name.isdigit():
            continue
        with suppress(OSError):
            if wanted in (folder / "environ").read_bytes().split(b"\0"):
                process = identify(int(folder.name))
                if process is not None:
                    yield process


def end(process: ProcessId, patience: float) -> None:
    """End a process: asked first, killed when it has not gone after `patience` seconds."""
    for number, wait in ((signal.SIGTERM, patience), (signal.SIGKILL, 5.0)):
        if not alive(process):
            return
        with suppress(ProcessLookupError):
            os.kill(process.pid, number)
        limit = time.monotonic() + wait
        while time.monotonic() < limit:
            _reap(process.pid)
            if not alive(process):
                return
            time.sleep(0.05)


def _reap(pid: int) -> None:
    """Collect it where it is our own child: a long-lived caller must not keep its remains."""
    with suppress(ChildProcessError, OSError):
        os.waitpid(pid, os.WNOHANG)


def owner_of_port(port: int) -> str | None:
    """Who listens on a port of this machine, as `name (process 123)`, where that can be known."""
    inodes = set(_listening_inodes(port))
    if not inodes:
        return None
    for folder in _PROC.iterdir():
        if not folder.name.isdigit():
            continue
        with suppress(OSError):
            for link in (folder / "fd").iterdir():
                if str(link.readlink()) in inodes:
                    name = (folder / "comm").read_text(encoding="utf-8").strip()
                    return f"{name} (process {folder.name})"
    return None


def _listening_inodes(port: int) -> Iterator[str]:
    wanted, listening = f":{port:04X}", "0A"
    for table in ("net/tcp", "net/tcp6"):
        with suppress(OSError):
            for line in (_PROC / table).read_text(encoding="ascii").splitlines()[1:]:
                fields = line.split()
                if fields[1].endswith(wanted) and fields[3] == listening:
                    yield f"socket:[{fields[9]}]"
