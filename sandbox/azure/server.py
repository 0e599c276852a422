"""A fake Azure on one loopback port, in plain HTTP and, for clients that insist, in TLS.

    python -m sandbox.azure.server <folder> <port> <sandbox id>

Addresses: `/arm/...` for the sandbox's plugin, `/msi/token` for managed identities, `/keys/...` a
Key Vault, `http://<app>.azurewebsites.localhost:<port>` a function app, and everything else Blob
Storage by `/<account>/<container>/<blob>`.
"""

from __future__ import annotations

import http.server
import json
import logging
import signal
import socket
import ssl
import sys
import threading
from pathlib import Path
from typing import Any

from sandbox.azure import tls
from sandbox.azure.apps import Apps, base_environment
from sandbox.azure.arm import Arm
from sandbox.azure.blobs import Blobs
from sandbox.azure.http import Asked, Refusal, Said, said_json
from sandbox.azure.identity import PATH as IDENTITY_PATH
from sandbox.azure.identity import Identity
from sandbox.azure.memory import Memory
from sandbox.azure.vaults import Vaults

HEALTH = "/sandbox/health"
APP_SUFFIX = ".azurewebsites.localhost"
_BODY_LIMIT = 64 << 20
_TLS_HANDSHAKE = 0x16  # RFC 8446 section 5.1
_SECONDS = 60.0

log = logging.getLogger("sandbox.azure")


class Fake:
    """The services of the fake, and which of them answers what."""

    def __init__(self, folder: Path, port: int, secret: str) -> None:
        self.memory = Memory(folder)
        self.identity = Identity(secret)
        self.blobs = Blobs(self.memory, self.identity)
        self.vaults = Vaults(self.memory, self.identity, port)
        endpoint = f"http://127.0.0.1:{port}{IDENTITY_PATH}"
        self.apps = Apps(self.memory, base_environment(endpoint, secret))
        self.arm = Arm(self.memory, self.blobs, self.vaults, self.apps, port=port, secret=secret)

    def answer(self, asked: Asked) -> Said:
        """Answer any request. Never raises."""
        try:
            return self._answer(asked)
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
        path = asked.path
        if path == HEALTH:
            return said_json(200, {"signet": "fake azure"})
        if path == IDENTITY_PATH:
            return self.identity.answer(asked)
        if path.startswith("/arm/"):
            return self.arm.answer(asked)
        if path == "/keys" or path.startswith("/keys/"):
            return self.vaults.answer(asked)
        return self.blobs.answer(asked)


class Server(http.server.ThreadingHTTPServer):
    """Takes both protocols on one port: the first byte of a connection tells which it is."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int, fake: Fake, context: ssl.SSLContext) -> None:
        self.fake, self._context = fake, context
        super().__init__(("127.0.0.1", port), Handler)

    def finish_request(self, request: Any, client_address: Any) -> None:
        """In the connection's own thread: begin TLS where the client does."""
        request.settimeout(_SECONDS)
        try:
            first = request.recv(1, socket.MSG_PEEK)
            if not first or first[0] != _TLS_HANDSHAKE:
                super().finish_request(request, client_address)
                return
            with self._context.wrap_socket(request, server_side=True) as secured:
                super().finish_request(secured, client_address)
        except OSError as error:  # TLS errors are such, too
            log.debug("a connection ended early: %s", error)


class Handler(http.server.BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server: Server

    def _serve(self) -> None:
        length = int(self.headers.get("content-length") or 0)
        if length > _BODY_LIMIT:
            self.send_error(413)
            return
        headers: dict[str, str] = {}
        for name, value in self.headers.items():
            known = headers.get(name.lower())
            headers[name.lower()] = value if known is None else f"{known}, {value}"
        asked = Asked(self.command, self.path, headers, self.rfile.read(length))
        said = self.server.fake.answer(asked)
        self.send_response(said.status)
        for name, value in said.headers.items():
            self.send_header(name, value)
        bodiless = said.status in (204, 304)
        if not bodiless:
            self.send_header("Content-Length", str(len(said.body)))
        self.end_headers()
        if self.command != "HEAD" and not bodiless:
            self.wfile.write(said.body)

    def log_message(self, *args: object) -> None:
        """Log nothing of requests: they carry tokens."""

    do_GET = do_HEAD = do_POST = do_PUT = _serve  # noqa: N815
    do_PATCH = do_DELETE = do_OPTIONS = _serve  # noqa: N815


def main(folder: str, port: str, secret: str) -> None:
    """Serve until told to end."""
    logging.basicConfig(stream=sys.stderr, level=logging.INFO)
    place = Path(folder)
    fake = Fake(place, int(port), secret)
    server = Server(int(port), fake, tls.context(place / "tls"))

    def end(*_: object) -> None:
        threading.Thread(target=server.shutdown, daemon=True).start()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    try:
        server.serve_forever(poll_interval=0.1)
    finally:
        server.server_close()
        fake.apps.end()


def told_by(body: bytes) -> bool:
    """Whether a health answer is this fake's."""
    try:
        return bool(json.loads(body).get("signet") == "fake azure")
    except (ValueError, AttributeError):
        return False


if __name__ == "__main__":
    main(*sys.argv[1:4])
