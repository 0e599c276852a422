"""Issuing one token: claims, a signature from the KMS, and a check before it leaves."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection
from typing import Final

from signet.documents import jwk_from_pem
from signet.issuing.claims import TokenRequest, claims_of
from signet.issuing.errors import WrongKey
from signet.issuing.pyjwt_algorithm import TOKEN_TYPE, encode
from signet.issuing.signers import Signer, TokenSigner
from validator_functions.verification import (
    KeySet,
    Policy,
    Reason,
    VerificationError,
    verify,
)

_JTI_BYTES: Final = 16


def confirmed_keys(signer: Signer, kid: str) -> KeySet:
    """Return the key set with which a token of `signer` is checked: the one key named `kid`.

    The public half comes from the KMS. That it is the confirmed one is proved by its thumbprint
    (RFC 7638), which is what `kid` is. One call to the KMS; keep the answer to issue many tokens.

    Raises WrongKey where the KMS holds another key, and the signer's own errors.
    """
    try:
        jwk = jwk_from_pem(signer.public_key_pem(), signer.algorithm)
    except ValueError as error:
        raise WrongKey(
            f"the KMS key cannot be the one that was confirmed: {error}",
            where=f"confirmed kid {kid}",
            remedy="run `signet up`, which compares every key with its record",
        ) from error
    if jwk["kid"] != kid:
        raise WrongKey(
            "the KMS key is not the one that was confirmed: its public half has another thumbprint",
            where=f"confirmed kid {kid}, found {jwk['kid']}",
            remedy="run `signet up`, which compares every key with its record; if nobody changed "
            "anything, treat the key as tainted",
        )
    return KeySet.parse({"keys": [jwk]})


def issue(
    signer: TokenSigner,
    request: TokenRequest,
    *,
    kid: str,
    issuer: str,
    longest_lifetime: int,
    now: int,
    keys: Callable[[], KeySet],
    agreed: Collection[str] = (),
    draw: Callable[[int], bytes] = secrets.token_bytes,
) -> str:
    """Return a signed token (RFC 9068, compact JWS) for `request`.

    `kid`, `issuer` and `longest_lifetime` (seconds) are those of the confirmed record; `now` is
    epoch seconds; `keys` gives the confirmed public key, and is asked once the request is known to
    be good (`confirmed_keys`, or what was deployed); `agreed` names the claims beyond the standard
    ones that the claims contract allows. Before the token leaves, the module that every validator
    runs has accepted it.

    Raises SettingsError with every fault of the request, WrongKey where the KMS signed with
    another key, and the signer's own errors (`signet.issuing.errors`).
    """
    claims = claims_of(
        request,
        issuer=issuer,
        longest_lifetime=longest_lifetime,
        now=now,
        entropy=draw(_JTI_BYTES),
        agreed=agreed,
    )
    known = keys()
    token = encode(signer, claims, kid=kid)
    policy = Policy(
        issuer=issuer,
        audiences=(request.audience,),
        algorithms=(signer.algorithm,),
        max_lifetime=longest_lifetime,
        clock_skew=0,
        typ=TOKEN_TYPE,
    )
    try:
        verify(token, known, policy, now)
    except VerificationError as error:
        raise _rejected(error.reason, kid) from error
    return token


def _rejected(reason: Reason, kid: str) -> WrongKey:
    if reason is Reason.SIGNATURE_INVALID:
        return WrongKey(
            "what the KMS signed does not verify with the confirmed public key",
            where=f"kid {kid}",
            remedy="run `signet up`, which compares every key with its record",
        )
    return WrongKey(
        f"a validator would refuse this token ({reason}), so it was thrown away",
        where=f"kid {kid}",
        remedy="make the token smaller or shorter, and check this machine's clock",
    )
