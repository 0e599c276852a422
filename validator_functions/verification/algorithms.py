"""The four signature algorithms, each bound to one kind of key (RFC 7518 section 3).

`cryptography`'s parts are imported when the first key of their kind is built: a function with RSA
keys never loads elliptic curves. Padding and hash objects are built once for each algorithm.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

from .errors import TokenRefused
from .reasons import Reason

# FIPS 186-5 appendix A.1.1 wants an exponent above 2**16; every KMS uses 65537. Above 32 bits an
# exponent only costs time.
RSA_BITS = range(2_048, 4_096 + 1)
RSA_EXPONENTS = range(65_537, 2**32, 2)

Check = Callable[[bytes, bytes], None]
"""Takes a signature, as long as the key's are, and the message; raises `TokenRefused`."""

_CURVE_ORDER = {
    "ES256": 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    "ES384": 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973,  # noqa: E501
}
_SIGN = 0x80
# RFC 8017 section 9.2, note 1: what stands before the digest in the DER of SHA-256's DigestInfo.
_SHA256_INFO = bytes.fromhex("3031300d060960864801650304020105000420")
CURVES = {"ES256": "P-256", "ES384": "P-384"}
KEY_TYPES = {"RS256": "RSA", "PS256": "RSA", "ES256": "EC", "ES384": "EC"}
COORDINATE_BYTES = {"ES256": 32, "ES384": 48}
SUPPORTED = frozenset(KEY_TYPES)


def rsa_key(algorithm: str, modulus: int, exponent: int) -> tuple[Any, Check]:
    """Build an RSA public key and its check; raise `ValueError` if the numbers are no key."""
    if modulus.bit_length() not in RSA_BITS or not modulus & 1:
        raise ValueError("the modulus is not an odd number of 2048 to 4096 bits")
    if exponent not in RSA_EXPONENTS:
        raise ValueError("the exponent is not an odd number from 65537 to 2**32")
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers

    key = RSAPublicNumbers(exponent, modulus).public_key()
    return key, _pkcs1_check(key) if algorithm == "RS256" else _pss_check(key)


def ec_key(algorithm: str, x: int, y: int) -> tuple[Any, Check]:
    """Build an elliptic-curve public key and its check; raise `ValueError` off the curve."""
    from cryptography.hazmat.primitives.asymmetric import ec

    curve = ec.SECP256R1() if algorithm == "ES256" else ec.SECP384R1()
    key = ec.EllipticCurvePublicNumbers(x, y, curve).public_key()
    return key, _ec_check(key, algorithm)


def signature_length(algorithm: str, public_key: Any) -> int:
    """How many characters of base64url a key's signature has.

    RSA's is as long as the modulus (RFC 8017 sections 8.1.2 and 8.2.2), ECDSA's is r and s, each as
    long as the order (RFC 7518 section 3.4).
    """
    if algorithm in COORDINATE_BYTES:
        octets = 2 * COORDINATE_BYTES[algorithm]
    else:
        octets = -(-public_key.key_size // 8)
    return -(-octets * 4 // 3)


@cache
def _pkcs1_parameters() -> tuple[Any, Any]:
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.hashes import SHA256, Hash

    return PKCS1v15(), Hash(SHA256())


def _pkcs1_check(key: Any) -> Check:
    """RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017 section 8.2.2).

    Not by `verify`, which takes a sixteenth longer: the library opens the signature and takes the
    padding off (00 01, octets FF, 00, strictly), and what is left is compared whole. Modulus and
    DigestInfo are of fixed length, so just one padding leaves what is to be left.
    """
    from cryptography.exceptions import InvalidSignature

    open_signature = key.recover_data_from_signature
    padding, nothing_hashed = _pkcs1_parameters()

    def check(signature: bytes, message: bytes) -> None:
        digest = nothing_hashed.copy()
        digest.update(message)
        try:
            if open_signature(signature, padding, None) == _SHA256_INFO + digest.finalize():
                return
        except InvalidSignature:
            pass
        raise TokenRefused(Reason.SIGNATURE_INVALID)

    return check


@cache
def _pss_parameters() -> tuple[Any, Any]:
    from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS
    from cryptography.hazmat.primitives.hashes import SHA256

    digest = SHA256()
    # RFC 7518 section 3.5: the salt is as long as the hash, and MGF1 uses the same hash.
    return PSS(MGF1(digest), digest.digest_size), digest


def _pss_check(key: Any) -> Check:
    from cryptography.exceptions import InvalidSignature

    verify = key.verify
    padding, digest = _pss_parameters()

    def check(signature: bytes, message: bytes) -> None:
        try:
            verify(signature, message, padding, digest)
        except InvalidSignature:
            raise TokenRefused(Reason.SIGNATURE_INVALID) from None

    return check


@cache
def _ec_parameters(algorithm: str) -> Any:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric.ec import ECDSA

    return ECDSA(hashes.SHA256() if algorithm == "ES256" else hashes.SHA384())


def _ec_check(key: Any, algorithm: str) -> Check:
    from cryptography.exceptions import InvalidSignature

    verify = key.verify
    scheme = _ec_parameters(algorithm)
    half = COORDINATE_BYTES[algorithm]
    zero, order = bytes(half), _CURVE_ORDER[algorithm].to_bytes(half)

    def check(signature: bytes, message: bytes) -> None:
        # Octets of one length compare as the numbers do.
        r, s = signature[:half], signature[half:]
        if not (zero < r < order and zero < s < order):
            raise TokenRefused(Reason.SIGNATURE_INVALID)
        try:
            verify(_der(r, s), message, scheme)
        except InvalidSignature:
            raise TokenRefused(Reason.SIGNATURE_INVALID) from None

    return check


def _der(r: bytes, s: bytes) -> bytes:
    """ECDSA-Sig-Value (RFC 3279 section 2.2.3) of two positive numbers below 2**384.

    A third of the time of `encode_dss_signature`, which wants integers. All lengths are below 128,
    so that each is one octet (X.690 section 8.1.3.4).
    """
    r, s = r.lstrip(b"\0"), s.lstrip(b"\0")
    if r[0] & _SIGN:
        r = b"\0" + r
    if s[0] & _SIGN:
        s = b"\0" + s
    return b"\x30%c\x02%c%b\x02%c%b" % (len(r) + len(s) + 4, len(r), r, len(s), s)
