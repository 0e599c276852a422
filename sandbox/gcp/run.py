"""Cloud Run services of the fake: each is a process of its own, from its unpacked source alone.

The service's command, arguments and variables are used as they are, with three differences: a
command `python3` is this machine's Python without its site-packages, `PORT` is a loopback port of
the revision's own, behind the one that the service keeps (`front`), and `SIGNET_LISTEN` keeps it on
loopback.
"""

from __future__ import annotations

import io
import shutil
import socket
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sandbox import ports
from sandbox.gcp.front import Front
from sandbox.gcp.http import Refusal
from sandbox.gcp.memory import Memory

_PATIENCE = 30.0
_GRACE = 10.0
_CHECK_SECONDS = 0.02
_DRAIN = 2.0
"""Seconds for which an old revision's connections may end by themselves."""


class Services:
    """Starts, replaces and ends the processes of services."""

    def __init__(self, memory: Memory, environment: Mapping[str, str]) -> None:
        self._memory = memory
        self._environment = dict(environment)
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._fronts: dict[str, Front] = {}
        self._lock = threading.RLock()

    def resume(self) -> None:
        """Start every service that was there when the fake ended."""
        for place in self._memory.below("service:"):
            self.deploy(place.removeprefix("service:"))

    def deploy(self, name: str) -> None:
        """Run a service as its resource now says; the old revision serves until it is ready."""
        found = self._memory.get(f"service:{name}")
        if found is None:
            raise Refusal(404, "NOT_FOUND", name)
        container = found["inputs"]["template"]["containers"][0]
        source = container["sourceCode"]["cloudStorageSource"]
        folder = self._unpacked(name, source)
        with self._lock:
            own = ports.allot(self._memory.ports())
            process = self._start(name, folder, container, own)
            before = self._running.pop(name, None)
            self._running[name] = process
            if name in self._fronts:
                self._fronts[name].switch(own, _DRAIN)
            else:
                self._fronts[name] = Front(self.port(name), own)
            _end(before)

    def remove(self, name: str) -> None:
        """End a service and remove what it ran from."""
        with self._lock:
            self._end(name)
        shutil.rmtree(self._folder(name), ignore_errors=True)

    def end(self) -> None:
        """End every service."""
        with self._lock:
            for name in list(self._running):
                self._end(name)

    def port(self, name: str) -> int:
        """The loopback port that a service keeps."""
        return self._memory.port(f"service:{name}", ports.allot(self._memory.ports()))

    def log(self, name: str) -> Path:
        """Where a service's log lines are."""
        return self._memory.folder / "logs" / f"{Path(name).name}.log"

    def _folder(self, name: str) -> Path:
        return self._memory.folder / "services" / name.replace("/", "-")

    def _unpacked(self, name: str, source: Mapping[str, Any]) -> Path:
        found = self._memory.get(f"object:{source['bucket']}/{source['object']}")
        if found is None:
            raise Refusal(400, "FAILED_PRECONDITION", f"no source at {source['object']}")
        digest = str(found["stored"]["content"])
        folder = self._folder(name) / digest
        if not folder.is_dir():
            draft = folder.with_name(f".{digest}")
            shutil.rmtree(draft, ignore_errors=True)
            draft.mkdir(parents=True)
            with tarfile.open(fileobj=io.BytesIO(self._memory.content(digest)), mode="r:gz") as tar:
                tar.extractall(draft, filter="data")
            draft.rename(folder)
        return folder

    def _start(
        self, name: str, folder: Path, container: Mapping[str, Any], port: int
    ) -> subprocess.Popen[bytes]:
        variables = {each["name"]: each.get("value", "") for each in container.get("envs") or []}
        own = {"PORT": str(port), "SIGNET_LISTEN": "127.0.0.1", "K_SERVICE": Path(name).name}
        command = [*(container.get("commands") or []), *(container.get("args") or [])]
        if command[:1] == ["python3"]:
            # -S: no site-packages; the folder that it starts in is then all that it can import.
            command = [sys.executable, "-S", "-B", *command[1:]]
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**self._environment, **variables, **own},
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
        _end(self._running.pop(name, None))


def _end(process: subprocess.Popen[bytes] | None) -> None:
    if process is None:
        return
    process.terminate()
    try:
        process.wait(_GRACE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
