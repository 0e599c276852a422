"""A loopback Key Vault data plane for Microsoft's own clients: TLS, the challenge, get and sign.

Written from the client's requests; it shows that our adapter drives the real client, not that
Key Vault behaves this way.
"""

from __future__ import annotations

import base64
import datetime
import ipaddress
import json
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from azure.core.credentials import AccessToken
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

from tests.unit.issuing.local_keys import shared_key, sign_digest

VERSION = "0" * 31 + "1"
TOO_MANY = 429
CHALLENGE = (
    'Bearer authorization="https://login.microsoftonline.com/t", resource="https://vault.azure.net"'
)


class Credential:
    """An Entra identity that the fake admits."""

    def get_token(self, *scopes: str, **kwargs: Any) -> AccessToken:
        return AccessToken("fake", int(time.time()) + 3600)


@dataclass
class FakeVault:
    """What the server will answer, and what it was asked to sign. A key's name is its algorithm."""

    url: str = ""
    certificate: str = ""
    faults: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    signed: list[dict[str, Any]] = field(default_factory=list)

    def key_id(self, name: str) -> str:
        return f"{self.url}/keys/{name}/{VERSION}"

    def answer(self, path: list[str], body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        name = path[1]
        if path[-1] == "sign":
            self.signed.append(body)
        if self.faults:
            return self.faults.pop(0)
        if path[2] != VERSION:
            return 404, {"error": {"code": "KeyNotFound", "message": "no such key version"}}
        if path[-1] != "sign":
            return 200, {"key": self._jwk(name), "attributes": {"enabled": True}}
        signature = sign_digest(shared_key(name), name, decoded(body["value"]))
        if name.startswith("ES"):
            width = 48 if name == "ES384" else 32
            r, s = utils.decode_dss_signature(signature)
            signature = r.to_bytes(width, "big") + s.to_bytes(width, "big")
        return 200, {"kid": self.key_id(name), "value": encoded(signature)}

    def _jwk(self, name: str) -> dict[str, Any]:
        public = shared_key(name).public_key()
        told: dict[str, Any] = {"kid": self.key_id(name), "key_ops": ["sign", "verify"]}
        if isinstance(public, ec.EllipticCurvePublicKey):
            point, width = public.public_numbers(), public.key_size // 8
            x, y = (encoded(n.to_bytes(width, "big")) for n in (point.x, point.y))
            return told | {"kty": "EC", "crv": f"P-{public.key_size}", "x": x, "y": y}
        numbers = public.public_numbers()
        return told | {"kty": "RSA", "n": encoded(numbers.n.to_bytes(256, "big")), "e": "AQAB"}


def encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "==")


@contextmanager
def running(folder: Path) -> Iterator[FakeVault]:
    """Serve a fresh fake on a free loopback port, with a certificate made for it in `folder`."""
    fake = FakeVault(certificate=str(folder / "certificate.pem"))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if not self.headers.get("Authorization"):
                self._say(401, {}, {"WWW-Authenticate": CHALLENGE})
                return
            path = self.path.partition("?")[0].strip("/").split("/")
            status, told = fake.answer(path, json.loads(body) if body else {})
            self._say(status, told, {"Retry-After": "1"} if status == TOO_MANY else {})

        def do_GET(self) -> None:
            self.do_POST()

        def _say(self, status: int, told: dict[str, Any], headers: dict[str, str]) -> None:
            text = json.dumps(told).encode()
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *args: object) -> None:
            pass

    _certify(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "certificate.pem", folder / "key.pem")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    fake.url = f"https://localhost:{server.server_address[1]}"
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _certify(folder: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    hosts = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(hosts), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "certificate.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
