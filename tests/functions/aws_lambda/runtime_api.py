"""A Lambda Runtime API (version 2018-06-01) on loopback, for the real runtime client to call.

It is ours, not AWS's: it hands out events, collects answers and errors, and serves a key set.
"""

import json
import queue
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_INVOCATIONS = "/2018-06-01/runtime/invocation/"


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a function that is ended leaves its connections half-way."""


class RuntimeApi:
    """Events go in by `invoke`, which returns `("response" | "error", body)`."""

    def __init__(self, key_set: bytes) -> None:
        self._events: queue.Queue[tuple[str, bytes]] = queue.Queue()
        self._answers: queue.Queue[tuple[str, Any]] = queue.Queue()
        self._key_set = key_set
        self._server = _Server(("127.0.0.1", 0), self._handler())
        self.address = f"127.0.0.1:{self._server.server_port}"

    @contextmanager
    def running(self) -> Iterator["RuntimeApi"]:
        """Serve until the block ends."""
        thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join()

    def invoke(self, event: Any) -> tuple[str, Any]:
        """Have the function answer one event."""
        self._events.put((str(uuid.uuid4()), json.dumps(event).encode()))
        return self._answers.get(timeout=30)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        api = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_GET(self) -> None:
                if not self.path.startswith(_INVOCATIONS):
                    self._reply(200, api._key_set, "application/jwk-set+json")
                    return
                request_id, body = api._events.get()
                self._reply(
                    200,
                    body,
                    "application/json",
                    ("Lambda-Runtime-Aws-Request-Id", request_id),
                    ("Lambda-Runtime-Deadline-Ms", "32503680000000"),
                    ("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:x:0:function:f"),
                )

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                api._answers.put((self.path.rpartition("/")[2], json.loads(body)))
                self._reply(202, b"", "application/json")

            def _reply(
                self, status: int, body: bytes, media_type: str, *headers: tuple[str, str]
            ) -> None:
                self.send_response(status)
                for name, value in (("Content-Type", media_type), *headers):
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                """Keep quiet."""

        return Handler
