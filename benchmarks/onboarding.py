"""How long `up` takes with 1, 10 and 100 onboarded services, each in three clouds, in the sandbox.

A sandbox of its own, in a folder that goes afterwards. Every run is a process of its own, as the
command is; what is measured is the run of the engine and of the program, less the start of Python.
Processor time is that of the run's own processes (command, engine, plugins), not of the clouds.

The engine writes the whole state before and after each resource that it makes. From 10 services
on to 100 that alone would take an hour, so there it is told to write it once, at the end
(`PULUMI_SKIP_CHECKPOINTS`), which the rows say: a real environment keeps the engine's caution, and
a platform team that starts with many services adds them a few at a time. `--quick` leaves 100 out.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from benchmarks.row import Row
from sandbox import supervisor
from signet.paths import repo_root

_SIZES = (1, 10, 100)
_FURTHER_SECONDS = 0.5
"""The most that `up` may take longer for each further service (issue 8, "Speed")."""
_UNCHANGED_SECONDS = 60.0
_ONCE = 100
"""So many services at once are made with the state written once, at the end."""
_MOST_RUNS = 4
"""Runs after which nothing may be left to do: a new key is seen, then confirmed."""

_MANIFEST = """\
service: {name}
owner: team-{name}
contact: {name}@example.com
clouds: [aws, azure, gcp]
audience: https://{name}.example.com
routes:
  - {{methods: [GET], path: "/{name}/{{id}}", scopes: ["{name}:read"]}}
"""


@dataclass(frozen=True)
class _Run:
    """One `up`: its seconds, its processes' own, and how much it changed."""

    seconds: float
    processor: float
    changes: int


def run(quick: bool) -> list[Row]:
    """Bring a stack up with more and more services."""
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="signet-onboarding-") as folder:
        state = Path(folder) / "state"
        try:
            before: tuple[int, _Run] | None = None
            for count in _SIZES[:-1] if quick else _SIZES:
                services = _manifests(Path(folder) / f"services-{count}", count)
                first = _up(state, services, written_once=count >= _ONCE)
                rows += _first(count, first, before)
                unchanged = _unchanged(state, services)
                rows.append(_nothing_to_do(count, unchanged))
                before = count, unchanged
        finally:
            supervisor.forget(state, say=lambda _: None)
    return rows


def _first(count: int, made: _Run, before: tuple[int, _Run] | None) -> list[Row]:
    """Return what a run took that made services, and what each took beyond a run without any."""
    note = f"{made.changes} resources, {made.processor:.0f} s of processor time"
    how = ", the state written once" if count >= _ONCE else ""
    rows = [Row(name=f"up, {count} services{how}", value=made.seconds, unit="s", note=note)]
    if before is not None:
        fewer, base = before
        more = count - fewer
        rows.append(
            Row(
                name=f"each further service, {fewer} to {count}{how}",
                value=(made.seconds - base.seconds) / more,
                unit="s",
                limit=_FURTHER_SECONDS,
                note=f"{(made.processor - base.processor) / more:.2f} s of processor time",
            )
        )
    return rows


def _nothing_to_do(count: int, found: _Run) -> Row:
    return Row(
        name=f"up, {count} services, nothing to do",
        value=found.seconds,
        unit="s",
        limit=_UNCHANGED_SECONDS,
        note=f"{found.processor:.0f} s of processor time",
    )


def _manifests(folder: Path, count: int) -> Path:
    folder.mkdir(parents=True)
    for number in range(1, count + 1):
        name = f"service-{number}"
        (folder / f"{name}.yaml").write_text(_MANIFEST.format(name=name), encoding="utf-8")
    return folder


def _unchanged(state: Path, services: Path) -> _Run:
    for _ in range(_MOST_RUNS):
        found = _up(state, services)
        if not found.changes:
            return found
    raise RuntimeError(f"the stack still changes after {_MOST_RUNS} runs with {services.name}")


def _up(state: Path, services: Path, *, written_once: bool = False) -> _Run:
    once = ["--written-once"] if written_once else []
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks._up", str(services), *once],
        cwd=repo_root(),
        env={**os.environ, "SIGNET_STATE_DIR": str(state)},
        capture_output=True,
        text=True,
        check=False,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise RuntimeError(f"`up` failed: {done.stderr[-2000:]}")
    told = json.loads(done.stdout)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return _Run(seconds=told["seconds"], processor=used, changes=told["changes"])
