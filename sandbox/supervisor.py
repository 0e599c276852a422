"""Starts, stops and describes the sandbox.

Its folder is `<state>/sandbox`: `sandbox.json` (identity, ports, processes), `backend/` (the
state of its stacks, with the marker that no real backend has), `pulumi-home/` (its plugins),
`ministack/` (what the emulated AWS remembers), `tmp/` and `logs/`.
"""

from __future__ import annotations

import atexit
import fcntl
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sandbox import ministack, ministack_venv, ports, processes, pulumi_home, record
from sandbox.record import ProcessId, Record
from signet.engine import command, sandbox_marker
from signet.errors import CouldNotCheck, NegativeAnswer, RunFailed

Say = Callable[[str], None]

REGION = "us-east-1"
_FOLDER = "sandbox"
_RECORD = "sandbox.json"
_START_PATIENCE = 60.0
_STOP_PATIENCE = 15.0
_ANSWER_PATIENCE = 10.0
_LOG_TAIL = 2000

# Held for as long as this process lives: what outlives us on purpose is not a forgotten child.
_STARTED: list[subprocess.Popen[bytes]] = []


@atexit.register
def _let_go() -> None:
    """Reap what has ended, and own nothing else: Python complains of a child it still owns."""
    for process in _STARTED:
        if process.poll() is None:
            process.returncode = 0


@dataclass(frozen=True)
class Status:
    """The sandbox as it is now.

    `state`: `none` (never made), `stopped`, `running`, or `failing` (a process that does not
    answer). `memory`: whether the emulated clouds still hold what the stacks' state names.
    """

    folder: Path
    state: str
    id: str | None = None
    ports: Mapping[str, int] = field(default_factory=dict)
    pids: Mapping[str, int] = field(default_factory=dict)
    memory: str = "none"

    @property
    def running(self) -> bool:
        """Whether every service answers."""
        return self.state == "running"


def start(state_dir: Path, environ: Mapping[str, str] | None = None, say: Say = print) -> Status:
    """Start what does not run, and wait until it answers. One that runs is left as it is.

    Raises `NegativeAnswer` for a kept port in other hands, `RunFailed` when the emulator
    cannot be installed or ends at once.
    """
    env = os.environ if environ is None else environ
    folder = state_dir / _FOLDER
    with _alone(folder):
        told = record.load(folder / _RECORD) or record.new()
        sandbox_marker.write_marker(folder / "backend", told.id)
        pulumi_home.write(folder / "pulumi-home")
        process = told.processes.get(ministack.SERVICE)
        if process is not None and processes.alive(process):
            if _answers_soon(told):
                return _status(folder, told)
            say("the sandbox does not answer: starting it again")
            _end_all(folder, told)
        _sweep(folder, told)
        told = _with_port(folder, told, ministack.SERVICE)
        python = ministack_venv.ensure(env, say)
        say("starting the sandbox")
        told = _spawn(folder, told, python)
        record.save(folder / _RECORD, told)
        _await(folder, told)
        return _status(folder, told)


def stop(state_dir: Path, say: Say = print) -> Status:
    """End every process of the sandbox and remove its temporary files. Its memory stays."""
    folder = state_dir / _FOLDER
    if record.load(folder / _RECORD) is None:
        return Status(folder, "none")
    with _alone(folder):
        told = record.load(folder / _RECORD) or record.new()
        if any(processes.marked(told.id)):
            say("stopping the sandbox")
        _end_all(folder, told)
        told = told.without_process(ministack.SERVICE)
        record.save(folder / _RECORD, told)
        return _status(folder, told)


def forget(state_dir: Path, say: Say = print) -> None:
    """Stop the sandbox and remove all of it: memory, backend, ports."""
    stop(state_dir, say)
    shutil.rmtree(state_dir / _FOLDER, ignore_errors=True)


def status(state_dir: Path) -> Status:
    """The sandbox as it is now; starts and changes nothing."""
    folder = state_dir / _FOLDER
    told = record.load(folder / _RECORD)
    return Status(folder, "none") if told is None else _status(folder, told)


def require_running(state_dir: Path) -> Status:
    """The status of a sandbox that runs; raises `CouldNotCheck` that says how to start it."""
    now = status(state_dir)
    if not now.running:
        raise CouldNotCheck(
            {"none": "there is no sandbox yet", "stopped": "the sandbox is not running"}.get(
                now.state, "the sandbox does not answer"
            ),
            where=str(now.folder),
            remedy="run `signet sandbox start`",
        )
    return now


def environment(state_dir: Path, environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """The variables with which Pulumi, SDKs and `signet` work in this sandbox.

    Raises `CouldNotCheck` where there is no sandbox, `SettingsError` without a `pulumi`.
    """
    env = os.environ if environ is None else environ
    folder = (state_dir / _FOLDER).absolute()
    told = record.load(folder / _RECORD)
    if told is None or ministack.SERVICE not in told.ports:
        raise CouldNotCheck(
            "there is no sandbox yet", where=str(folder), remedy="run `signet sandbox start`"
        )
    return {
        "SIGNET_SANDBOX": str(folder),
        "PULUMI_HOME": str(folder / "pulumi-home"),
        "PULUMI_BACKEND_URL": f"file://{folder / 'backend'}",
        "PULUMI_CONFIG_PASSPHRASE": "",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{told.ports[ministack.SERVICE]}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": REGION,
        "PATH": _path(command.find(env).path.parent, env.get("PATH", os.defpath)),
    }


def _path(first: Path, path: str) -> str:
    rest = [part for part in path.split(os.pathsep) if part and part != str(first)]
    return os.pathsep.join([str(first), *rest])


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One command at a time may change the sandbox; a killed one's lock is gone with it."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)  # what the emulated KMS remembers holds its private keys
    with (folder / "lock").open("w", encoding="utf-8") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _status(folder: Path, told: Record) -> Status:
    process = told.processes.get(ministack.SERVICE)
    lives = process is not None and processes.alive(process)
    state = "stopped"
    if lives:
        state = "running" if ministack.serves(told.ports[ministack.SERVICE]) else "failing"
    return Status(
        folder=folder,
        state=state,
        id=told.id,
        ports=told.ports,
        pids={ministack.SERVICE: process.pid} if lives and process is not None else {},
        memory=_memory(folder),
    )


def _memory(folder: Path) -> str:
    """`lost` where stacks have a state and the emulator has nothing to match it."""
    if (folder / "ministack" / "state").is_dir():
        return "kept"
    stacks = folder / "backend" / ".pulumi" / "stacks"
    return "lost" if any(stacks.rglob("*.json")) else "none"


def _with_port(folder: Path, told: Record, service: str) -> Record:
    """The record with the service's port; a kept one in other hands is an error, not moved."""
    port = told.ports.get(service)
    if port is None:
        told = told.with_port(service, ports.allot(set(told.ports.values())))
        record.save(folder / _RECORD, told)
        return told
    if not ports.is_free(port):
        owner = processes.owner_of_port(port) or "another process"
        raise NegativeAnswer(
            f"port {port}, which this sandbox keeps for {service}, is in use by {owner}",
            where=str(folder / _RECORD),
            remedy="end that process and start again; or give the sandbox up with "
            "`signet sandbox stop --forget` and start a new one (the port stands in URLs and "
            "issuers, so it is not changed quietly)",
        )
    return told


def _spawn(folder: Path, told: Record, python: Path) -> Record:
    for name in ("tmp", "logs", "ministack"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    port = told.ports[ministack.SERVICE]
    with _log(folder).open("ab") as log:
        process = subprocess.Popen(
            ministack.command(python),
            env=ministack.environment(folder.absolute(), told.id, port),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    _STARTED.append(process)
    identity = processes.identify(process.pid)
    return told if identity is None else told.with_process(ministack.SERVICE, identity)


def _log(folder: Path) -> Path:
    return folder / "logs" / "ministack.log"


def _await(folder: Path, told: Record) -> None:
    process = told.processes.get(ministack.SERVICE)
    limit = time.monotonic() + _START_PATIENCE
    while time.monotonic() < limit:
        if process is None or not processes.alive(process):
            raise RunFailed(
                "the AWS emulator ended as soon as it was started",
                where=str(_log(folder)),
                remedy="read the end of its log above; `signet sandbox start` tries again",
                details=[_tail(_log(folder))],
            )
        if ministack.serves(told.ports[ministack.SERVICE]):
            return
        time.sleep(0.05)
    raise RunFailed(
        f"the AWS emulator does not answer after {_START_PATIENCE:.0f} s",
        where=str(_log(folder)),
        remedy="run `signet sandbox stop`, then `signet sandbox start`",
        details=[_tail(_log(folder))],
    )


def _tail(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")[-_LOG_TAIL:].strip()
    except OSError:
        return ""


def _answers_soon(told: Record) -> bool:
    limit = time.monotonic() + _ANSWER_PATIENCE
    while time.monotonic() < limit:
        if ministack.serves(told.ports[ministack.SERVICE]):
            return True
        time.sleep(0.1)
    return False


def _end_all(folder: Path, told: Record) -> None:
    """The servers first, in peace, so that they save; then what they left."""
    process: ProcessId | None = told.processes.get(ministack.SERVICE)
    if process is not None:
        processes.end(process, _STOP_PATIENCE)
    _sweep(folder, told)


def _sweep(folder: Path, told: Record) -> None:
    """Remove what a kill may have left: marked processes, and the folders of Lambda's workers."""
    for process in processes.marked(told.id):
        processes.end(process, 2.0)
    shutil.rmtree(folder / "tmp", ignore_errors=True)
