"""Starts, stops and describes the sandbox.

Its folder is `<state>/sandbox`: `sandbox.json` (identity, ports, processes), `backend/` (the
state of its stacks, with the marker that no real backend has), `pulumi-home/` (its plugins),
`ministack/` (what the emulated AWS remembers), `azure/` and `gcp/` (what the fakes do), `tmp/`
and `logs/`.
"""

from __future__ import annotations

import atexit
import fcntl
import os
import shutil
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sandbox import ministack, ports, processes, pulumi_home, record
from sandbox.azure import service as azure
from sandbox.gcp import service as gcp
from sandbox.record import Record
from sandbox.service import Say, Service
from signet.engine import command, sandbox_marker
from signet.errors import CouldNotCheck, NegativeAnswer, RunFailed

SERVICES = (ministack.SERVICE, azure.SERVICE, gcp.SERVICE)
CLOUDS = tuple(service.name for service in SERVICES)

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


def start(
    state_dir: Path,
    environ: Mapping[str, str] | None = None,
    say: Say = print,
    clouds: Iterable[str] = CLOUDS,
) -> Status:
    """Start what does not run of these clouds, and wait until it answers; the others stay out.

    One that runs is left as it is. One that this sandbox ever started counts as asked for, because
    a stack's state may name what it holds. Raises `NegativeAnswer` for a kept port in other hands,
    `RunFailed` when the emulator cannot be installed or ends at once.
    """
    env = os.environ if environ is None else environ
    folder = state_dir / _FOLDER
    with _alone(folder):
        told = record.load(folder / _RECORD) or record.new()
        sandbox_marker.write_marker(folder / "backend", told.id)
        pulumi_home.write(folder / "pulumi-home")
        asked = {*clouds, *told.used}
        wanted = [each for each in SERVICES if each.name in asked]
        missing = wanted
        if told.processes and all(_lives(told, each) for each in _started(told)):
            if _answer_soon(told):
                missing = [each for each in wanted if each.name not in told.processes]
                if not missing:
                    return _status(folder, told)
            else:
                say("the sandbox does not answer: starting it again")
        if missing == wanted:
            _end_all(folder, told)
        for service in SERVICES:
            for name in (service.name, *service.also):
                told = _with_port(folder, told, name, free=service in missing)
        commands = [(service, service.prepare(env, say)) for service in missing]
        say("starting the sandbox" if missing == wanted else _starting(missing))
        for service, arguments in commands:
            told = _spawn(folder, told, service, arguments)
            record.save(folder / _RECORD, told)
        for service in missing:
            _await(folder, told, service)
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
        for service in SERVICES:
            told = told.without_process(service.name)
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
    if told is None or any(service.name not in told.ports for service in SERVICES):
        raise CouldNotCheck(
            "there is no sandbox yet", where=str(folder), remedy="run `signet sandbox start`"
        )
    return {
        "SIGNET_SANDBOX": str(folder),
        "PULUMI_HOME": str(folder / "pulumi-home"),
        "PULUMI_BACKEND_URL": sandbox_marker.backend_url(folder / "backend"),
        "PULUMI_CONFIG_PASSPHRASE": "",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{told.ports['aws']}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": REGION,
        # Its certificates are there once it was started.
        **(
            azure.client_environment(folder, told.id, told.ports["azure"])
            if azure.FOLDER in told.used
            else {}
        ),
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


def _lives(told: Record, service: Service) -> bool:
    process = told.processes.get(service.name)
    return process is not None and processes.alive(process)


def _started(told: Record) -> list[Service]:
    """What the last starts started, and nothing has stopped on purpose."""
    return [service for service in SERVICES if service.name in told.processes]


def _starting(services: Iterable[Service]) -> str:
    return f"starting {' and '.join(service.name for service in services)} in the sandbox"


def _answers(told: Record) -> bool:
    return all(service.serves(told.ports[service.name]) for service in _started(told))


def _status(folder: Path, told: Record) -> Status:
    living = [service.name for service in SERVICES if _lives(told, service)]
    state = "stopped"
    if living:
        whole = len(living) == len(_started(told))
        state = "running" if whole and _answers(told) else "failing"
    return Status(
        folder=folder,
        state=state,
        id=told.id,
        ports=told.ports,
        pids={name: told.processes[name].pid for name in living},
        memory=_memory(folder, told),
    )


def _memory(folder: Path, told: Record) -> str:
    """`lost` where stacks have a state and an emulator has nothing to match it.

    An emulator that this sandbox never started before has lost nothing, and one that lives has what
    it never had to write down.
    """
    known = [service for service in SERVICES if service.name in told.used]
    if known and all(_lives(told, s) or (folder / s.memory).is_dir() for s in known):
        return "kept"
    stacks = folder / "backend" / ".pulumi" / "stacks"
    return "lost" if any(stacks.rglob("*.json")) else "none"


def _with_port(folder: Path, told: Record, name: str, *, free: bool) -> Record:
    """The record with the service's port; a kept one in other hands is an error, not moved.

    Not where the service need not be `free` to take it: it has it, or is not started.
    """
    port = told.ports.get(name)
    if port is None:
        told = told.with_port(name, ports.allot(set(told.ports.values())))
        record.save(folder / _RECORD, told)
        return told
    if free and not ports.is_free(port):
        owner = processes.owner_of_port(port) or "another process"
        raise NegativeAnswer(
            f"port {port}, which this sandbox keeps for {name}, is in use by {owner}",
            where=str(folder / _RECORD),
            remedy="end that process and start again; or give the sandbox up with "
            "`signet sandbox stop --forget` and start a new one (the port stands in URLs and "
            "issuers, so it is not changed quietly)",
        )
    return told


def _spawn(folder: Path, told: Record, service: Service, arguments: list[str]) -> Record:
    log = service.log(folder)
    for needed in (folder / "tmp", log.parent):
        needed.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        process = subprocess.Popen(
            arguments,
            env=service.environment(folder.absolute(), told.id, told.ports[service.name]),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    _STARTED.append(process)
    identity = processes.identify(process.pid)
    return told if identity is None else told.with_process(service.name, identity)


def _await(folder: Path, told: Record, service: Service) -> None:
    log = service.log(folder)
    limit = time.monotonic() + _START_PATIENCE
    while time.monotonic() < limit:
        if not _lives(told, service):
            raise RunFailed(
                f"the emulator of {service.name} ended as soon as it was started",
                where=str(log),
                remedy="read the end of its log above; `signet sandbox start` tries again",
                details=[_tail(log)],
            )
        if service.serves(told.ports[service.name]):
            return
        time.sleep(0.05)
    raise RunFailed(
        f"the emulator of {service.name} does not answer after {_START_PATIENCE:.0f} s",
        where=str(log),
        remedy="run `signet sandbox stop`, then `signet sandbox start`",
        details=[_tail(log)],
    )


def _tail(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")[-_LOG_TAIL:].strip()
    except OSError:
        return ""


def _answer_soon(told: Record) -> bool:
    limit = time.monotonic() + _ANSWER_PATIENCE
    while time.monotonic() < limit:
        if _answers(told):
            return True
        time.sleep(0.1)
    return False


def _end_all(folder: Path, told: Record) -> None:
    """The servers first, in peace, so that they save; then what they or a kill left behind."""
    for service in SERVICES:
        process = told.processes.get(service.name)
        if process is not None:
            processes.end(process, _STOP_PATIENCE)
    for process in processes.marked(told.id):
        processes.end(process, 2.0)
    shutil.rmtree(folder / "tmp", ignore_errors=True)
