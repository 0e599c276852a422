"""Who holds a stack, and whether that owner still lives.

The engine locks a stack by a file that a killed run leaves behind
(`pkg/backend/diy/lock.go`: pid, username, hostname, timestamp). It is cleared only when it is
certain that nobody is behind it: its host is this one and its process is gone, or the process of
that number started after the lock was written.
"""

import contextlib
import datetime
import fcntl
import json
import os
import re
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

_SAID = re.compile(r"created by (.*?)@(\S+) \(pid (\d+)\) at (\S+)")

# A lock's time and a process's start are read from two clocks of the same machine.
_TOLERANCE = 2.0

_SETTLE = 0.5


class Owner(StrEnum):
    """What is known about who holds a lock."""

    ALIVE = "alive"
    DEAD = "dead"
    ELSEWHERE = "elsewhere"


@dataclass(frozen=True, kw_only=True)
class Lock:
    """One lock on a stack. `path` is its file, where the backend is a folder."""

    pid: int
    user: str
    host: str
    since: datetime.datetime
    path: Path | None = None

    def __str__(self) -> str:
        """Return who, where and since when."""
        since = self.since.astimezone().strftime("%Y-%m-%d %H:%M:%S")
        return f"{self.user}@{self.host} (process {self.pid}) since {since}"


def of_folder(backend: Path, project: str, stack: str) -> list[Lock]:
    """Return the locks of a stack whose backend is a folder.

    A file that is not a lock in the engine's form counts as held from elsewhere: nothing about
    its owner is known.
    """
    folder = backend / ".pulumi" / "locks" / "organization" / project / stack
    return [lock for path in sorted(folder.glob("*.json")) if (lock := _read(path))]


def of_message(said: str) -> list[Lock]:
    """Return the locks that the engine names when it finds a stack locked."""
    return [
        Lock(user=user, host=host, pid=int(pid), since=_time(since))
        for user, host, pid, since in _SAID.findall(said)
    ]


def owner(lock: Lock, *, host: str | None = None) -> Owner:
    """Return what is certain about a lock's owner. `host` is this machine's name."""
    if lock.host != (host or socket.gethostname()) or lock.pid <= 0:
        return Owner.ELSEWHERE
    begun = process_start(lock.pid)
    if begun is None or begun > lock.since.timestamp() + _TOLERANCE:
        return Owner.DEAD
    return Owner.ALIVE


def process_start(pid: int) -> float | None:
    """Return when a process of this machine began, in epoch seconds; None when there is none.

    A process that has ended but was not collected by its parent counts as gone. Where the start
    cannot be told (no `/proc`), a living process counts as old.
    """
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        pass
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        boot = re.search(r"^btime (\d+)$", Path("/proc/stat").read_text(encoding="utf-8"), re.M)
    except FileNotFoundError:
        return None if Path("/proc/self").exists() else 0.0
    if fields[0] in "ZX":
        return None
    ticks = int(fields[19]) / os.sysconf("SC_CLK_TCK")  # proc(5): starttime is field 22
    return int(boot[1]) + ticks if boot else 0.0


def remnants(lock: Lock) -> list[int]:
    """Return the processes that a dead run left: its plugins, which may still be at work.

    The engine is started as the leader of a session (`signet.engine.process`); its plugins move to
    process groups of their own, but stay in it. A session's number cannot be given away while a
    process is in it. Of a plain `pulumi up` from a shell nothing can be found this way.
    """
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError, ValueError, IndexError):
            # proc(5): after the name come state, parent, process group, session.
            fields = stat.read_text(encoding="utf-8").rpartition(")")[2].split()
            if int(fields[3]) == lock.pid and fields[0] not in "ZX":
                found.append(int(stat.parent.name))
    return found


def end_remnants(lock: Lock) -> None:
    """End the plugins that a dead run left.

    They get time to finish what they were asked to do in the cloud. But a plugin looks for its
    engine only every few minutes (Pulumi's `rpcutil.Healthcheck`), so then they are ended.
    Afterwards nothing more is begun, and what they made can be found.
    """
    if not remnants(lock):
        return
    for number, patience in ((0, 4.0), (signal.SIGTERM, 5.0), (signal.SIGKILL, 2.0)):
        for pid in remnants(lock) if number else ():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        end = time.monotonic() + patience
        while remnants(lock) and time.monotonic() < end:
            time.sleep(0.05)
    # What was sent to a cloud just before may still be taking effect there.
    time.sleep(_SETTLE)


def remove(path: Path) -> None:
    """Remove a lock's file, and the side file that the engine writes with it."""
    path.unlink(missing_ok=True)
    path.with_name(path.name + ".attrs").unlink(missing_ok=True)


@contextmanager
def turn(path: Path, *, until: float, waiting: Callable[[str], object]) -> Iterator[bool]:
    """Hold this machine's turn at a stack; the kernel gives it back when the process dies.

    Yields False when another process still had it at `until` (monotonic seconds). `waiting` is
    told once who has it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+", encoding="utf-8") as file:
        told = False
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= until:
                    yield False
                    return
                if not told:
                    file.seek(0)
                    waiting(file.read().strip() or "another process")
                    told = True
                time.sleep(0.5)
            else:
                break
        file.truncate(0)
        file.write(f"process {os.getpid()} on this machine")
        file.flush()
        yield True


def _read(path: Path) -> Lock | None:
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        return Lock(
            pid=int(told["pid"]),
            user=str(told["username"]),
            host=str(told["hostname"]),
            since=_time(str(told["timestamp"])),
            path=path,
        )
    except FileNotFoundError:
        return None  # Released between the listing and the reading.
    except (OSError, ValueError, KeyError, TypeError):
        return Lock(pid=0, user="unknown", host="unknown", since=_time(""), path=path)


def _time(text: str) -> datetime.datetime:
    # Go prints nanoseconds; Python's parser takes six digits at most.
    trimmed = re.sub(r"(\.\d{6})\d+", r"\1", text)
    try:
        return datetime.datetime.fromisoformat(trimmed)
    except ValueError:
        return datetime.datetime.fromtimestamp(0, datetime.UTC)
