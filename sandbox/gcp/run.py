"""Cloud Run services of the fake: each is a process of its own, from its unpacked code alone.

The service's command, arguments and variables are used as they are, with three differences: a
command `python3` is this machine's Python without its site-packages, `PORT` is a loopback port of
the revision's own, behind the one that the service keeps (`front`), and `SIGNET_LISTEN` keeps it on
loopback.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path

from sandbox import ports
from sandbox.gcp.front import Front
from sandbox.gcp.http import Refusal
from sandbox.gcp.memory import Memory
from sandbox.gcp.registry import Registry
from sandbox.gcp.revision import Revision, revision

_PATIENCE = 30.0
_GRACE = 10.0
_CHECK_SECONDS = 0.02
_DRAIN = 2.0
"""Seconds for which an old revision's connections may end by themselves."""


class Services:
    """Starts, replaces and ends the processes of services."""

    def __init__(self, memory: Memory, registry: Registry, environment: Mapping[str, str]) -> None:
        self._memory = memory
        self._registry = registry
        self._environment = dict(environment)
        self._running: dict[str, tuple[subprocess.Popen[bytes], int]] = {}
        """By service: its process, and the port that it listens on."""
        self._tried: set[str] = set()
        """Sources of which a process has listened: the next service from one need not show it."""
        self._fronts: dict[str, Front] = {}
        self._lock = threading.RLock()

    def resume(self) -> None:
        """Answer for every service that was there when the fake ended."""
        with self._lock:
            for place in self._memory.below("service:"):
                self._answer(place.removeprefix("service:"))

    def deploy(self, name: str) -> None:
        """Let a service be as its resource now says; the old revision serves until it is ready.

        Services scale to zero: one that nobody asked since has no process ("About instance
        autoscaling"), unless nothing has shown yet that its source can be started.
        """
        wanted = self._revision(name)
        with self._lock:
            self._answer(name)
            before = self._running.pop(name, None)
            if before is None and wanted.folder.name in self._tried:
                return
            try:
                _, port = self._running[name] = self._started(name, wanted)
            except Refusal:
                if before is not None:
                    self._running[name] = before
                raise
            self._fronts[name].switch(port, _DRAIN)
            if before is not None:
                _end(before[0])

    def _answer(self, name: str) -> None:
        """Take connections to a service, the first of which starts it."""
        if name not in self._fronts:
            self._fronts[name] = Front(self.port(name), lambda: self._woken(name))

    def _woken(self, name: str) -> int:
        """Return the port of a service's process, started if it has none."""
        with self._lock:
            if name not in self._running:
                self._running[name] = self._started(name, self._revision(name))
            return self._running[name][1]

    def _revision(self, name: str) -> Revision:
        """Return what a service runs, as its resource now says."""
        found = self._memory.get(f"service:{name}")
        if found is None:
            raise Refusal(404, "NOT_FOUND", name)
        container = found["inputs"]["template"]["containers"][0]
        return revision(container, self._memory, self._registry)

    def _started(self, name: str, wanted: Revision) -> tuple[subprocess.Popen[bytes], int]:
        port = ports.allot(self._memory.ports())
        process = self._start(name, wanted, port)
        self._tried.add(wanted.folder.name)
        return process, port

    def remove(self, name: str) -> None:
        """End a service."""
        with self._lock:
            self._end(name)

    def end(self) -> None:
        """End every service."""
        with self._lock:
            for name in list(self._fronts):
                self._end(name)

    def port(self, name: str) -> int:
        """The loopback port that a service keeps."""
        return self._memory.port(f"service:{name}", ports.allot(self._memory.ports()))

    def log(self, name: str) -> Path:
        """Where a service's log lines are."""
        return self._memory.folder / "logs" / f"{Path(name).name}.log"

    def _start(self, name: str, wanted: Revision, port: int) -> subprocess.Popen[bytes]:
        own = {"PORT": str(port), "SIGNET_LISTEN": "127.0.0.1", "K_SERVICE": Path(name).name}
        command = list(wanted.command)
        if command[:1] == ["python3"]:
            # -S: no site-packages; the folder that it starts in is then all that it can import.
            command = [sys.executable, "-S", "-B", *command[1:]]
        process = subprocess.Popen(
            command,
            cwd=wanted.folder,
            env={**self._environment, **wanted.variables, **own},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        threading.Thread(target=self._keep_log, args=(name, process), daemon=True).start()
        self._await(name, process, port)
        return process

    def _keep_log(self, name: str, process: subprocess.Popen[bytes]) -> None:
        """Write each line with its time, as Cloud Logging would (`signet.probing.decision_log`)."""
        if process.stdout is None:
            return
        with process.stdout as said, self.log(name).open("ab", buffering=0) as log:
            for line in said:
                log.write(f"{time.time_ns() // 1_000_000} ".encode() + line)

    def _await(self, name: str, process: subprocess.Popen[bytes], port: int) -> None:
        limit = time.monotonic() + _PATIENCE
        while time.monotonic() < limit and process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
            except OSError:
                time.sleep(_CHECK_SECONDS)
            else:
                return
        process.kill()
        process.wait()
        try:
            said = self.log(name).read_text(encoding="utf-8", errors="replace")[-500:]
        except OSError:
            said = "it said nothing"
        raise Refusal(400, "FAILED_PRECONDITION", f"the container did not listen on PORT: {said}")

    def _end(self, name: str) -> None:
        if (front := self._fronts.pop(name, None)) is not None:
            front.close()
        if (running := self._running.pop(name, None)) is not None:
            _end(running[0])


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_GRACE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
