"""The fake Azure, run inside this process on a port of its own."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sandbox import ports
from sandbox.azure import tls
from sandbox.azure.cloud import Azure
from sandbox.azure.server import Fake, Server
from sandbox.plugin.spec import Call
from sandbox.plugin.values import Props
from tests.sandbox.in_process import in_process

SECRET = "the-sandbox"


@dataclass
class Running:
    """A fake that serves, and the plugin's view of it."""

    fake: Fake
    port: int
    azure: Azure

    def create(self, token: str, inputs: Props) -> str:
        from sandbox.azure.provider import provider

        call = Call(self.azure, token, f"urn::{token}::x", threading.Event())
        return provider().resources[token].create(call, inputs)

    def read(self, token: str, identity: str) -> Props | None:
        from sandbox.azure.provider import provider

        call = Call(self.azure, token, f"urn::{token}::x", threading.Event())
        state = provider().resources[token].read(call, identity, {})
        return state.props if state else None

    def delete(self, token: str, identity: str) -> None:
        from sandbox.azure.provider import provider

        call = Call(self.azure, token, f"urn::{token}::x", threading.Event())
        provider().resources[token].delete(call, identity, {})


@contextmanager
def serving(folder: Path) -> Iterator[Running]:
    """A fake that nothing else uses, with its memory in `folder`."""
    port = ports.allot()
    fake = Fake(folder, port, SECRET)
    try:
        with in_process(Server(port, fake, tls.context(folder / "tls"))):
            yield Running(fake, port, Azure(port, SECRET))
    finally:
        fake.apps.end()
