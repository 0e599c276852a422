"""The fake Google Cloud's HTTP side, run inside this process on a port of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sandbox import ports
from sandbox.fakes.server import Server
from sandbox.gcp.cloud import Gcp
from sandbox.gcp.server import Fake

from .in_process import in_process


@contextmanager
def running(folder: Path) -> Iterator[Gcp]:
    """A fake that nothing else uses, as the sandbox's plugin sees it."""
    port = ports.allot()
    with in_process(Server(port, Fake(folder, port, "the-sandbox").answer)):
        yield Gcp(port, "example-org-dev", "europe-west3", {})
