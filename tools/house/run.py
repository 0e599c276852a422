"""Running other programs: always bounded, always watched, never with a standard input."""

import os
import selectors
import signal
import subprocess
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_KEPT_LINES = 60
_GRACE = 5.0


@dataclass(frozen=True)
class Outcome:
    """How a program ended: its exit code (None when the time limit ended it) and last lines."""

    code: int | None
    tail: str

    @property
    def ok(self) -> bool:
        """True when the program ended by itself with 0."""
        return self.code == 0


def watch(
    command: Sequence[str],
    *,
    env: Mapping[str, str],
    cwd: Path,
    limit: float,
    on_line: Callable[[str], None] = lambda _line: None,
) -> Outcome:
    """Run `command` for at most `limit` seconds; give `on_line` each line, and "" every 0.2 s.

    The program gets a process group of its own, so that its children end with it, also when
    this process is interrupted.
    """
    tail: deque[str] = deque(maxlen=_KEPT_LINES)
    deadline = time.monotonic() + limit
    process = subprocess.Popen(
        list(command),
        env=dict(env),
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    assert process.stdout is not None  # noqa: S101 -- PIPE above
    pipe = process.stdout.fileno()
    os.set_blocking(pipe, False)
    pending = b""
    try:
        with selectors.DefaultSelector() as selector:
            selector.register(pipe, selectors.EVENT_READ)
            while True:
                if time.monotonic() > deadline:
                    return Outcome(None, "\n".join(tail))
                if not selector.select(timeout=0.2):
                    on_line("")
                    continue
                chunk = os.read(pipe, 65536)
                *lines, pending = (pending + chunk).split(b"\n")
                if not chunk and pending:
                    lines, pending = [pending], b""
                for raw in lines:
                    line = raw.decode("utf-8", "replace").rstrip()
                    tail.append(line)
                    on_line(line)
                if not chunk:
                    return Outcome(process.wait(timeout=_GRACE), "\n".join(tail))
    finally:
        _end(process)


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End the whole group if its leader still runs."""
    if process.stdout is not None:
        process.stdout.close()
    for number in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is not None:
            return
        os.killpg(process.pid, number)
        try:
            process.wait(timeout=_GRACE)
        except subprocess.TimeoutExpired:
            continue


def output(command: Sequence[str], *, env: Mapping[str, str], limit: float = 20.0) -> str | None:
    """Return what `command` printed, or None when it failed, is missing or took too long."""
    try:
        done = subprocess.run(
            list(command),
            env=dict(env),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=limit,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
