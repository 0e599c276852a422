"""Which rule lets a verified subject in, and what it gets. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from signet.callers import Caller
from signet.issuing.claims import LONGEST_ACTOR, Actor, TokenRequest
from signet.issuing.exchange.form import TokenForm
from signet.issuing.exchange.refusal import ExchangeRefused, Reason
from signet.issuing.exchange.subjects import Subject

# Visible ASCII but `%`, which begins an escape.
_PLAIN: Final = "!\"#$&'()*+,-./:;<=>?@[\\]^_`{|}~"


@dataclass(frozen=True, kw_only=True)
class Offer:
    """One service's part of the policy. `ring` names whose key signs for it."""

    service: str
    audience: str
    ring: str
    callers: tuple[Caller, ...]


def choose(offer: Offer, subject: Subject, form: TokenForm, default_audience: str) -> Caller:
    """Return the one rule that lets `subject` in. Raises ExchangeRefused.

    Several that fit are never chosen between: the caller says which by `client_id`.
    """
    near = ""
    fitting: list[Caller] = []
    for caller in offer.callers:
        if caller.issuer != subject.issuer or form.client_id not in (None, caller.name):
            continue
        if not subject.is_for(caller.subject_audience or default_audience):
            near = near or "aud"
            continue
        broken = caller.mismatch(subject.claims.members)
        if broken is None:
            fitting.append(caller)
        else:
            near = broken
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        names = ", ".join(caller.name for caller in fitting)
        raise ExchangeRefused(
            Reason.CALLER_AMBIGUOUS, "several callers fit; say which by `client_id`", detail=names
        )
    raise ExchangeRefused(
        Reason.CALLER_UNKNOWN, "no caller of this service has this identity", detail=near
    )


def request_of(
    caller: Caller, offer: Offer, subject: Subject, form: TokenForm, *, longest: int, now: int
) -> TokenRequest:
    """Return the token that `caller` gets. Raises ExchangeRefused.

    `longest` is the environment's cap in seconds. Scopes are cut to the rule's (RFC 6749 section
    3.3: the answer then says which); asking only for others is refused. A token that stems from
    another environment of ours never outlives the one that it stems from; a platform's token only
    proves who asks at this moment.
    """
    scopes = caller.scopes
    if form.scopes is not None:
        scopes = tuple(scope for scope in form.scopes if scope in caller.scopes)
        if not scopes:
            raise ExchangeRefused(Reason.SCOPE_REFUSED, "none of these scopes may be had")
    acting = visible(subject.claims.subject)
    if len(acting) > LONGEST_ACTOR:
        raise ExchangeRefused(
            Reason.SUBJECT_REFUSED, "the subject's name is too long", detail="subject_too_long"
        )
    lifetime = min(caller.lifetime, longest)
    if not subject.kind.foreign:
        lifetime = min(lifetime, subject.claims.expires_at - now)
        if lifetime < 1:
            raise ExchangeRefused(
                Reason.SUBJECT_REFUSED, "the subject token is not accepted", detail="token_expired"
            )
    return TokenRequest(
        subject=caller.name,
        client_id=caller.name,
        audience=offer.audience,
        lifetime=lifetime,
        scopes=scopes,
        roles=caller.roles,
        actor=Actor(subject=acting, issuer=subject.issuer),
    )


def visible(text: str) -> str:
    """Return a subject as visible ASCII: what else it holds is percent-encoded (RFC 3986 2.1).

    GitHub's `sub` has the environment's name in it, which may hold spaces, and a branch's.
    """
    return quote(text, safe=_PLAIN)


def by_audience(offers: Iterable[Offer]) -> dict[str, Offer]:
    """Return the offers by the audience that selects them."""
    return {offer.audience: offer for offer in offers}
