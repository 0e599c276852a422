"""The fake Google Cloud's HTTP side, run inside this process on a port of its own."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sandbox import ports
from sandbox.fakes.server import Server
from sandbox.gcp.cloud import Gcp
from sandbox.gcp.server import Fake


@contextmanager
def running(folder: Path) -> Iterator[Gcp]:
    """A fake that nothing else uses, as the sandbox's plugin sees it."""
    port = ports.allot()
    server = Server(port, Fake(folder, port, "the-sandbox").answer)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield Gcp(port, "example-org-dev", "europe-west3", {})
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
