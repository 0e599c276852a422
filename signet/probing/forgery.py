"""Tokens that must be refused, made with keys that are thrown away or with the real one.

A forged token proves something only when it has just one fault, so most are signed by the very
KMS key that signs good ones (`Bench.signed`), around the checks of `signet.issuing.issuer.issue`.
They are handed to gateways and never shown.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from signet.documents import jwk_from_pem
from signet.issuing.pyjwt_algorithm import TOKEN_TYPE, encode
from signet.issuing.signers import Signer

_FORGED_ALGORITHM = "RS256"


@dataclass(frozen=True, kw_only=True)
class Bench:
    """What tokens of one environment are made from.

    Spans are in seconds; `clock` tells epoch seconds. A token is made when it is asked for: where
    tokens live for seconds, one made for a whole table would expire on the way.
    """

    signer: Signer
    kid: str
    issuer: str
    audience: str
    scope: str
    longest_lifetime: int
    clock_skew: int
    clock: Callable[[], float]
    subject: str = "signet-demo"
    roles: tuple[str, ...] = ()
    extra: Mapping[str, str] = field(default_factory=dict)
    """Claims that the service asks for besides."""

    @property
    def now(self) -> int:
        """The present second."""
        return int(self.clock())

    def claims(self, **changes: Any) -> dict[str, Any]:
        """Return good claims with some changed; a claim changed to None is left out."""
        now = self.now
        good: dict[str, Any] = {
            "iss": self.issuer,
            "sub": self.subject,
            "aud": self.audience,
            "client_id": self.subject,
            "iat": now,
            "nbf": now,
            "exp": now + self.longest_lifetime,
            "jti": secrets.token_urlsafe(16),
        }
        if self.scope:
            good["scope"] = self.scope
        if self.roles:
            good["roles"] = list(self.roles)
        good.update(self.extra)
        return {name: value for name, value in (good | changes).items() if value is not None}

    def signed(self, *, typ: str | None = TOKEN_TYPE, **changes: Any) -> str:
        """Return a token with changed claims, really signed by the environment's KMS key."""
        return encode(self.signer, self.claims(**changes), kid=self.kid, typ=typ)

    def good(self) -> str:
        """Return a token with nothing wrong."""
        return self.signed()

    @cached_property
    def thrown_away(self) -> rsa.RSAPrivateKey:
        """A key that nobody published; it is never stored."""
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)

    @property
    def thrown_away_jwk(self) -> dict[str, str]:
        """The public half of `thrown_away`, with a `kid` of its own."""
        pem = self.thrown_away.public_key().public_bytes(
            Encoding.PEM, PublicFormat.SubjectPublicKeyInfo
        )
        return jwk_from_pem(pem, _FORGED_ALGORITHM)

    def forged(self, *, kid: str, **header: Any) -> str:
        """Return a token with good claims, signed by the thrown-away key under any `kid`."""
        told = {"alg": _FORGED_ALGORITHM, "typ": TOKEN_TYPE, "kid": kid, **header}
        signing_input = f"{_segment(told)}.{_segment(self.claims())}"
        signature = self.thrown_away.sign(
            signing_input.encode("ascii"), padding.PKCS1v15(), hashes.SHA256()
        )
        return f"{signing_input}.{_base64url(signature)}"

    def unsigned(self) -> str:
        """Return a token that says `alg: none` (RFC 7518 section 3.6)."""
        header = {"alg": "none", "typ": TOKEN_TYPE, "kid": self.kid}
        return f"{_segment(header)}.{_segment(self.claims())}."

    def keyed_with_the_public_key(self) -> str:
        """Return an HS256 token whose secret is the public key's PEM (CVE-2015-9235 and after)."""
        header = {"alg": "HS256", "typ": TOKEN_TYPE, "kid": self.kid}
        signing_input = f"{_segment(header)}.{_segment(self.claims())}"
        secret = self.signer.public_key_pem().encode("ascii")
        mac = hmac.new(secret, signing_input.encode("ascii"), hashlib.sha256).digest()
        return f"{signing_input}.{_base64url(mac)}"

    def with_altered_payload(self) -> str:
        """Return the good token with another subject under the old signature."""
        header, _, signature = self.good().split(".")
        return f"{header}.{_segment(self.claims(sub='administrator'))}.{signature}"

    def with_altered_signature(self) -> str:
        """Return the good token with one bit of its signature flipped."""
        signing_input, _, signature = self.good().rpartition(".")
        raw = bytearray(base64.urlsafe_b64decode(signature + "=="))
        raw[len(raw) // 2] ^= 1
        return f"{signing_input}.{_base64url(bytes(raw))}"


def _segment(value: Mapping[str, Any]) -> str:
    return _base64url(json.dumps(value, separators=(",", ":")).encode("utf-8"))


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")
