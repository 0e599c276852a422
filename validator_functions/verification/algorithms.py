"""The four signature algorithms, each bound to one kind of key (RFC 7518 section 3).

`cryptography`'s parts are imported when the first key of their kind is built: a function with RSA
keys never loads elliptic curves. Padding and hash objects are built once for each algorithm.
"""

from binascii import a2b_base64
from collections.abc import Callable
from functools import cache
from typing import Any

from . import encoding
from .errors import TokenRefused
from .reasons import Reason

# FIPS 186-5 appendix A.1.1 wants an exponent above 2**16; every KMS uses 65537. Above 32 bits an
# exponent only costs time.
RSA_BITS = range(2_048, 4_096 + 1)
RSA_EXPONENTS = range(65_537, 2**32, 2)

Check = Callable[[bytes, bytes], None]
"""Takes a signature in base64url and the message that it is for; raises `TokenRefused`."""

_CURVE_ORDER = {
    "ES256": 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    "ES384": 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973,  # noqa: E501
}
_SIGN = 0x80
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
    return key, _rsa_check(key, algorithm)


def ec_key(algorithm: str, x: int, y: int) -> tuple[Any, Check]:
    """Build an elliptic-curve public key and its check; raise `ValueError` off the curve."""
    from cryptography.hazmat.primitives.asymmetric import ec

    curve = ec.SECP256R1() if algorithm == "ES256" else ec.SECP384R1()
    key = ec.EllipticCurvePublicNumbers(x, y, curve).public_key()
    return key, _ec_check(key, algorithm)


@cache
def _rsa_parameters(algorithm: str) -> tuple[Any, Any]:
    from cryptography.hazmat.primitives.asymmetric import padding
    from cryptography.hazmat.primitives.hashes import SHA256

    digest = SHA256()
    if algorithm == "RS256":
        return padding.PKCS1v15(), digest
    # RFC 7518 section 3.5: the salt is as long as the hash, and MGF1 uses the same hash.
    return padding.PSS(padding.MGF1(digest), digest.digest_size), digest


def _rsa_check(key: Any, algorithm: str) -> Check:
    from cryptography.exceptions import InvalidSignature

    verify = key.verify
    scheme, digest = _rsa_parameters(algorithm)
    # RFC 8017 sections 8.1.2 and 8.2.2: a signature is exactly as long as the modulus.
    length = -(-key.key_size // 8 * 4 // 3)
    endings, padding = encoding.LAST[length & 3], encoding.PADDING[length & 3]
    to_standard, decode = encoding.TO_STANDARD, a2b_base64

    def check(signature: bytes, message: bytes) -> None:
        if len(signature) != length:
            raise TokenRefused(Reason.SIGNATURE_INVALID)
        try:
            # `encoding.decode` for a known length: its call costs a hundredth of the whole check.
            if signature[-1] not in endings:
                raise encoding.NotCanonical
            octets = decode(signature.translate(to_standard) + padding, strict_mode=True)
        except ValueError:
            raise TokenRefused(Reason.ENCODING_INVALID, "the signature") from None
        try:
            verify(octets, message, scheme, digest)
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
    # RFC 7518 section 3.4: r and s, each as long as the order, one after the other.
    length = -(-2 * half * 4 // 3)
    endings, padding = encoding.LAST[length & 3], encoding.PADDING[length & 3]
    to_standard, decode = encoding.TO_STANDARD, a2b_base64

    def check(signature: bytes, message: bytes) -> None:
        if len(signature) != length:
            raise TokenRefused(Reason.SIGNATURE_INVALID)
        try:
            if signature[-1] not in endings:
                raise encoding.NotCanonical
            octets = decode(signature.translate(to_standard) + padding, strict_mode=True)
        except ValueError:
            raise TokenRefused(Reason.ENCODING_INVALID, "the signature") from None
        # Octets of one length compare as the numbers do.
        r, s = octets[:half], octets[half:]
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
