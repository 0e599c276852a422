"""An issuer on loopback: the two published documents as a stack renders them, and tokens."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from signet.documents import jwk_from_pem, render_discovery, render_jwks
from tests.cases import forge

AUDIENCE = "https://api.signet.invalid"


class Token(NamedTuple):
    """A token, and whether our validator lets it pass."""

    name: str
    token: str
    good: bool


class Issuer:
    """Rings of one active key each, RSA and P-256, published as a stack publishes them."""

    def __init__(self, address: str) -> None:
        self.issuer = address
        self.signers = [forge.Signer("RS256"), forge.Signer("ES256")]
        self.jwks = render_jwks([_jwk(each) for each in self.signers], 1, ())
        self.discovery = render_discovery(
            address, f"{address}/.well-known/jwks.json", [each.algorithm for each in self.signers]
        )

    def tokens(self) -> Iterator[Token]:
        """A good token of each algorithm, and what must be refused; each has one fault."""
        rsa, p256 = self.signers
        yield Token("good, RS256", rsa.token(self._claims()), True)
        yield Token("good, ES256", p256.token(self._claims()), True)
        yield Token("expired", rsa.token(self._claims(iat=-7_200, nbf=-7_200, exp=-3_600)), False)
        yield Token("not valid yet", rsa.token(self._claims(nbf=3_600)), False)
        yield Token("without exp", rsa.token(self._claims(exp=None)), False)
        yield Token("for another audience", rsa.token(self._claims(aud="https://b.invalid")), False)
        yield Token("of another issuer", rsa.token(self._claims(iss="https://b.invalid")), False)
        yield Token("without a subject", rsa.token(self._claims(sub=None)), False)
        altered = rsa.token(self._claims())
        yield Token("altered signature", altered[:-8] + "AAAAAAAA", False)
        yield Token("alg none", self._unsigned(rsa), False)
        stranger = forge.Signer("RS256", forge.rsa_private(label="stranger"))
        yield Token("unknown kid", stranger.token(self._claims()), False)
        posing = forge.Signer("RS256", forge.rsa_private(label="stranger"), kid=rsa.kid)
        yield Token("another key under our kid", posing.token(self._claims()), False)
        yield Token("without kid", rsa.token(self._claims(), rsa.header(kid=None)), False)
        yield Token("crit with an unknown name", self._with(rsa, crit=["x"], x=1), False)
        yield Token("not an access token (typ JWT)", self._with(rsa, typ="JWT"), False)
        yield Token("lives for a year", rsa.token(self._claims(exp=365 * 86_400)), False)
        yield Token("jku in the header", self._with(rsa, jku=f"{self.issuer}/x"), False)
        claims = forge.compact(self._claims())
        twice = f'{claims[:-1]},"sub":"admin"}}'
        yield Token("sub twice", rsa.token(twice), False)

    def _claims(self, **changes: Any) -> dict[str, Any]:
        now = int(time.time())
        moved = {
            name: now + value if name in ("iat", "nbf", "exp") and value is not None else value
            for name, value in {"iat": 0, "nbf": 0, "exp": 600, **changes}.items()
        }
        return forge.good_claims(**{"iss": self.issuer, "aud": AUDIENCE, **moved})

    def _with(self, signer: forge.Signer, **header: Any) -> str:
        return signer.token(self._claims(), signer.header(**header))

    def _unsigned(self, signer: forge.Signer) -> str:
        head, body = signer.header(alg="none"), self._claims()
        return f"{forge.b64(forge.compact(head))}.{forge.b64(forge.compact(body))}."


@contextmanager
def published() -> Iterator[Issuer]:
    """Serve the documents of an issuer until the block ends."""
    documents: dict[str, tuple[str, str]] = {}

    class Store(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            kind, text = documents.get(self.path, ("", ""))
            self.send_response(200 if text else 404)
            self.send_header("Content-Type", kind or "text/plain")
            self.send_header("Cache-Control", "public, max-age=300")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: Any) -> None:
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Store)
    server.daemon_threads = True
    found = Issuer(f"http://127.0.0.1:{server.server_port}")
    documents["/.well-known/jwks.json"] = "application/jwk-set+json", found.jwks
    documents["/.well-known/openid-configuration"] = "application/json", found.discovery
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _jwk(signer: forge.Signer) -> dict[str, str]:
    pem = signer.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return jwk_from_pem(pem, signer.algorithm)
