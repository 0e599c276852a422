"""The check of one token: size and shape, header, key, algorithm, signature, claims.

Pure: keys, policy and time are passed in. Anything read before the signature held carries
`unverified_` in its name; what comes back is `Claims`, and every other way out raises.
"""

from collections.abc import Callable, Mapping
from typing import Any

from . import header as jose
from . import limits
from .claims import Claims, claims_fault
from .encoding import NotCanonical, decode, decode_both
from .errors import KeysUnavailable, TokenRefused
from .header import segment_refusal
from .keys import Key, KeySet
from .policy import Policy
from .reasons import Reason
from .strict_json import parse_object

UnverifiedToken = tuple[bytes, bytes, bytes, bytes]
"""Header segment, payload segment, signature segment, and what was signed."""

_EARLIEST = limits.CLOCK_EARLIEST
_LATEST = limits.CLOCK_LATEST
_MOST = limits.TOKEN
_REMEMBERED = 256
_DOT = ord(".")


def verify(token: str | bytes, keys: KeySet, policy: Policy, now: int) -> Claims:
    """Return the claims of `token`, a compact JWS (RFC 7515 section 7.1).

    `now` is in epoch seconds. The policy's own scopes and roles are checked last; those of a
    route are the caller's (`routes`). Raises `TokenRefused`, or `KeysUnavailable` when `now`
    cannot be right.
    """
    verdict = judge(unverified_open(token), keys, policy, now)
    if isinstance(verdict, Claims):
        return verdict
    try:
        raise verdict
    finally:
        # A frame that holds the exception which it raised is garbage that only a collection frees.
        del verdict


def verify_signature(token: str | bytes, keys: KeySet, policy: Policy) -> bytes:
    """Check header rules, key, algorithm and signature alone; return the payload's bytes."""
    header, payload, signature, message = unverified_open(token)
    key = _choose_key(header, keys, policy)
    octets, content = _decoded(signature, payload, key)
    key.check(octets, message)
    if content is None and payload:
        raise segment_refusal(NotCanonical(), payload, "the payload")
    return content or b""


def unverified_open(token: str | bytes) -> UnverifiedToken:
    """Split a token, or raise `TokenRefused`."""
    if isinstance(token, str):
        if len(token) > _MOST:
            raise TokenRefused(Reason.TOKEN_TOO_LARGE)
        if not token.isascii():
            raise TokenRefused(Reason.ENCODING_INVALID, "not ASCII")
        token = token.encode()
    elif not isinstance(token, bytes):
        raise TokenRefused(Reason.TOKEN_MALFORMED, "not text")
    elif len(token) > _MOST:
        raise TokenRefused(Reason.TOKEN_TOO_LARGE)
    message, _, signature = token.rpartition(b".")
    header, dot, payload = message.partition(b".")
    if not dot or _DOT in payload:
        raise TokenRefused(Reason.TOKEN_MALFORMED, "not three segments")
    return header, payload, signature, message


def unverified_key_id(unverified: UnverifiedToken) -> str:
    """The `kid` of a token's header, which must be good in itself; raise `TokenRefused`."""
    return jose.read(unverified[0])[0]


def unverified_issuer(unverified: UnverifiedToken) -> tuple[str, dict[str, Any]]:
    """The `iss` that a token claims, to select the ring when several are trusted; and its payload.

    Nothing else may be done with either before the signature held.
    """
    unverified_members = _members(unverified[1])
    unverified_iss = unverified_members.get("iss")
    if unverified_iss is None:
        raise TokenRefused(Reason.CLAIM_MISSING, "`iss`")
    if not isinstance(unverified_iss, str):
        raise TokenRefused(Reason.CLAIM_INVALID, "`iss` is not a string")
    return unverified_iss, unverified_members


def unverified_parts(token: str | bytes) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and payload of a token, for people to look at. Proves nothing."""
    header, payload, _, _ = unverified_open(token)
    return _members(header), _members(payload)


def judge(
    unverified: UnverifiedToken,
    keys: KeySet,
    policy: Policy,
    now: int,
    *,
    unverified_members: dict[str, Any] | None = None,
    on_verified: Callable[[Mapping[str, Any]], None] | None = None,
) -> Claims | TokenRefused:
    """`verify` for a token that is open already; its payload may have been read too.

    Faults of claims come back as the refusal, faults before them are raised: each frame that an
    exception passes costs as much as several checks, and an expired token is an everyday one.
    `on_verified` hears the payload's members once the signature held, whatever comes of them.
    """
    if not _EARLIEST <= now <= _LATEST:
        raise KeysUnavailable(Reason.CLOCK_INVALID)
    header, payload, signature, message = unverified
    # What a header chose stays the same for the same bytes, keys and policy. It is remembered once
    # a signature held, so that nobody but the issuer can fill that memory.
    chosen = keys.chosen.get(header)
    if chosen is not None and chosen[0] is policy:
        key = chosen[1]
    else:
        key, chosen = _choose_key(header, keys, policy), None
    octets, content = _decoded(signature, payload, key)
    key.check(octets, message)
    if chosen is None:
        _remember(header, keys, policy, key)
    members = unverified_members
    if members is None:
        if content is None:
            raise segment_refusal(NotCanonical(), payload, "the payload")
        try:
            members = parse_object(content)
        except ValueError as error:
            raise segment_refusal(error, payload, "the payload") from None
    if on_verified is not None:
        on_verified(members)
    fault = claims_fault(members, policy, now)
    return Claims(members, key.kid, key.algorithm) if fault is None else fault


def _choose_key(segment: bytes, keys: KeySet, policy: Policy) -> Key:
    """Header rules, the key by exact `kid`, the algorithm pinned to the key: in this order."""
    kid, algorithm, typ, certificates = jose.read(segment)
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
    return key


def _decoded(signature: bytes, payload: bytes, key: Key) -> tuple[bytes, bytes | None]:
    """The octets of both; a payload that is not canonical is None until the signature held."""
    if len(signature) != key.signature_length:
        raise TokenRefused(Reason.SIGNATURE_INVALID)
    octets, content = decode_both(signature, payload)
    if octets is None:
        raise TokenRefused(Reason.ENCODING_INVALID, "the signature")
    return octets, content


def _remember(header: bytes, keys: KeySet, policy: Policy, key: Key) -> None:
    if len(keys.chosen) >= _REMEMBERED:
        keys.chosen.clear()
    keys.chosen[header] = (policy, key)
    jose.remember(header)


def _members(segment: bytes) -> dict[str, Any]:
    try:
        return parse_object(decode(segment))
    except ValueError as error:
        raise segment_refusal(error, segment, "the payload") from None
