"""A fake Azure on one loopback port, in plain HTTP and, for clients that insist, in TLS.

Addresses: `/arm/...` for the sandbox's plugin, `/subscriptions/...` the resource manager for
whoever looks, `/msi/token` for managed identities, `/keys/...` a Key Vault,
`http://<app>.azurewebsites.localhost:<port>` a function app, and everything else Blob Storage by
`/<account>/<container>/<blob>`.
"""

from __future__ import annotations

import logging
import os
import socket
import ssl
import sys
from pathlib import Path
from typing import Any

from sandbox.azure import tls
from sandbox.azure.apps import Apps, base_environment
from sandbox.azure.arm import Arm
from sandbox.azure.blobs import Blobs
from sandbox.azure.http import Refusal
from sandbox.azure.identity import PATH as IDENTITY_PATH
from sandbox.azure.identity import Identity
from sandbox.azure.management import PREFIX as MANAGEMENT
from sandbox.azure.management import Management
from sandbox.azure.memory import Memory
from sandbox.azure.service import NAME
from sandbox.azure.vaults import Vaults
from sandbox.fakes import server as serving
from sandbox.fakes.faults import Faults
from sandbox.fakes.http import Asked, Said, said_json
from sandbox.processes import MARK

APP_SUFFIX = ".azurewebsites.localhost"
_TLS_HANDSHAKE = 0x16  # RFC 8446 section 5.1

log = logging.getLogger("sandbox.azure")


class Fake:
    """The services of the fake, and which of them answers what."""

    def __init__(self, folder: Path, port: int, secret: str) -> None:
        self.memory = Memory(folder)
        self._faults = Faults(folder)
        self.identity = Identity(secret)
        self.blobs = Blobs(self.memory, self.identity)
        self.vaults = Vaults(self.memory, self.identity, port)
        endpoint = f"http://127.0.0.1:{port}{IDENTITY_PATH}"
        self.apps = Apps(self.memory, base_environment(endpoint, secret))
        self.management = Management(self.memory, self.identity)
        self.arm = Arm(self.memory, self.blobs, self.vaults, self.apps, port=port, secret=secret)
        self._services = (
            (f"{IDENTITY_PATH}/", self.identity),
            ("/arm/", self.arm),
            (MANAGEMENT, self.management),
            ("/keys/", self.vaults),
        )

    def answer(self, asked: Asked) -> Said:
        """Answer any request. Never raises."""
        try:
            return self._faults.hit(asked) or self._answer(asked)
        except Refusal as refusal:
            code = {"code": refusal.code, "message": refusal.message}
            return said_json(refusal.status, {"error": code}, x_ms_error_code=refusal.code)
        except Exception:
            log.exception("%s %s", asked.method, asked.path)
            return said_json(500, {"error": {"code": "InternalError", "message": "see the log"}})

    def _answer(self, asked: Asked) -> Said:
        host = asked.headers.get("host", "").partition(":")[0].lower()
        if host.endswith(APP_SUFFIX):
            return self.apps.answer(host.removesuffix(APP_SUFFIX), asked)
        if asked.path == serving.HEALTH:
            return said_json(200, {"signet": NAME})
        for prefix, service in self._services:
            if f"{asked.path}/".startswith(prefix):
                return service.answer(asked)
        return self.blobs.answer(asked)


class Server(serving.Server):
    """Takes both protocols on one port: the first byte of a connection tells which it is."""

    def __init__(self, port: int, fake: Fake, context: ssl.SSLContext) -> None:
        self._context = context
        super().__init__(port, fake.answer)

    def finish_request(self, request: Any, client_address: Any) -> None:
        """In the connection's own thread: begin TLS where the client does."""
        request.settimeout(serving.SECONDS)
        try:
            first = request.recv(1, socket.MSG_PEEK)
            if not first or first[0] != _TLS_HANDSHAKE:
                super().finish_request(request, client_address)
                return
            with self._context.wrap_socket(request, server_side=True) as secured:
                super().finish_request(secured, client_address)
        except OSError as error:  # TLS errors are such, too
            log.debug("a connection ended early: %s", error)


def main(folder: str, port: str, secret: str) -> None:
    """Serve until told to end."""
    logging.basicConfig(stream=sys.stderr, level=logging.INFO)
    place = Path(folder)
    fake = Fake(place, int(port), secret)
    try:
        serving.serve_until_told(Server(int(port), fake, tls.context(place / "tls")))
    finally:
        fake.apps.end()


if __name__ == "__main__":
    main(*(os.environ[name] for name in ("AZURE_FOLDER", "AZURE_PORT", MARK)))
