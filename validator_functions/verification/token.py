"""The check of one token: size and shape, header, key, algorithm, signature, claims.

Pure: keys, policy and time are passed in. Anything read before the signature held carries
`unverified_` in its name; what comes back is `Claims`, and every other way out raises.
"""

from typing import Any

from . import header as jose
from . import limits
from .claims import Claims, check_claims, check_grants
from .encoding import decode
from .errors import KeysUnavailable, TokenRefused
from .header import Header
from .keys import Key, KeySet
from .policy import Policy
from .reasons import Reason
from .strict_json import parse_object

UnverifiedToken = tuple[Header, bytes, bytes, bytes, bytes]
"""Header, header segment, payload segment, signature segment, signing input."""


def verify(token: str | bytes, keys: KeySet, policy: Policy, now: int) -> Claims:
    """Return the claims of `token`, a compact JWS (RFC 7515 section 7.1).

    `now` is in epoch seconds. The policy's own scopes and roles are checked last; those of a
    route are the caller's (`routes`). Raises `TokenRefused`, or `KeysUnavailable` when `now`
    cannot be right.
    """
    return verify_opened(unverified_open(token), keys, policy, now)


def verify_signature(token: str | bytes, keys: KeySet, policy: Policy) -> bytes:
    """Check header rules, key, algorithm and signature alone; return the payload's bytes."""
    unverified = unverified_open(token)
    _check_signature(unverified, keys, policy)
    return _decode_payload(unverified[2]) if unverified[2] else b""


def unverified_open(token: str | bytes) -> UnverifiedToken:
    """Split a token and read its header, or raise `TokenRefused`."""
    if not isinstance(token, (str, bytes)):
        raise TokenRefused(Reason.TOKEN_MALFORMED, "not text")
    if len(token) > limits.TOKEN:
        raise TokenRefused(Reason.TOKEN_TOO_LARGE)
    if isinstance(token, str):
        try:
            token = token.encode("ascii")
        except UnicodeEncodeError:
            raise TokenRefused(Reason.ENCODING_INVALID, "not ASCII") from None
    parts = token.split(b".", 3)
    if len(parts) != 3 or not parts[0]:  # noqa: PLR2004
        raise TokenRefused(Reason.TOKEN_MALFORMED, "not three segments")
    header_segment, payload, signature = parts
    if len(payload) > limits.PAYLOAD_SEGMENT or len(signature) > limits.SIGNATURE_SEGMENT:
        raise TokenRefused(Reason.TOKEN_TOO_LARGE)
    signing_input = token[: -len(signature) - 1]
    return jose.read(header_segment), header_segment, payload, signature, signing_input


def unverified_issuer(unverified: UnverifiedToken) -> tuple[str, dict[str, Any]]:
    """The `iss` that a token claims, to select the ring when several are trusted; and its payload.

    Nothing else may be done with either before the signature held.
    """
    unverified_members = _members(unverified[2])
    unverified_iss = unverified_members.get("iss")
    if unverified_iss is None:
        raise TokenRefused(Reason.CLAIM_MISSING, "`iss`")
    if not isinstance(unverified_iss, str):
        raise TokenRefused(Reason.CLAIM_INVALID, "`iss` is not a string")
    return unverified_iss, unverified_members


def unverified_parts(token: str | bytes) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and payload of a token, for people to look at. Proves nothing."""
    text = token.encode() if isinstance(token, str) else token
    parts = text.split(b".", 3)
    if len(text) > limits.TOKEN or len(parts) != 3:  # noqa: PLR2004
        raise TokenRefused(Reason.TOKEN_MALFORMED, "not three segments")
    return _members(parts[0]), _members(parts[1])


def verify_opened(
    unverified: UnverifiedToken,
    keys: KeySet,
    policy: Policy,
    now: int,
    unverified_members: dict[str, Any] | None = None,
) -> Claims:
    """`verify` for a token that is open already; its payload may have been read too."""
    if not limits.CLOCK_EARLIEST <= now <= limits.CLOCK_LATEST:
        raise KeysUnavailable(Reason.CLOCK_INVALID)
    key = _check_signature(unverified, keys, policy)
    members = _members(unverified[2]) if unverified_members is None else unverified_members
    try:
        check_claims(members, policy, now)
        claims = Claims(members, key.kid, key.algorithm)
        if policy.scopes or policy.roles:
            check_grants(claims, policy.scopes, policy.roles)
    except TokenRefused as refusal:
        refusal.verified_members = members
        raise
    return claims


def _check_signature(unverified: UnverifiedToken, keys: KeySet, policy: Policy) -> Key:
    """Header rules, key by exact `kid`, algorithm pinned to the key, signature: in this order."""
    header, header_segment, _, signature_segment, signing_input = unverified
    kid, algorithm, typ, certificates = header
    if certificates and not policy.foreign:
        raise TokenRefused(Reason.HEADER_FORBIDDEN, "a certificate")
    if typ not in policy.types:
        # RFC 8725 section 3.11: a kind of token that is not named is not accepted.
        raise TokenRefused(Reason.TYPE_NOT_ALLOWED)
    if kid in keys.denied or kid in policy.denied_kids:
        raise TokenRefused(Reason.KEY_DENIED)
    key = keys.get(kid)
    if key is None:
        raise TokenRefused(Reason.KEY_UNKNOWN)
    # RFC 8725 sections 3.1 and 3.2: the key decides the algorithm, the header only agrees.
    if algorithm != key.algorithm or algorithm not in policy.algorithms:
        raise TokenRefused(Reason.ALGORITHM_NOT_ALLOWED)
    if not signature_segment:
        raise TokenRefused(Reason.SIGNATURE_INVALID)
    try:
        signature = decode(signature_segment)
    except ValueError:
        raise TokenRefused(Reason.ENCODING_INVALID, "the signature") from None
    key.check(signature, signing_input)
    jose.remember(header_segment, header)
    return key


def _decode_payload(segment: bytes) -> bytes:
    if not segment:
        raise TokenRefused(Reason.TOKEN_MALFORMED, "the payload is empty")
    try:
        return decode(segment)
    except ValueError:
        raise TokenRefused(Reason.ENCODING_INVALID, "the payload") from None


def _members(segment: bytes) -> dict[str, Any]:
    text = _decode_payload(segment)
    try:
        return parse_object(text)
    except UnicodeError:
        raise TokenRefused(Reason.ENCODING_INVALID, "not UTF-8") from None
    except ValueError:
        raise TokenRefused(Reason.JSON_INVALID, "not one strict JSON object") from None
