"""The two documents that every cloud publishes, byte for byte the same (RFC 7517, RFC 8414).

Pure: public keys come in as each KMS hands them out; text goes out. No private member of a
key can appear, because only named public members are ever copied.
"""

import base64
import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from validator_functions.verification.keys import thumbprint

JWKS_PATH: Final = ".well-known/jwks.json"
DISCOVERY_PATH: Final = ".well-known/openid-configuration"
JWKS_CONTENT_TYPE: Final = "application/jwk-set+json"  # RFC 7517 section 8.5.2
DISCOVERY_CONTENT_TYPE: Final = "application/json"  # RFC 8414 section 3.2

_RSA_MINIMUM_BITS: Final = 2048  # RFC 7518 section 3.3
_P256_BYTES: Final = 32  # RFC 7518 section 6.2.1.2


def jwk_from_pem(pem: str | bytes, algorithm: str) -> dict[str, str]:
    """Return the public JWK of a PEM `SubjectPublicKeyInfo`, with `kid`, `use` and `alg`.

    `kid` is the RFC 7638 thumbprint. Raises ValueError when the key is not one that `algorithm`
    (RS256, PS256 or ES256) can use, or is weaker than RFC 7518 allows.
    """
    raw = pem.encode("ascii") if isinstance(pem, str) else pem
    try:
        key = load_pem_public_key(raw)
    except UnsupportedAlgorithm as error:
        raise ValueError(f"the key's type is not supported: {error}") from None
    return _jwk(key, algorithm)


def jwk_from_numbers(members: Mapping[str, bytes], algorithm: str) -> dict[str, str]:
    """Return the public JWK of a key told as big-endian numbers: `n` and `e`, or P-256's `x`, `y`.

    Raises ValueError as `jwk_from_pem` does, and for a point that is not on the curve.
    """
    numbers = {name: int.from_bytes(value, "big") for name, value in members.items()}
    if numbers.keys() == {"n", "e"}:
        return _jwk(rsa.RSAPublicNumbers(numbers["e"], numbers["n"]).public_key(), algorithm)
    if numbers.keys() == {"x", "y"}:
        point = ec.EllipticCurvePublicNumbers(numbers["x"], numbers["y"], ec.SECP256R1())
        return _jwk(point.public_key(), algorithm)
    raise ValueError(f"no kind of key has the members {', '.join(sorted(members))}")


def _jwk(key: object, algorithm: str) -> dict[str, str]:
    if algorithm in {"RS256", "PS256"}:
        members = _rsa_members(key)
    elif algorithm == "ES256":
        members = _p256_members(key)
    else:
        raise ValueError(f"{algorithm!r} is not an algorithm that Signet signs with")
    return {**members, "alg": algorithm, "kid": thumbprint(members), "use": "sig"}


def render_jwks(keys: Iterable[Mapping[str, str]], sequence: int, denied: Iterable[str]) -> str:
    """Return the published JWKS: sorted by `kid`, canonical, with `sequence` and `denied`.

    Raises ValueError for an empty set, a repeated `kid`, or a key that is also denied: no store may
    ever be given such a document.
    """
    ordered = sorted((dict(key) for key in keys), key=lambda key: key["kid"])
    kids = [key["kid"] for key in ordered]
    refused = sorted(set(denied))
    if not kids:
        raise ValueError("a published set must hold at least one key")
    if len(set(kids)) != len(kids):
        raise ValueError("a kid stands twice in the set")
    if both := sorted(set(kids) & set(refused)):
        raise ValueError(f"published and denied at once: {', '.join(both)}")
    return canonical({"keys": ordered, "sequence": sequence, "denied": refused})


def render_discovery(issuer: str, jwks_uri: str, algorithms: Iterable[str]) -> str:
    """Return the discovery document (RFC 8414 section 2, OpenID Connect Discovery 1.0 section 3).

    It has no endpoints: it exists so that gateways and libraries find the key set by the issuer.
    """
    return canonical(
        {
            "id_token_signing_alg_values_supported": sorted(set(algorithms)),
            "issuer": issuer,
            "jwks_uri": jwks_uri,
            "response_types_supported": ["none"],
            "subject_types_supported": ["public"],
        }
    )


def canonical(value: Any) -> str:
    """Return JSON with sorted names and no spaces: the same bytes wherever it is rendered."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _rsa_members(key: object) -> dict[str, str]:
    if not isinstance(key, rsa.RSAPublicKey):
        raise ValueError("the algorithm wants an RSA key")
    if key.key_size < _RSA_MINIMUM_BITS:
        raise ValueError(f"an RSA key of {key.key_size} bits is below {_RSA_MINIMUM_BITS}")
    numbers = key.public_numbers()
    return {"kty": "RSA", "n": _unsigned(numbers.n), "e": _unsigned(numbers.e)}


def _p256_members(key: object) -> dict[str, str]:
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise ValueError("ES256 wants a key on the curve P-256")
    point = key.public_numbers()
    return {
        "kty": "EC",
        "crv": "P-256",
        "x": _base64url(point.x.to_bytes(_P256_BYTES, "big")),
        "y": _base64url(point.y.to_bytes(_P256_BYTES, "big")),
    }


def _unsigned(number: int) -> str:
    """Base64urlUInt: the fewest octets that hold the number (RFC 7518 section 2)."""
    return _base64url(number.to_bytes((number.bit_length() + 7) // 8, "big"))


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")
