"""A loopback server that speaks the KMS JSON 1.1 protocol to the real boto3 client.

It holds one key of each algorithm and answers Sign and GetPublicKey; a list of faults to answer
first makes it fail as AWS does. It shows that our adapter drives the real client, not that AWS
behaves this way.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from tests.unit.issuing.local_keys import public_der, shared_key, sign_digest

ALGORITHM_OF_SPEC = {
    "RSASSA_PKCS1_V1_5_SHA_256": "RS256",
    "RSASSA_PSS_SHA_256": "PS256",
    "ECDSA_SHA_256": "ES256",
    "ECDSA_SHA_384": "ES384",
}


@dataclass
class FakeKms:
    """What the server will answer, and what it was asked. A key's id is its algorithm."""

    endpoint: str = ""
    faults: list[tuple[int, str]] = field(default_factory=list)
    requests: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    signature: bytes | None = None

    def answer(self, operation: str, asked: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        self.requests.append((operation, asked))
        if self.faults:
            status, code = self.faults.pop(0)
            return status, {"__type": code, "message": "as told by the test"}
        algorithm = asked["KeyId"]
        key = shared_key(algorithm)
        if operation == "GetPublicKey":
            return 200, {
                "KeyId": algorithm,
                "PublicKey": base64.b64encode(public_der(key)).decode("ascii"),
                "KeyUsage": "SIGN_VERIFY",
            }
        assert operation == "Sign"
        if asked["MessageType"] != "DIGEST":
            return 400, {"__type": "ValidationException", "message": "a digest is wanted"}
        if ALGORITHM_OF_SPEC[asked["SigningAlgorithm"]] != algorithm:
            return 400, {"__type": "InvalidKeyUsageException", "message": "other algorithm"}
        digest = base64.b64decode(asked["Message"])
        signature = self.signature or sign_digest(key, algorithm, digest)
        return 200, {
            "KeyId": algorithm,
            "Signature": base64.b64encode(signature).decode("ascii"),
            "SigningAlgorithm": asked["SigningAlgorithm"],
        }


@contextmanager
def running() -> Iterator[FakeKms]:
    """Serve a fresh fake on a free loopback port."""
    fake = FakeKms()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            operation = self.headers["X-Amz-Target"].removeprefix("TrentService.")
            status, told = fake.answer(operation, json.loads(body))
            text = json.dumps(told).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/x-amz-json-1.1")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    fake.endpoint = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
