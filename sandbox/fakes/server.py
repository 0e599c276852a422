"""A fake cloud's side of the sockets: HTTP/1.1 on one loopback port, until it is told to end."""

from __future__ import annotations

import http.server
import signal
import threading
import urllib.request
from collections.abc import Callable

from sandbox.fakes.http import Asked, Said

HEALTH = "/sandbox/health"
SECONDS = 60.0
"""A connection that is silent for so long is ended."""

_BODY_LIMIT = 64 << 20
_LINE_LIMIT = 4096
_BODILESS = (204, 304)


class Server(http.server.ThreadingHTTPServer):
    """Answers every request with `answer`, which never raises."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int, answer: Callable[[Asked], Said]) -> None:
        self.answer = answer
        super().__init__(("127.0.0.1", port), Handler)


class Handler(http.server.BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    timeout = SECONDS
    wbufsize = -1
    server: Server

    def _serve(self) -> None:
        body = self._body()
        if body is None:
            self.close_connection = True
            self.send_error(413)
            return
        headers: dict[str, str] = {}
        for name, value in self.headers.items():
            known = headers.get(name.lower())
            headers[name.lower()] = value if known is None else f"{known}, {value}"
        said = self.server.answer(Asked(self.command, self.path, headers, body))
        # Not `send_response`, which names a server of its own.
        self.send_response_only(said.status)
        self.send_header("Date", self.date_time_string())
        for name, value in said.headers.items():
            self.send_header(name, value)
        if said.status not in _BODILESS:
            self.send_header("Content-Length", str(len(said.body)))
        self.end_headers()
        if self.command != "HEAD" and said.status not in _BODILESS:
            self.wfile.write(said.body)

    def _body(self) -> bytes | None:
        """Return the request's body, None where it is too long (RFC 9112 sections 6.3 and 7.1)."""
        if "chunked" not in self.headers.get("transfer-encoding", "").lower():
            length = int(self.headers.get("content-length") or 0)
            return None if length > _BODY_LIMIT else self.rfile.read(length)
        body = bytearray()
        while size := int(self.rfile.readline(_LINE_LIMIT).partition(b";")[0], 16):
            if len(body) + size > _BODY_LIMIT:
                return None
            body += self.rfile.read(size)
            self.rfile.readline(_LINE_LIMIT)
        while self.rfile.readline(_LINE_LIMIT).strip():
            pass  # trailers, which nobody here reads
        return bytes(body)

    def log_message(self, *args: object) -> None:
        """Log nothing of requests: they carry tokens."""

    do_GET = do_HEAD = do_POST = do_PUT = _serve  # noqa: N815
    do_PATCH = do_DELETE = do_OPTIONS = _serve  # noqa: N815


def serve_until_told(server: Server) -> None:
    """Serve until SIGTERM or SIGINT."""

    def end(*_: object) -> None:
        threading.Thread(target=server.shutdown, daemon=True).start()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    try:
        server.serve_forever(poll_interval=0.1)
    finally:
        server.server_close()


def healthy(port: int, name: str) -> bool:
    """Whether the fake of that name answers on a port."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"http://127.0.0.1:{port}{HEALTH}", timeout=2) as answer:
            return f'"{name}"'.encode() in answer.read()
    except OSError:
        return False
