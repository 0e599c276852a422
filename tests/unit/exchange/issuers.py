"""Platforms of ours whose key sets are served on loopback, shaped as the real ones' are."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from signet.identities import KINDS
from tests.cases import platforms
from tests.cases.platforms import Platform
from tests.unit.exchange.world import CALLERS


class Issuers:
    """Every platform's key set on one loopback port, each below a path of its own."""

    def __init__(self) -> None:
        documents: dict[str, bytes] = {}

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                found = documents.get(self.path)
                self.send_response(200 if found else 404)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(found or b"")))
                self.end_headers()
                self.wfile.write(found or b"")

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        base = f"http://127.0.0.1:{self.server.server_port}"
        self.platforms: dict[str, Platform] = {}
        for make in platforms.PLATFORMS:
            kind = make().identity
            ending = "/v2.0" if kind == "azure" else ""
            platform = make().at(f"{base}/{kind}{ending}")
            self.platforms[kind] = platform
            documents[KINDS[kind].jwks_uri(platform.issuer).removeprefix(base)] = platform.key_set()
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def callers(self) -> list[dict[str, Any]]:
        """The rules of `CALLERS`, for these issuers and for the environment's own scope."""
        return [
            {
                **rule,
                "issuer": self.platforms[rule["identity"]].issuer,
                "scopes": ["demo:read"],
                "once": rule["identity"] == "gitlab",
            }
            for rule in CALLERS
        ]


@contextmanager
def serving() -> Iterator[Issuers]:
    """Platforms that answer while this lasts."""
    issuers = Issuers()
    try:
        yield issuers
    finally:
        issuers.server.shutdown()
        issuers.server.server_close()
