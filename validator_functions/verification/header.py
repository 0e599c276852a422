"""The JOSE header (RFC 7515 section 4): who it says signed, how, and what kind of token it is.

Names that RFC 7515 section 4 lets us ignore are ignored, unless they could steer verification:
those are refused, whatever their value. A header whose signature once held is remembered by its
exact bytes: an issuer writes the same header into every token of a key.
"""

from binascii import Error as DecodingError
from typing import Any

from . import limits
from .algorithms import SUPPORTED
from .encoding import NotCanonical, decode
from .errors import TokenRefused
from .keys import check_key_id
from .policy import normal_type
from .reasons import Reason
from .strict_json import TooLarge, parse_object

Header = tuple[str, str, str | None, frozenset[str]]
"""`kid`, `alg`, `typ` in normal form or None, and the names of certificate members present."""

# RFC 7515 sections 4.1.2 to 4.1.11, RFC 7516 section 4.1 (an encrypted token), RFC 7797 (b64),
# OpenID Federation 1.0 section 4.3 (trust_chain).
_FORBIDDEN = frozenset(
    {"crit", "jku", "jwk", "x5u", "zip", "cty", "b64", "enc", "epk", "trust_chain"}
)
# Entra and GitHub send `x5t` (see docs/verification.md); it names a certificate, which a pinned
# key set makes moot, so the foreign-issuer profile looks past it.
_CERTIFICATES = frozenset({"x5c", "x5t", "x5t#S256"})

_REMEMBERED = 256
_known: dict[bytes, Header] = {}


def read(segment: bytes) -> Header:
    """Read a header's base64url segment; raise `TokenRefused`."""
    header = _known.get(segment)
    if header is not None:
        return header
    if len(segment) > limits.HEADER_SEGMENT:
        raise TokenRefused(Reason.TOKEN_TOO_LARGE, "the header")
    try:
        members = parse_object(decode(segment))
    except ValueError as fault:
        raise segment_refusal(fault, segment, "the header") from None
    return _interpret(members)


def segment_refusal(fault: Exception, segment: bytes, name: str) -> TokenRefused:
    """What a segment is refused for that is not strict JSON in canonical base64url."""
    if not segment:
        return TokenRefused(Reason.TOKEN_MALFORMED, f"{name} is empty")
    if isinstance(fault, (NotCanonical, DecodingError, UnicodeError)):
        return TokenRefused(Reason.ENCODING_INVALID, name)
    if isinstance(fault, TooLarge):
        return TokenRefused(Reason.TOKEN_TOO_LARGE, name)
    return TokenRefused(Reason.JSON_INVALID, name)


def remember(segment: bytes) -> None:
    """Keep a header whose token's signature held, so that nobody else can fill the memory."""
    if len(_known) >= _REMEMBERED:
        _known.clear()
    _known[segment] = read(segment)


def _interpret(members: dict[str, Any]) -> Header:
    if not _FORBIDDEN.isdisjoint(members):
        raise TokenRefused(Reason.HEADER_FORBIDDEN, ", ".join(sorted(_FORBIDDEN & set(members))))
    algorithm = members.get("alg")
    if not isinstance(algorithm, str) or not algorithm:
        raise TokenRefused(Reason.HEADER_INVALID, "`alg` is missing or not a string")
    if algorithm not in SUPPORTED:
        raise TokenRefused(Reason.ALGORITHM_NOT_ALLOWED)
    typ = members.get("typ")
    if "typ" in members:
        if not isinstance(typ, str) or not typ.isascii():
            raise TokenRefused(Reason.HEADER_INVALID, "`typ` is not an ASCII string")
        typ = normal_type(typ)
    try:
        kid = check_key_id(members.get("kid"))
    except ValueError:
        raise TokenRefused(Reason.KEY_ID_INVALID) from None
    return kid, algorithm, typ, _CERTIFICATES & members.keys()
