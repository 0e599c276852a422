"""Makes keys, key sets and tokens, the good ones and whatever else a case needs.

Written on `cryptography` alone, with none of the code under test: a fault there must not be able to
hide in the tokens that look for it.
"""

import base64
import hashlib
import json
from functools import cache
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils

ISSUER = "https://keys.signet.invalid/environment"
AUDIENCE = "https://api.signet.invalid"
NOW = 1_800_000_000

P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
P384_ORDER = int(
    "39402006196394479212279040100143613805079739270465446667946905279627"
    "659399113263569398956308152294913554433653942643"
)


def b64(data: bytes | str) -> str:
    """Base64url without padding."""
    octets = data.encode() if isinstance(data, str) else data
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def number(value: int) -> str:
    """An integer as a JWK has it."""
    return b64(value.to_bytes((value.bit_length() + 7) // 8 or 1))


def compact(value: Any) -> str:
    """JSON without white space, names in the order given."""
    return json.dumps(value, separators=(",", ":"))


@cache
def rsa_private(bits: int = 2048, label: str = "", exponent: int = 65537) -> rsa.RSAPrivateKey:
    """A fresh RSA key, the same one for the same arguments in this process."""
    return rsa.generate_private_key(exponent, bits)


@cache
def ec_private(curve: str = "P-256", label: str = "") -> ec.EllipticCurvePrivateKey:
    """A fresh elliptic-curve key, the same one for the same arguments in this process."""
    curves: dict[str, ec.EllipticCurve] = {
        "P-256": ec.SECP256R1(),
        "P-384": ec.SECP384R1(),
        "P-521": ec.SECP521R1(),
        "secp256k1": ec.SECP256K1(),
    }
    return ec.generate_private_key(curves[curve])


class Signer:
    """A private key under one algorithm, with its public JWK."""

    def __init__(self, algorithm: str, private: Any = None, **jwk: Any) -> None:
        self.algorithm = algorithm
        self.private = private or _default_key(algorithm)
        self.jwk: dict[str, Any] = {"alg": algorithm, "use": "sig", **_public(self.private)}
        self.jwk["kid"] = thumbprint(self.jwk)
        self.jwk.update(jwk)
        self.jwk = {name: value for name, value in self.jwk.items() if value is not None}

    @property
    def kid(self) -> str:
        """The key's id."""
        kid: str = self.jwk["kid"]
        return kid

    def sign(self, message: bytes) -> bytes:
        """A JWS signature of `message` under this key's own algorithm."""
        return raw_signature(self.private, self.algorithm, message)

    def header(self, **changes: Any) -> dict[str, Any]:
        """A good header with changes; None takes a member away."""
        return _changed({"alg": self.algorithm, "typ": "at+jwt", "kid": self.kid}, changes)

    def token(
        self,
        claims: dict[str, Any] | str | bytes | None = None,
        header: dict[str, Any] | str | bytes | None = None,
    ) -> str:
        """A signed token; text and bytes are taken as they are, objects as compact JSON."""
        signing_input = f"{_segment(header, self.header())}.{_segment(claims, good_claims())}"
        return f"{signing_input}.{b64(self.sign(signing_input.encode()))}"


def good_claims(**changes: Any) -> dict[str, Any]:
    """The nine claims of an ordinary token, with changes; None takes a member away."""
    return _changed(
        {
            "iss": ISSUER,
            "sub": "service-orders",
            "aud": AUDIENCE,
            "iat": NOW - 10,
            "nbf": NOW - 10,
            "exp": NOW + 590,
            "jti": "9b1f63e7-6a8f-4c1c-9f43-0f4f4c2b8d11",
            "scope": "orders:read orders:write",
            "roles": ["reader", "writer"],
        },
        changes,
    )


def good_policy(**changes: Any) -> dict[str, Any]:
    """A policy in the batch format that `good_claims` satisfy."""
    return _changed(
        {
            "issuer": ISSUER,
            "audience": [AUDIENCE],
            "algorithms": ["RS256"],
            "max_lifetime": 900,
            "clock_skew": 60,
            "typ": "at+jwt",
        },
        changes,
    )


def key_set(*jwks: Any, **members: Any) -> dict[str, Any]:
    """A key set of ours."""
    return {"keys": [getattr(jwk, "jwk", jwk) for jwk in jwks], **members}


def raw_signature(private: Any, algorithm: str, message: bytes) -> bytes:
    """Sign as RFC 7518 sections 3.3 to 3.5 have it; `algorithm` need not be the key's."""
    digests: dict[str, hashes.HashAlgorithm] = {
        "256": hashes.SHA256(),
        "384": hashes.SHA384(),
        "512": hashes.SHA512(),
    }
    digest = digests[algorithm[2:5]]
    signature: bytes
    if algorithm.startswith("RS"):
        signature = private.sign(message, padding.PKCS1v15(), digest)
    elif algorithm.startswith("PS"):
        scheme = padding.PSS(padding.MGF1(digest), digest.digest_size)
        signature = private.sign(message, scheme, digest)
    else:
        r, s = utils.decode_dss_signature(private.sign(message, ec.ECDSA(digest)))
        size = (private.curve.key_size + 7) // 8
        signature = r.to_bytes(size) + s.to_bytes(size)
    return signature


def thumbprint(jwk: dict[str, Any]) -> str:
    """RFC 7638."""
    names = ("e", "kty", "n") if jwk["kty"] == "RSA" else ("crv", "kty", "x", "y")
    return b64(hashlib.sha256(compact({name: jwk[name] for name in names}).encode()).digest())


def with_padding_of(private: rsa.RSAPrivateKey, encoded: bytes) -> bytes:
    """The RSA signature whose decrypted block is `encoded`, whatever that is (raw RSA)."""
    numbers = private.private_numbers()
    modulus = numbers.public_numbers.n
    return pow(int.from_bytes(encoded), numbers.d, modulus).to_bytes(
        (modulus.bit_length() + 7) // 8
    )


def _public(private: Any) -> dict[str, Any]:
    numbers = private.public_key().public_numbers()
    if isinstance(private, rsa.RSAPrivateKey):
        return {"kty": "RSA", "n": number(numbers.n), "e": number(numbers.e)}
    size = (private.curve.key_size + 7) // 8
    names = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}
    return {
        "kty": "EC",
        "crv": names.get(private.curve.name, private.curve.name),
        "x": b64(numbers.x.to_bytes(size)),
        "y": b64(numbers.y.to_bytes(size)),
    }


def _default_key(algorithm: str) -> Any:
    if algorithm.startswith("ES"):
        return ec_private({"ES256": "P-256", "ES384": "P-384"}[algorithm])
    return rsa_private(label=algorithm)


def _changed(members: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    merged = {**members, **changes}
    return {name: value for name, value in merged.items() if value is not None}


def _segment(given: dict[str, Any] | str | bytes | None, default: dict[str, Any]) -> str:
    if given is None:
        given = default
    return b64(compact(given) if isinstance(given, dict) else given)
