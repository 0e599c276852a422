"""The fake Azure, run inside this process on a port of its own."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from sandbox import ports
from sandbox.azure import tls
from sandbox.azure.cloud import Azure
from sandbox.azure.server import Fake, Server
from sandbox.azure.service import client_environment
from sandbox.plugin.spec import Call
from sandbox.plugin.values import Props


@dataclass
class Running:
    """A fake that serves, and the plugin's view of it."""

    fake: Fake
    port: int
    azure: Azure

    def create(self, token: str, inputs: Props) -> str:
        from sandbox.azure import provider

        call = Call(self.azure, token, f"urn::{token}::x", threading.Event())
        return provider().resources[token].create(call, inputs)

    def read(self, token: str, identity: str) -> Props | None:
        from sandbox.azure import provider

        call = Call(self.azure, token, f"urn::{token}::x", threading.Event())
        state = provider().resources[token].read(call, identity, {})
        return state.props if state else None

    def delete(self, token: str, identity: str) -> None:
        from sandbox.azure import provider

        call = Call(self.azure, token, f"urn::{token}::x", threading.Event())
        provider().resources[token].delete(call, identity, {})


@pytest.fixture
def running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    """A fake that nothing else uses; Microsoft's clients are told how to reach it."""
    port = ports.allot()
    folder = tmp_path / "azure"
    fake = Fake(folder, port, "the-sandbox")
    server = Server(port, fake, tls.context(folder / "tls"))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    for name, value in client_environment(tmp_path, "the-sandbox", port).items():
        monkeypatch.setenv(name, value)
    try:
        yield Running(fake, port, Azure(port, "the-sandbox"))
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
        fake.apps.end()
