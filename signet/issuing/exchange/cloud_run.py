"""`python3 -m signet.issuing.exchange.cloud_run`: the token service as a container of Cloud Run.

`PORT` is Cloud Run's ("Container runtime contract": listen on all addresses); `SIGNET_LISTEN`
narrows the address, as the sandbox does. Google's front end is all that reaches it: it has read
the request already, and limits how many there are at once.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from urllib.parse import urlsplit

from signet.issuing.cloud_api import CloudApi
from signet.issuing.exchange.entry import HEALTH_PATH, Edge, Entry, from_variable
from signet.issuing.exchange.form import LARGEST_FORM
from signet.issuing.exchange.refusal import ExchangeRefused, Reason
from signet.issuing.exchange.service import HttpRequest
from signet.issuing.exchange.signing import Connect
from signet.issuing.signers.cloud_kms_rest import SCOPE, CloudKmsRestSigner
from signet.issuing.used_tokens.conditional_write import CloudStorageStore
from signet.token_service import TokenServiceSettings
from validator_functions.verification.private_store import GoogleHeaders

_EVERYWHERE = "0.0.0.0"  # noqa: S104 - Cloud Run's contract; only its own front end reaches it
_STORAGE_SCOPE = "https://www.googleapis.com/auth/devstorage.read_write"
_SECONDS = 10.0


def connect(settings: TokenServiceSettings) -> Connect:
    """Return how a key is signed with: as the account that the service runs as."""
    api = _api(settings, SCOPE)
    endpoint = settings.endpoint or None
    return lambda key: CloudKmsRestSigner(api, key.reference, key.algorithm, endpoint)


def remember(settings: TokenServiceSettings) -> CloudStorageStore:
    """Return where used tokens are."""
    return CloudStorageStore(_api(settings, _STORAGE_SCOPE), settings.replay)


def _api(settings: TokenServiceSettings, scope: str) -> CloudApi:
    return CloudApi(
        GoogleHeaders(os.environ, time.time, scope=scope), loopback_http=settings.sandbox
    )


class Server(ThreadingHTTPServer):
    """One thread for each connection of Google's front end."""

    daemon_threads = False
    """Requests under way are answered before the process ends."""

    request_queue_size = 128

    def __init__(self, host: str, port: int, entry: Entry) -> None:
        self.entry = entry
        super().__init__((host, port), Handler)

    def server_bind(self) -> None:
        """Bind without looking up this host's name, for which a cold start might wait."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = "localhost", int(self.server_address[1])


class Handler(BaseHTTPRequestHandler):
    """Hands each request over, whatever its method and path."""

    server: Server
    protocol_version = "HTTP/1.1"
    timeout = _SECONDS
    disable_nagle_algorithm = True

    def _serve(self) -> None:
        entry = self.server.entry
        asks_health = self.command == "GET" and self.path == HEALTH_PATH
        answer = entry.health() if asks_health else entry.answer(self._request)
        body = answer.body.encode()
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        # Then nothing waits for another request when the process is told to end.
        self.send_header("connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _request(self) -> HttpRequest:
        """Read the request. Raises ExchangeRefused."""
        lengths = self.headers.get_all("content-length", ["0"])
        length = lengths[0].strip()
        if "transfer-encoding" in self.headers or len(lengths) > 1 or not _is_count(length):
            why = "send the form whole, with its length in `Content-Length`"
            raise ExchangeRefused(Reason.FORM_INVALID, why)
        if int(length) > LARGEST_FORM:
            why = f"the form is over {LARGEST_FORM} bytes"
            raise ExchangeRefused(Reason.FORM_TOO_LARGE, why)
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            raise ExchangeRefused(Reason.FORM_INVALID, "the form ends early")
        headers: dict[str, str] = {}
        for name, value in self.headers.items():
            known = headers.get(name.lower())
            headers[name.lower()] = value if known is None else f"{known}, {value}"
        return HttpRequest(
            method=self.command,
            path=urlsplit(self.path).path,
            headers=headers,
            body=body,
            # "TRACE_ID/SPAN_ID;o=OPTIONS": by it Cloud Logging finds the request's own entry.
            request_id=headers.get("x-cloud-trace-context", "").partition("/")[0] or None,
        )

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Log nothing: every answer of the service has its own line."""

    do_GET = do_HEAD = do_POST = do_PUT = _serve  # noqa: N815
    do_PATCH = do_DELETE = do_OPTIONS = _serve  # noqa: N815


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= len(str(LARGEST_FORM)) + 1


def _write(line: str) -> None:
    print(line, flush=True)


def main() -> int:
    """Serve until SIGTERM; Cloud Run gives ten seconds then."""
    edge = Edge(cloud="gcp", connect=connect, remember=remember, write=_write)
    server = Server(
        os.environ.get("SIGNET_LISTEN", _EVERYWHERE),
        int(os.environ.get("PORT", "8080")),
        Entry(edge, from_variable),
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: threading.Thread(target=server.shutdown).start())
    with server:
        server.serve_forever()
    return 0


if __name__ == "__main__":
    sys.exit(main())
