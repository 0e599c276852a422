"""A key store on loopback that goes down, comes back and publishes another set on command."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Store:
    """Answers every path with the key set; while `down` it closes the connection instead."""

    def __init__(self, key_set: dict[str, Any]) -> None:
        self.down = False
        self.asked = 0
        self._body = b""
        self.publish(key_set)
        store = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                store.asked += 1
                if store.down:
                    self.close_connection = True
                    return
                self.send_response(200)
                self.send_header("Content-Type", "application/jwk-set+json")
                self.send_header("Cache-Control", "max-age=2")
                self.send_header("Content-Length", str(len(store._body)))
                self.end_headers()
                self.wfile.write(store._body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/.well-known/jwks.json"

    def publish(self, key_set: dict[str, Any]) -> None:
        """Serve this set from now on."""
        self._body = json.dumps(key_set, separators=(",", ":")).encode()

    @contextmanager
    def running(self) -> Iterator["Store"]:
        """Serve until the block ends."""
        thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join()
