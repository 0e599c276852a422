"""Real gateways and the validator's own server, each a process on free ports of this machine."""

import http.client
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

_ROOT = Path(__file__).parents[2]
PINNED_CLOCK = Path(__file__).with_name("pinned_clock")
_START_SECONDS = 20.0


def program(name: str) -> str | None:
    """The path of `envoy`, `caddy`, `traefik` (this environment's) or `nginx` (the system's)."""
    places = os.pathsep.join(
        [str(Path(sys.executable).parent), os.environ.get("PATH", ""), "/usr/sbin"]
    )
    return shutil.which(name, path=places)


def free_port() -> int:
    """A port that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(
    command: Sequence[str], port: int, log: Path, *, environment: Mapping[str, str] | None = None
) -> Iterator["subprocess.Popen[bytes]"]:
    """A process that listens on `port`, ended with the block; its output goes to `log`."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    with log.open("ab") as output:
        process = subprocess.Popen(
            list(command),
            cwd=_ROOT,
            env={**kept, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            _await(process, port, log)
            yield process
        finally:
            process.terminate()
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _await(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        if process.poll() is not None:
            break
        time.sleep(0.02)
    raise RuntimeError(
        f"{process.args!r} does not listen: {log.read_text(errors='replace')[-2000:]}"
    )


def send(
    port: int,
    target: str,
    headers: Sequence[tuple[bytes, bytes]],
    method: str = "GET",
    host: str = "api.signet.invalid",
) -> tuple[int, http.client.HTTPMessage, bytes]:
    """One request, with header values as octets that no client library has looked at."""
    head = f"{method} {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n".encode()
    lines = b"".join(name + b": " + value + b"\r\n" for name, value in headers)
    with socket.create_connection(("127.0.0.1", port), timeout=90) as connection:
        with suppress(OSError):  # It may answer and close before it has read everything.
            connection.sendall(head + lines + b"\r\n")
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        return answer.status, answer.headers, answer.read()


@contextmanager
def validator_server(
    port: int, proxy: str, settings: Path, log: Path, *, now: float | None = None
) -> Iterator[None]:
    """The validator's own server as Cloud Run starts it; with `now`, under a clock that stands."""
    environment = {
        "PORT": str(port),
        "SIGNET_LISTEN": "127.0.0.1",
        "SIGNET_PROXY": proxy,
        "SIGNET_SETTINGS_FILE": str(settings),
    }
    if now is not None:
        environment |= {"PYTHONPATH": str(PINNED_CLOCK), "CASES_NOW": repr(now)}
    command = [sys.executable, "-m", "validator_functions.cloud_run"]
    with running(command, port, log, environment=environment):
        yield
