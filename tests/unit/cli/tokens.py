"""A signer of test tokens, its key made at run time, and lines in the batch format."""

import base64
import json
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec

from validator_functions.verification.keys import thumbprint

ISSUER = "https://keys.test/ring"
AUDIENCE = "https://api.test"
NOW = 1_800_000_000


def _text(number: int) -> str:
    return base64.urlsafe_b64encode(number.to_bytes(32)).rstrip(b"=").decode()


class Signer:
    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        numbers = self.key.public_key().public_numbers()
        made = {"kty": "EC", "crv": "P-256", "x": _text(numbers.x), "y": _text(numbers.y)}
        self.kid = thumbprint(made)
        self.jwk = {**made, "kid": self.kid, "alg": "ES256", "use": "sig"}

    def jwks(self, **more: Any) -> dict[str, Any]:
        return {"keys": [self.jwk], **more}

    def token(self, typ: str = "at+jwt", **changes: Any) -> str:
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": "someone",
            "iat": NOW,
            "nbf": NOW,
            "exp": NOW + 600,
            "jti": "1",
            "scope": "orders:read orders:write",
            "roles": ["clerk"],
            **changes,
        }
        return jwt.encode(claims, self.key, "ES256", headers={"kid": self.kid, "typ": typ})


def policy(**changes: Any) -> dict[str, Any]:
    return {
        "issuer": ISSUER,
        "audience": [AUDIENCE],
        "algorithms": ["ES256"],
        "max_lifetime": 900,
        "clock_skew": 60,
        **changes,
    }


def case(signer: Signer, name: Any, *, now: int = NOW, **changes: Any) -> bytes:
    members = {
        "id": name,
        "token": signer.token(**changes),
        "jwks": signer.jwks(),
        "policy": policy(),
        "now": now,
    }
    return json.dumps(members).encode()
