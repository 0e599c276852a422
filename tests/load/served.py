"""The validator's server as a process of its own, and what is said of a run against it."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.row import Row
from tests.cases.forge import Signer
from tests.load.service import Service, changed
from tests.runtimes.programs import free_port, running


def faultless(name: str, counts: list[dict[Any, int]], note: str = "") -> list[Row]:
    """Two rows that may only be 0: of wrong verdicts, and of errors."""
    rows = []
    for what, count in zip(("wrong verdicts", "errors"), counts, strict=True):
        told = "; ".join(f"{key}: {value}" for key, value in count.items()) or note
        total = float(sum(count.values()))
        rows.append(Row(name=f"{name}, {what}", value=total, unit="", limit=0.0, note=told))
    return rows


def resident(pid: int) -> int:
    """Bytes of memory that a process really has (Linux)."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


@contextmanager
def served(
    others: list[Signer] | None = None, **settings: Any
) -> Iterator[tuple[Service, int, int]]:
    """A service, and its validator's server on loopback: port and process."""
    with tempfile.TemporaryDirectory() as folder:
        service = Service(Path(folder), others or (), **settings)
        port = free_port()
        environment = changed(
            os.environ,
            PORT=str(port),
            SIGNET_LISTEN="127.0.0.1",
            SIGNET_PROXY="envoy",
            SIGNET_SETTINGS_FILE=str(service.settings_file),
        )
        command = [sys.executable, "-m", "validator_functions.cloud_run"]
        log = service.folder / "log"
        with (
            service.store.running(),
            running(command, port, log, environment=environment) as process,
        ):
            yield service, port, process.pid
