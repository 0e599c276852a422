"""Function apps of the fake: each runs as a process of its own, from its unpacked bundle alone."""

from __future__ import annotations

import hashlib
import http.client
import io
import os
import subprocess
import sys
import threading
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sandbox.azure.http import Refusal
from sandbox.azure.memory import Memory
from sandbox.fakes import unpacked
from sandbox.fakes.http import Asked, Said
from sandbox.processes import MARK

_HOST = Path(__file__).with_name("function_host.py")
_PATIENCE = 30.0
_UNAVAILABLE, _GATEWAY = 503, 502
_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length"})


@dataclass(frozen=True)
class Running:
    """One process of an app, and the loopback port that it told."""

    process: subprocess.Popen[str]
    port: int


class Apps:
    """Starts, replaces and asks the processes of function apps."""

    def __init__(self, memory: Memory, environment: Mapping[str, str]) -> None:
        self._memory = memory
        self._environment = dict(environment)
        self._running: dict[str, Running] = {}
        self._lock = threading.RLock()
        self._tried: set[str] = set()
        """Bundles of which an app has answered: the next app from one need not show it."""
        self._bundles = memory.folder / "apps"
        """Each unpacked once, however many apps run from it."""

    def deploy(self, app: str, package: bytes) -> None:
        """Unpack a bundle for the app, which runs from it as soon as somebody asks.

        One that runs already is replaced: the one before serves until the new one answers.
        """
        digest = hashlib.sha256(package).hexdigest()
        unpacked.folder(
            self._bundles,
            digest,
            lambda draft: zipfile.ZipFile(io.BytesIO(package)).extractall(draft),
        )
        with self._memory.drafted() as told:
            told["resources"][f"app:{app}"]["package"] = digest
        self.restart(app)

    def restart(self, app: str) -> None:
        """Replace the app's process, if it has one, by one with the settings as they are now.

        Functions scale to zero: an app that nobody has asked since has none ("Event-driven
        scaling in Azure Functions"), unless nothing has shown yet that its bundle can be started.
        """
        with self._lock:
            if app not in self._running and self._package(app) in self._tried:
                return
            made = self._start(app)
            before = self._running.pop(app, None)
            if made is not None:
                self._running[app] = made
            if before is not None:
                _end(before)

    def remove(self, app: str) -> None:
        """End an app."""
        with self._lock:
            before = self._running.pop(app, None)
            if before is not None:
                _end(before)

    def end(self) -> None:
        """End every app."""
        with self._lock:
            for each in self._running.values():
                _end(each)
            self._running.clear()

    def log(self, app: str) -> Path:
        """Where an app's log lines are."""
        return self._memory.folder / "logs" / f"{app}.log"

    def answer(self, app: str, asked: Asked) -> Said:
        """Pass a request on to an app."""
        with self._memory.looked_at() as told:
            known = f"app:{app}" in told["resources"]
        if not known:
            raise Refusal(404, "Not Found", f"no app {app}")
        running = self._process(app)
        if running is None:
            raise Refusal(_UNAVAILABLE, "Function host is not running.")
        connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=_PATIENCE)
        try:
            connection.request(asked.method, asked.target, asked.body or None, dict(asked.headers))
            answer = connection.getresponse()
            body = answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise Refusal(_GATEWAY, "BadGateway", type(error).__name__) from error
        finally:
            connection.close()
        kept = {n: v for n, v in answer.getheaders() if n.lower() not in _HOP}
        return Said(answer.status, kept, body)

    def _process(self, app: str) -> Running | None:
        with self._lock:
            found = self._running.get(app)
            if found is None or found.process.poll() is not None:
                found = self._start(app)
                if found is not None:
                    self._running[app] = found
            return found

    def _package(self, app: str) -> str | None:
        with self._memory.looked_at() as told:
            digest: str | None = told["resources"][f"app:{app}"].get("package")
            return digest

    def _start(self, app: str) -> Running | None:
        with self._memory.looked_at() as told:
            resource = told["resources"][f"app:{app}"]
        digest = resource.get("package")
        if digest is None:
            return None
        site = resource["inputs"].get("siteConfig") or {}
        settings = {each["name"]: each["value"] for each in site.get("appSettings") or []}
        folder = self._bundles / digest
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(_HOST), str(folder), str(self.log(app))],
            cwd=folder,
            env={**self._environment, **settings, "WEBSITE_SITE_NAME": app},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        )
        running = Running(process, _port_of(process))
        self._tried.add(digest)
        return running


def _port_of(process: subprocess.Popen[str]) -> int:
    timer = threading.Timer(_PATIENCE, process.kill)
    timer.start()
    try:
        line = process.stdout.readline() if process.stdout else ""
    finally:
        timer.cancel()
    if not line.strip().isdecimal():
        process.kill()
        process.wait()
        raise Refusal(_UNAVAILABLE, "HostNotStarted", "the function app did not start; see its log")
    return int(line)


def _end(running: Running) -> None:
    running.process.terminate()
    try:
        running.process.wait(5)
    except subprocess.TimeoutExpired:
        running.process.kill()
        running.process.wait()
    if running.process.stdout is not None:
        running.process.stdout.close()


def base_environment(identity_endpoint: str, identity_header: str) -> dict[str, str]:
    """What every app gets to see besides its own settings."""
    return {
        MARK: os.environ.get(MARK, ""),
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "IDENTITY_ENDPOINT": identity_endpoint,
        "IDENTITY_HEADER": identity_header,
        "PYTHONDONTWRITEBYTECODE": "1",
    }
