"""PyJWT, signing through a KMS.

PyJWT builds the token; a `KmsAlgorithm` in place of its own RS256 or ES256 hands the signing
input to a `TokenSigner`. It is registered on a private PyJWS, so that no other user of PyJWT in
this process comes to sign with the KMS by accident.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, NoReturn, cast

from jwt.algorithms import Algorithm
from jwt.api_jws import PyJWS

from signet.issuing.signers import TokenSigner

TOKEN_TYPE: Final = "at+jwt"  # noqa: S105 (RFC 9068 section 2.1's media type, not a secret)


class KmsAlgorithm(Algorithm):
    """A PyJWT algorithm whose key is a `TokenSigner` and that can only sign."""

    def prepare_key(self, key: TokenSigner) -> TokenSigner:
        """Take the signer as it is: there is no key material to prepare."""
        return key

    def sign(self, msg: bytes, key: TokenSigner) -> bytes:
        """Sign the JWS signing input with the KMS."""
        return key.sign(msg)

    def verify(self, msg: bytes, key: Any, sig: bytes) -> NoReturn:
        """Refuse: verification is `validator_functions.verification`'s alone."""
        raise NotImplementedError("tokens are verified by validator_functions.verification")

    @staticmethod
    def to_jwk(key_obj: Any, as_dict: bool = False) -> NoReturn:
        """Refuse: a KMS key has no exportable form."""
        raise NotImplementedError("a KMS key is not exported")

    @staticmethod
    def from_jwk(jwk: Any) -> NoReturn:
        """Refuse: a KMS key has no exportable form."""
        raise NotImplementedError("a KMS key is not imported")


def encode(
    signer: TokenSigner, claims: Mapping[str, Any], *, kid: str, typ: str | None = TOKEN_TYPE
) -> str:
    """Return the compact JWS of `claims`, exactly as they are, signed by `signer`.

    No claim is checked here; `signet.issuing.issuer.issue` is the way to a token.
    """
    jws = PyJWS(algorithms=[])
    jws.register_algorithm(signer.algorithm, KmsAlgorithm())
    payload = json.dumps(dict(claims), separators=(",", ":"), ensure_ascii=False).encode("utf-8")
    # PyJWT's annotation of `key` lists its own key types only; `prepare_key` takes ours.
    return jws.encode(
        payload,
        cast(Any, signer),
        algorithm=signer.algorithm,
        headers={"kid": kid, "typ": typ},
    )
