"""Keys made at run time, and a `Signer` over one of them: what a KMS would do, without the KMS."""

from __future__ import annotations

from functools import cache

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
ALGORITHMS = ("RS256", "PS256", "ES256", "ES384")
HASHES: dict[str, hashes.HashAlgorithm] = {
    "RS256": hashes.SHA256(),
    "PS256": hashes.SHA256(),
    "ES256": hashes.SHA256(),
    "ES384": hashes.SHA384(),
}


def new_key(algorithm: str) -> PrivateKey:
    if algorithm == "ES256":
        return ec.generate_private_key(ec.SECP256R1())
    if algorithm == "ES384":
        return ec.generate_private_key(ec.SECP384R1())
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@cache
def shared_key(algorithm: str) -> PrivateKey:
    """One key for each algorithm and test run: RSA keys are slow to make."""
    return new_key(algorithm)


def public_pem(key: PrivateKey) -> str:
    return (
        key.public_key()
        .public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        .decode("ascii")
    )


def public_der(key: PrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def sign_digest(key: PrivateKey, algorithm: str, digest: bytes) -> bytes:
    """Sign as every KMS does inside: a digest in, PKCS#1, PSS or DER out."""
    hashed = utils.Prehashed(HASHES[algorithm])
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return key.sign(digest, ec.ECDSA(hashed))
    if algorithm == "PS256":
        pss = padding.PSS(padding.MGF1(hashes.SHA256()), hashes.SHA256.digest_size)
        return key.sign(digest, pss, hashed)
    return key.sign(digest, padding.PKCS1v15(), hashed)


def check(public: object, algorithm: str, signature: bytes, message: bytes) -> None:
    """Verify a JWS signature with `cryptography` alone; raises InvalidSignature."""
    if isinstance(public, ec.EllipticCurvePublicKey):
        half = len(signature) // 2
        der = utils.encode_dss_signature(
            int.from_bytes(signature[:half], "big"), int.from_bytes(signature[half:], "big")
        )
        public.verify(der, message, ec.ECDSA(HASHES[algorithm]))
        return
    assert isinstance(public, rsa.RSAPublicKey)
    if algorithm == "PS256":
        pss = padding.PSS(padding.MGF1(hashes.SHA256()), hashes.SHA256.digest_size)
        public.verify(signature, message, pss, hashes.SHA256())
    else:
        public.verify(signature, message, padding.PKCS1v15(), hashes.SHA256())


class LocalSigner:
    """A `Signer` whose key is in this process; for tests and nothing else."""

    def __init__(self, algorithm: str, key: PrivateKey | None = None) -> None:
        self._algorithm = algorithm
        self.key = key if key is not None else shared_key(algorithm)

    @property
    def algorithm(self) -> str:
        return self._algorithm

    def sign(self, message: bytes) -> bytes:
        hasher = hashes.Hash(HASHES[self._algorithm])
        hasher.update(message)
        signature = sign_digest(self.key, self._algorithm, hasher.finalize())
        if isinstance(self.key, rsa.RSAPrivateKey):
            return signature
        r, s = utils.decode_dss_signature(signature)
        width = 48 if self._algorithm == "ES384" else 32
        return r.to_bytes(width, "big") + s.to_bytes(width, "big")

    def public_key_pem(self) -> str:
        return public_pem(self.key)
