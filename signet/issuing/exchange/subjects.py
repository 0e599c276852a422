"""The platform's token: whose issuer it is, whether it holds, and what it says.

Each issuer that some caller names has one key source: its one pinned address, the foreign-issuer
profile, a lifetime cap of its own. An issuer that no caller names is refused before anything is
fetched.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from signet.callers import Caller
from signet.errors import Fault, SettingsError
from signet.identities import IdentityKind
from signet.issuing.exchange.refusal import ExchangeRefused, Reason
from validator_functions.verification.errors import KeysUnavailable, TokenRefused
from validator_functions.verification.key_source import KeySource, RefreshMode, RingSource
from validator_functions.verification.keys import OWN, foreign
from validator_functions.verification.policy import Policy
from validator_functions.verification.ring_source import KeyEvent, ignore_event
from validator_functions.verification.token import (
    judge,
    unverified_issuer,
    unverified_key_id,
    unverified_open,
)

if TYPE_CHECKING:
    from validator_functions.verification.claims import Claims
    from validator_functions.verification.fetch import Fetcher

CLOCK_SKEW: Final = 60
"""Seconds that a platform's clock may be away from ours."""
_RETRY_AFTER: Final = 2


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A verified platform token."""

    kind: IdentityKind
    issuer: str
    claims: Claims

    @property
    def token_id(self) -> str | None:
        """What identifies this one token, where its platform sends that."""
        name = self.kind.token_id
        value = self.claims.get(name) if name else None
        return value if isinstance(value, str) and value else None

    def is_for(self, audience: str) -> bool:
        """Whether the token was made out to `audience`."""
        named = self.claims["aud"]
        return audience == named or (isinstance(named, list) and audience in named)


@dataclass(frozen=True)
class _Trusted:
    kind: IdentityKind
    policy: Policy
    source: KeySource


class Subjects:
    """Verifies the platform tokens of every caller; thread-safe."""

    def __init__(
        self,
        callers: Iterable[Caller],
        audience: str,
        fetcher: Fetcher,
        *,
        mode: RefreshMode = RefreshMode.BACKGROUND,
        on_event: Callable[[KeyEvent], None] = ignore_event,
    ) -> None:
        """`audience` is what tokens are made out to where a caller says nothing else.

        Raises SettingsError where two callers take one issuer for two platforms.
        """
        kinds: dict[str, IdentityKind] = {}
        audiences: dict[str, set[str]] = {}
        for caller in callers:
            if kinds.setdefault(caller.issuer, caller.kind) is not caller.kind:
                raise SettingsError([_two_kinds(caller)])
            audiences.setdefault(caller.issuer, set()).add(caller.subject_audience or audience)
        self._trusted: Mapping[str, _Trusted] = {
            issuer: _Trusted(
                kind=kind,
                policy=_policy(kind, issuer, audiences[issuer]),
                source=KeySource(_ring(kind, issuer), fetcher, mode=mode, on_event=on_event),
            )
            for issuer, kind in kinds.items()
        }

    def verify(self, token: str, now: int) -> Subject:
        """Return the verified subject; `now` in epoch seconds. Raises ExchangeRefused."""
        try:
            unverified = unverified_open(token)
            issuer, unverified_members = unverified_issuer(unverified)
            trusted = self._trusted.get(issuer)
            if trusted is None:
                raise _not_good("issuer_unknown")
            keys = trusted.source.keyset_for(issuer, unverified_key_id(unverified), now)
            verdict = judge(
                unverified, keys, trusted.policy, now, unverified_members=unverified_members
            )
        except TokenRefused as error:
            raise _not_good(str(error.reason)) from None
        except KeysUnavailable as error:
            raise ExchangeRefused(
                Reason.SUBJECT_UNCHECKED,
                "the platform's keys could not be had; try again",
                detail=str(error.reason),
                retry_after=_RETRY_AFTER,
            ) from None
        if isinstance(verdict, TokenRefused):
            raise _not_good(str(verdict.reason))
        return Subject(kind=trusted.kind, issuer=issuer, claims=verdict)


def _policy(kind: IdentityKind, issuer: str, audiences: set[str]) -> Policy:
    return Policy(
        issuer=issuer,
        audiences=frozenset(audiences),
        algorithms=kind.algorithms,
        max_lifetime=kind.longest_lifetime,
        clock_skew=CLOCK_SKEW,
        typ=kind.typ,
        foreign=kind.foreign,
    )


def _ring(kind: IdentityKind, issuer: str) -> RingSource:
    return RingSource(
        issuer=issuer,
        urls=(kind.jwks_uri(issuer),),
        deployed=None,
        fixed=False,
        profile=foreign(*kind.algorithms) if kind.foreign else OWN,
    )


def _not_good(detail: str) -> ExchangeRefused:
    # RFC 8693 section 2.2.2. Which check failed stands in the log: it would help a forger more
    # than a caller, whose platform makes good tokens.
    return ExchangeRefused(
        Reason.SUBJECT_REFUSED, "the subject token is not accepted", detail=detail
    )


def _two_kinds(caller: Caller) -> Fault:
    return Fault(
        key="issuer",
        value=caller.issuer,
        problem="is named by callers of two kinds of identity",
        remedy="give all callers of one issuer the same `identity`",
    )
