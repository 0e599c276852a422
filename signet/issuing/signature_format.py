"""JWS signature formats (RFC 7518 section 3) on top of what a KMS takes and gives.

Every KMS here is given a digest, never the token: the signing input stays on this machine, and
the 4,096 byte limit that a KMS puts on messages does not matter.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal

from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

Family = Literal["rsa-pkcs1v15", "rsa-pss", "ecdsa"]


@dataclass(frozen=True, kw_only=True)
class SignatureAlgorithm:
    """One `alg` value: how its digest is made and what its signature looks like.

    `coordinate_bytes` is the fixed width of r and of s (RFC 7518 section 3.4); 0 for RSA.
    """

    name: str
    family: Family
    hash_name: Literal["sha256", "sha384"]
    coordinate_bytes: int = 0

    def digest(self, message: bytes) -> bytes:
        """Hash the signing input with the algorithm's own hash."""
        return hashlib.new(self.hash_name, message, usedforsecurity=True).digest()


ALGORITHMS = {
    algorithm.name: algorithm
    for algorithm in (
        SignatureAlgorithm(name="RS256", family="rsa-pkcs1v15", hash_name="sha256"),
        SignatureAlgorithm(name="PS256", family="rsa-pss", hash_name="sha256"),
        SignatureAlgorithm(name="ES256", family="ecdsa", hash_name="sha256", coordinate_bytes=32),
        SignatureAlgorithm(name="ES384", family="ecdsa", hash_name="sha384", coordinate_bytes=48),
    )
}


def raw_from_der(signature: bytes, coordinate_bytes: int) -> bytes:
    """Turn an ECDSA signature from DER into JWS's r||s, each padded to its full width.

    Raises ValueError where the DER is malformed or a number does not fit: a signature of another
    curve must not be cut to size.
    """
    r, s = decode_dss_signature(signature)
    try:
        return r.to_bytes(coordinate_bytes, "big") + s.to_bytes(coordinate_bytes, "big")
    except OverflowError:
        msg = f"r or s does not fit in {coordinate_bytes} bytes or is negative"
        raise ValueError(msg) from None
