"""What a token says: checked before anything is signed, every fault at once. Pure.

Claims are those of RFC 9068 section 2.2, with `act` and `scope` as RFC 8693 section 4 has them,
and `roles`. Subjects and audiences are narrower than RFC 7519 allows: they travel on in HTTP
headers and log lines, so they are visible ASCII.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Final

from signet.errors import Fault, SettingsError
from signet.standard_claims import STANDARD

_NAME_LIMIT: Final = 255
LONGEST_ACTOR: Final = 1_024
_VISIBLE = re.compile(r"[\x21-\x7e]+")
# RFC 7519 section 2, StringOrURI: a value with a colon is a URI (scheme of RFC 3986 section 3.1).
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:.+")
# RFC 6749 section 3.3 and appendix A.4; also VSCHAR without space, quote and backslash for roles.
_SCOPE_TOKEN = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")


@dataclass(frozen=True, kw_only=True)
class Actor:
    """Who acts for the subject (RFC 8693 section 4.1), as `issuer` knows it."""

    subject: str
    issuer: str


@dataclass(frozen=True, kw_only=True)
class TokenRequest:
    """Who gets a token, for whom, to do what, and for how long (`lifetime` in whole seconds).

    `client_id` is who asked for it (RFC 9068 section 2.2 requires one), by default the subject.
    `actor` is who acts for the subject (RFC 8693 section 4.1): a name of this environment's own, or
    an `Actor` of another issuer. `extra` holds claims beyond the
    standard ones; each must be agreed by the claims contract.
    """

    subject: str
    audience: str
    lifetime: int
    scopes: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    client_id: str | None = None
    actor: str | Actor | None = None
    extra: Mapping[str, object] = field(default_factory=dict)


def faults_of(
    request: TokenRequest, *, longest_lifetime: int, agreed: Collection[str] = ()
) -> list[Fault]:
    """Return everything that is wrong with a request; empty when a token may be issued."""
    faults = [
        *_name_faults("subject", request.subject),
        *_name_faults("audience", request.audience),
    ]
    if request.client_id is not None:
        faults += _name_faults("client-id", request.client_id)
    if isinstance(request.actor, Actor):
        faults += _actor_faults(request.actor)
    elif request.actor is not None:
        faults += _name_faults("actor", request.actor)
    faults += [fault for scope in request.scopes for fault in _word_faults("scope", scope)]
    faults += [fault for role in request.roles for fault in _word_faults("role", role)]
    faults += _lifetime_faults(request.lifetime, longest_lifetime)
    for claim in sorted(request.extra):
        if claim in STANDARD:
            faults.append(_fault("claim", claim, "a standard claim", "set it by its own option"))
        elif claim not in agreed:
            faults.append(
                _fault(
                    "claim",
                    claim,
                    "not in the claims contract, so no consumer has agreed to it",
                    "add it to services/contract.yaml first, or leave it out",
                )
            )
    return faults


def claims_of(
    request: TokenRequest,
    *,
    issuer: str,
    longest_lifetime: int,
    now: int,
    entropy: bytes,
    agreed: Collection[str] = (),
) -> dict[str, object]:
    """Return the claims of one token, or raise SettingsError with every fault of the request.

    `entropy` becomes the `jti` and must be 16 fresh random bytes; `now` is epoch seconds.
    """
    faults = faults_of(request, longest_lifetime=longest_lifetime, agreed=agreed)
    if faults:
        raise SettingsError(faults)
    if len(entropy) != 16:  # noqa: PLR2004 (128 bit)
        raise ValueError("a jti takes 128 bits")
    claims: dict[str, object] = {
        "iss": issuer,
        "sub": request.subject,
        "aud": request.audience,
        "client_id": request.client_id or request.subject,
        "iat": now,
        "nbf": now,
        "exp": now + request.lifetime,
        "jti": token_id_of(entropy),
    }
    if isinstance(request.actor, Actor):
        claims["act"] = {"iss": request.actor.issuer, "sub": request.actor.subject}
    elif request.actor is not None:
        claims["act"] = {"sub": request.actor}
    if request.scopes:
        claims["scope"] = " ".join(dict.fromkeys(request.scopes))
    if request.roles:
        claims["roles"] = list(dict.fromkeys(request.roles))
    return {**claims, **request.extra}


def token_id_of(entropy: bytes) -> str:
    """Return the `jti` that 16 random bytes become."""
    return base64.urlsafe_b64encode(entropy).rstrip(b"=").decode("ascii")


def _name_faults(key: str, value: str) -> list[Fault]:
    if not value or len(value) > _NAME_LIMIT:
        return [_fault(key, value, f"must have 1 to {_NAME_LIMIT} characters", f"give one {key}")]
    if not _VISIBLE.fullmatch(value):
        problem = "holds a space, a control character or a letter outside ASCII"
        return [_fault(key, value, problem, "use visible ASCII characters; one name, not a list")]
    if ":" in value and not _URI.fullmatch(value):
        problem = "has a colon but is not a URI (RFC 7519 section 2)"
        return [_fault(key, value, problem, "begin it with a scheme, or leave the colon out")]
    return []


def _actor_faults(actor: Actor) -> list[Fault]:
    """Another issuer's names are taken as they are: it may use colons as it likes."""
    faults = []
    for key, value in (("actor", actor.subject), ("actor issuer", actor.issuer)):
        if not value or len(value) > LONGEST_ACTOR or not _VISIBLE.fullmatch(value):
            problem = f"must be 1 to {LONGEST_ACTOR} visible ASCII characters"
            faults.append(_fault(key, value[:80], problem, "use a platform with shorter names"))
    return faults


def _word_faults(key: str, value: str) -> list[Fault]:
    if _SCOPE_TOKEN.fullmatch(value):
        return []
    return [
        _fault(
            key,
            value,
            "must be one word of visible ASCII without quote and backslash (RFC 6749 section 3.3)",
            f"give one {key} at a time and repeat the option for more",
        )
    ]


def _lifetime_faults(lifetime: int, longest: int) -> list[Fault]:
    if lifetime < 1:
        problem, remedy = "a token lives for at least one second", f"give 1s to {longest}s"
    elif lifetime > longest:
        problem = f"longer than this environment's policy allows ({longest}s)"
        remedy = f"ask for {longest}s or less; signet:tokenLifetime sets the cap"
    else:
        return []
    return [_fault("ttl", f"{lifetime}s", problem, remedy)]


def _fault(key: str, value: str, problem: str, remedy: str) -> Fault:
    return Fault(key=key, value=value, problem=problem, remedy=remedy)
