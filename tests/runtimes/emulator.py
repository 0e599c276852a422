"""The sandbox's AWS emulator by itself: no other cloud, and nothing of it kept on disk."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sandbox import ministack

from .programs import free_port, running


@contextmanager
def emulator(folder: Path) -> Iterator[int]:
    """Run it with its files in `folder`; gives its port.

    The sandbox has it write all that it knows after each change, which is nearly all that it does
    where functions of megabytes are changed all the time.
    """
    (folder / "tmp").mkdir(parents=True, exist_ok=True)
    (folder / "ministack").mkdir(exist_ok=True)
    port = free_port()
    told = {**ministack.environment(folder, "runtimes", port), "PERSIST_STATE": "0"}
    command = ministack.prepare(os.environ, lambda _: None)
    with running(command, port, folder / "ministack.log", environment=told):
        yield port
