"""What the sandbox remembers of itself between commands: `sandbox.json`.

Ports are allotted once and kept, because they stand in issuers and URLs. A process is named by its
id together with its start time, so that a reused id is never mistaken for ours.
"""

from __future__ import annotations

import json
import os
import tempfile
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from signet.errors import CouldNotCheck

SCHEMA = 1


@dataclass(frozen=True)
class ProcessId:
    """One process of this boot of the machine: id, start in clock ticks, and which boot."""

    pid: int
    started: int
    boot: str


@dataclass(frozen=True)
class Record:
    """The sandbox's identity, its ports by service, and the processes that serve them.

    `used` are the services that it ever started: a stack's state may name what they hold.
    """

    id: str
    ports: Mapping[str, int] = field(default_factory=dict)
    processes: Mapping[str, ProcessId] = field(default_factory=dict)
    used: tuple[str, ...] = ()

    def with_port(self, service: str, port: int) -> Record:
        """The record with one more port allotted."""
        return replace(self, ports={**self.ports, service: port})

    def with_process(self, service: str, process: ProcessId) -> Record:
        """The record with a service's process."""
        return replace(
            self,
            processes={**self.processes, service: process},
            used=tuple(sorted({*self.used, service})),
        )

    def without_process(self, service: str) -> Record:
        """The record without a service's process."""
        kept = {name: process for name, process in self.processes.items() if name != service}
        return replace(self, processes=kept)


def new() -> Record:
    """A sandbox that did not exist before."""
    return Record(id=str(uuid.uuid4()))


def load(path: Path) -> Record | None:
    """The record, or `None` where there is no sandbox yet. Raises `CouldNotCheck` if torn."""
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        if told["schema"] != SCHEMA:
            raise ValueError(f"schema {told['schema']}")
        return Record(
            id=str(told["id"]),
            ports={str(name): int(port) for name, port in told["ports"].items()},
            processes={str(n): ProcessId(**p) for n, p in told["processes"].items()},
            # An older record has none, and its sandbox started all that it had ports for.
            used=tuple(str(name) for name in told.get("used", told["ports"])),
        )
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CouldNotCheck(
            f"the sandbox's record cannot be read: {error}",
            where=str(path),
            remedy=f"end its processes and remove {path.parent}; all of it can be made again",
        ) from error


def save(path: Path, record: Record) -> None:
    """Write the record so that a kill leaves the old or the new one, never half."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"schema": SCHEMA, **asdict(record)}, indent=2, sort_keys=True) + "\n"
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".sandbox-")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    Path(temporary).replace(path)
