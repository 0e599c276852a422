"""The table of cases: what is put to a gateway, and what the validator must say to it.

Each bad token has one fault. `needs_scope` cases make sense only where the gateway asks for one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from signet.probing.forgery import Bench
from validator_functions.verification.reasons import Reason

_ELSEWHERE: Final = "https://elsewhere.invalid"
_HOUR: Final = 3600


@dataclass(frozen=True, kw_only=True)
class Case:
    """One request: its name, how its `Authorization` value is made, and the reason to be logged.

    `credentials` returns None for a request without the header; `reason` None means allowed.
    """

    name: str
    credentials: Callable[[Bench], str | None]
    reason: Reason | None
    needs_scope: bool = False

    @property
    def status(self) -> int:
        """The decision's own status, before a gateway translates it."""
        return 200 if self.reason is None else self.reason.status


def _bearer(make: Callable[[Bench], str]) -> Callable[[Bench], str]:
    return lambda bench: f"Bearer {make(bench)}"


def _two_tokens(bench: Bench) -> str:
    return f"Bearer {bench.good()}, Bearer {bench.forged(kid=bench.kid)}"


CASES: Final = (
    Case(name="good token", credentials=_bearer(Bench.good), reason=None),
    Case(name="no token", credentials=lambda _: None, reason=Reason.TOKEN_MISSING),
    Case(
        name="expired",
        credentials=_bearer(
            lambda b: b.signed(iat=b.now - _HOUR, nbf=b.now - _HOUR, exp=b.now - _HOUR + 1)
        ),
        reason=Reason.TOKEN_EXPIRED,
    ),
    Case(
        name="not valid yet",
        credentials=_bearer(lambda b: b.signed(nbf=b.now + 2 * b.clock_skew + 30)),
        reason=Reason.TOKEN_NOT_YET_VALID,
    ),
    Case(
        name="lives too long",
        credentials=_bearer(lambda b: b.signed(exp=b.now + b.longest_lifetime + _HOUR)),
        reason=Reason.LIFETIME_TOO_LONG,
    ),
    Case(
        name="for another audience",
        credentials=_bearer(lambda b: b.signed(aud=_ELSEWHERE)),
        reason=Reason.AUDIENCE_MISMATCH,
    ),
    Case(
        name="of another issuer",
        credentials=_bearer(lambda b: b.signed(iss=_ELSEWHERE)),
        reason=Reason.ISSUER_MISMATCH,
    ),
    Case(
        name="wrong scope",
        credentials=_bearer(lambda b: b.signed(scope=f"{b.scope}x")),
        reason=Reason.SCOPE_MISSING,
        needs_scope=True,
    ),
    Case(
        name="not an access token (typ JWT)",
        credentials=_bearer(lambda b: b.signed(typ="JWT")),
        reason=Reason.TYPE_NOT_ALLOWED,
    ),
    Case(
        name="without a subject",
        credentials=_bearer(lambda b: b.signed(sub=None)),
        reason=Reason.CLAIM_MISSING,
    ),
    Case(
        name="altered payload",
        credentials=_bearer(Bench.with_altered_payload),
        reason=Reason.SIGNATURE_INVALID,
    ),
    Case(
        name="altered signature",
        credentials=_bearer(Bench.with_altered_signature),
        reason=Reason.SIGNATURE_INVALID,
    ),
    Case(
        name="alg none",
        credentials=_bearer(Bench.unsigned),
        reason=Reason.ALGORITHM_NOT_ALLOWED,
    ),
    Case(
        name="HS256 with the public key",
        credentials=_bearer(Bench.keyed_with_the_public_key),
        reason=Reason.ALGORITHM_NOT_ALLOWED,
    ),
    Case(
        name="unknown kid",
        credentials=_bearer(lambda b: b.forged(kid=b.thrown_away_jwk["kid"])),
        reason=Reason.KEY_UNKNOWN,
    ),
    Case(
        name="another key under our kid",
        credentials=_bearer(lambda b: b.forged(kid=b.kid, alg=b.signer.algorithm)),
        reason=Reason.SIGNATURE_INVALID,
    ),
    Case(
        name="brings its own key (jwk)",
        credentials=_bearer(
            lambda b: b.forged(kid=b.thrown_away_jwk["kid"], jwk=b.thrown_away_jwk)
        ),
        reason=Reason.HEADER_FORBIDDEN,
    ),
    Case(
        name="two tokens in one header",
        credentials=_two_tokens,
        reason=Reason.CREDENTIALS_MALFORMED,
    ),
    Case(
        name="another scheme (Basic)",
        credentials=lambda b: f"Basic {b.good()}",
        reason=Reason.CREDENTIALS_MALFORMED,
    ),
)


def cases_for(bench: Bench) -> tuple[Case, ...]:
    """Return the cases that make sense in this environment."""
    return tuple(case for case in CASES if bench.scope or not case.needs_scope)
