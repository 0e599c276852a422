"""A fake Google Cloud: HTTP on one loopback port, Cloud KMS (gRPC) on another, services on theirs.

Addresses: `/sandbox/...` for the sandbox's plugin, `/computeMetadata/...` a metadata server,
`/storage/v1/...` and `/<bucket>/<object>` Cloud Storage.
"""

from __future__ import annotations

import hmac
import http.server
import json
import logging
import os
import signal
import sys
import threading
from pathlib import Path

from sandbox.gcp import kms
from sandbox.gcp.admin import PREFIX, Admin
from sandbox.gcp.http import Asked, Refusal, Said, said_json
from sandbox.gcp.memory import Memory
from sandbox.gcp.run import Services
from sandbox.gcp.service import KMS
from sandbox.gcp.storage import Storage
from sandbox.processes import MARK

HEALTH = "/sandbox/health"
_METADATA = "/computeMetadata/v1/instance/service-accounts/default/token"
_BODY_LIMIT = 64 << 20
_SECONDS = 60.0
_TOKEN_SECONDS = 3599

log = logging.getLogger("sandbox.gcp")


class Fake:
    """The services of the fake, and which of them answers what."""

    def __init__(self, folder: Path, port: int, secret: str) -> None:
        self.memory = Memory(folder)
        self._token = hmac.new(secret.encode(), b"access token", "sha256").hexdigest()
        self.storage = Storage(self.memory, self._trusted)
        self.kms = kms.Kms(self.memory)
        environment = {
            MARK: secret,
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "GCE_METADATA_HOST": f"127.0.0.1:{port}",
        }
        self.services = Services(self.memory, environment)
        self.admin = Admin(self.memory, self.kms, self.services)

    def answer(self, asked: Asked) -> Said:
        """Answer any request. Never raises."""
        try:
            return self._answer(asked)
        except Refusal as refusal:
            return refusal.said()
        except Exception:
            log.exception("%s %s", asked.method, asked.path)
            return Refusal(500, "INTERNAL", "see the log of the fake").said()

    def _answer(self, asked: Asked) -> Said:
        if asked.path == HEALTH:
            return said_json({"signet": "fake gcp"})
        if asked.path.startswith(PREFIX):
            return self.admin.answer(asked)
        if asked.path == _METADATA:
            if asked.headers.get("metadata-flavor") != "Google":
                raise Refusal(403, "FORBIDDEN", "Metadata-Flavor: Google is missing")
            told = {"access_token": self._token, "expires_in": _TOKEN_SECONDS}
            return said_json({**told, "token_type": "Bearer"})
        return self.storage.answer(asked)

    def _trusted(self, asked: Asked) -> bool:
        given = asked.headers.get("authorization", "")
        return hmac.compare_digest(given.encode(), f"Bearer {self._token}".encode())


class Server(http.server.ThreadingHTTPServer):
    """The HTTP side."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int, fake: Fake) -> None:
        self.fake = fake
        super().__init__(("127.0.0.1", port), Handler)


class Handler(http.server.BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    timeout = _SECONDS
    wbufsize = -1
    server: Server

    def _serve(self) -> None:
        length = int(self.headers.get("content-length") or 0)
        if length > _BODY_LIMIT:
            self.send_error(413)
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        asked = Asked(self.command, self.path, headers, self.rfile.read(length))
        said = self.server.fake.answer(asked)
        self.send_response_only(said.status)
        self.send_header("Date", self.date_time_string())
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

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _serve  # noqa: N815


def main(folder: str, port: str, secret: str) -> None:
    """Serve until told to end."""
    logging.basicConfig(stream=sys.stderr, level=logging.INFO)
    fake = Fake(Path(folder), int(port), secret)
    rpc = kms.serve(fake.kms, _kms_port(Path(folder)))
    fake.services.resume()
    server = Server(int(port), fake)

    def end(*_: object) -> None:
        threading.Thread(target=server.shutdown, daemon=True).start()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    try:
        server.serve_forever(poll_interval=0.1)
    finally:
        server.server_close()
        rpc.stop(1).wait()
        fake.services.end()


def _kms_port(folder: Path) -> int:
    told = json.loads((folder.parent / "sandbox.json").read_text(encoding="utf-8"))
    return int(told["ports"][KMS])


if __name__ == "__main__":
    main(*(os.environ[name] for name in ("GCP_FOLDER", "GCP_PORT", MARK)))
