"""The claims of a token whose signature held, and the rules that they must satisfy."""

from collections.abc import Iterator, Mapping
from typing import Any

from ._frozen import Frozen
from .errors import TokenRefused
from .policy import Policy
from .reasons import Reason

# The last second of the year 9999; RFC 7519 section 2 allows any number, we only sane ones.
_LATEST_DATE = 253_402_300_799


class Claims(Frozen):
    """Verified claims. Only the check of a signature makes one.

    `members` is read-only by agreement: a cached verdict shares it. `as_dict` makes a copy.
    """

    __slots__ = ("algorithm", "kid", "members")
    members: Mapping[str, Any]
    kid: str
    algorithm: str

    def __init__(self, members: Mapping[str, Any], kid: str, algorithm: str) -> None:
        put = object.__setattr__
        put(self, "members", members)
        put(self, "kid", kid)
        put(self, "algorithm", algorithm)

    def __getitem__(self, name: str) -> Any:
        return self.members[name]

    def __contains__(self, name: object) -> bool:
        return name in self.members

    def __iter__(self) -> Iterator[str]:
        return iter(self.members)

    def __hash__(self) -> int:
        return hash((self.kid, self.issuer, self.subject, self.token_id))

    def __repr__(self) -> str:
        return f"Claims(names={sorted(self.members)}, kid={self.kid!r})"

    def get(self, name: str, default: Any = None) -> Any:
        """One claim, or `default`."""
        return self.members.get(name, default)

    def as_dict(self) -> dict[str, Any]:
        """A copy of all claims that shares nothing with this object."""
        copied: dict[str, Any] = _copy(self.members)
        return copied

    @property
    def issuer(self) -> str | None:
        """`iss`; None only under a policy that does not check it."""
        return self.members.get("iss")

    @property
    def subject(self) -> str:
        """`sub`."""
        subject: str = self.members["sub"]
        return subject

    @property
    def token_id(self) -> str | None:
        """`jti`, or None."""
        return self.members.get("jti")

    @property
    def expires_at(self) -> int:
        """`exp`, in epoch seconds."""
        expires_at: int = self.members["exp"]
        return expires_at

    @property
    def issued_at(self) -> int:
        """`iat`, in epoch seconds."""
        issued_at: int = self.members["iat"]
        return issued_at

    @property
    def scopes(self) -> frozenset[str]:
        """`scope` (RFC 8693 section 4.2: one string, split at spaces); any other type is none."""
        scope = self.members.get("scope")
        return frozenset(scope.split(" ")) if isinstance(scope, str) else frozenset()

    @property
    def roles(self) -> frozenset[str]:
        """`roles` (RFC 9068 section 2.2.3.1: a list of strings); any other type is none."""
        roles = self.members.get("roles")
        if isinstance(roles, list) and all(isinstance(role, str) for role in roles):
            return frozenset(roles)
        return frozenset()


def check_claims(claims: dict[str, Any], policy: Policy, now: int) -> None:  # noqa: PLR0912
    """Check every rule of `policy` at `now`; raise `TokenRefused` at the first that fails.

    The order is fixed, so that a token with several faults gives one reason everywhere: who issued
    it, for whom, when, to whom, denied or not, then what else the policy requires, then scopes and
    roles. RFC 7519 section 4.1, RFC 8725 sections 3.8 to 3.10, RFC 9068 section 4.
    """
    # One flat function: each call costs more than the check in it.
    get = claims.get
    issuer = get("iss")
    if issuer != policy.issuer or issuer is None:
        _check_issuer(issuer, policy)
    audience = get("aud")
    audiences = policy.audiences
    if audience.__class__ is not str or audiences is None or audience not in audiences:
        _check_audience(audience, audiences)
    expires_at: Any = get("exp")
    issued_at: Any = get("iat")
    if expires_at.__class__ is not int or issued_at.__class__ is not int:
        _refuse_date("exp", expires_at)
        _refuse_date("iat", issued_at)
    # RFC 7519 section 4.1.4: refused on and after `exp`.
    skew = policy.clock_skew
    if not 0 <= issued_at < expires_at <= _LATEST_DATE:
        raise TokenRefused(Reason.CLAIM_INVALID, "`iat` and `exp` are no span of time")
    if now >= expires_at + skew:
        raise TokenRefused(Reason.TOKEN_EXPIRED)
    if issued_at > now + skew:
        raise TokenRefused(Reason.ISSUED_IN_FUTURE)
    if expires_at - issued_at > policy.max_lifetime:
        raise TokenRefused(Reason.LIFETIME_TOO_LONG)
    if "nbf" in claims:
        not_before = claims["nbf"]
        if not_before.__class__ is not int or not 0 <= not_before <= _LATEST_DATE:
            raise TokenRefused(Reason.CLAIM_INVALID, "`nbf` is not a date")
        if not_before > now + skew:
            raise TokenRefused(Reason.TOKEN_NOT_YET_VALID)
    subject = get("sub")
    if subject.__class__ is not str or not subject or not subject.isprintable():
        _refuse_string("sub", subject)
    token_id = get("jti")
    if token_id.__class__ is not str or not token_id:
        if "jti" in claims:
            raise TokenRefused(Reason.CLAIM_INVALID, "`jti` is not a non-empty string")
    elif policy.denied_jtis and (
        token_id in policy.denied_jtis or (issuer, token_id) in policy.denied_jtis
    ):
        raise TokenRefused(Reason.TOKEN_DENIED)
    # RFC 8417 section 2.2: `events` makes it a security event (a logout token), not a credential.
    if "events" in claims:
        raise TokenRefused(Reason.CLAIM_INVALID, "`events` marks a security event token")
    for name in policy.required_claims:
        if get(name) in (None, "", [], {}):
            raise TokenRefused(Reason.CLAIM_MISSING, "a claim that the policy requires")


def check_grants(claims: Claims, scopes: frozenset[str], roles: frozenset[str]) -> None:
    """Require all of `scopes` and all of `roles`; raise `TokenRefused` (403)."""
    if scopes and not scopes <= claims.scopes:
        raise TokenRefused(Reason.SCOPE_MISSING)
    if roles and not roles <= claims.roles:
        raise TokenRefused(Reason.ROLE_MISSING)


def _check_issuer(issuer: object, policy: Policy) -> None:
    if issuer is None and policy.issuer is not None:
        raise TokenRefused(Reason.CLAIM_MISSING, "`iss`")
    if issuer is not None and not isinstance(issuer, str):
        raise TokenRefused(Reason.CLAIM_INVALID, "`iss` is not a string")
    if policy.issuer is not None:
        raise TokenRefused(Reason.ISSUER_MISMATCH)


def _check_audience(audience: object, wanted: frozenset[str] | None) -> None:
    """RFC 7519 section 4.1.3: one string or a list of strings."""
    if audience is None:
        if wanted is not None:
            raise TokenRefused(Reason.CLAIM_MISSING, "`aud`")
        return
    names = audience if isinstance(audience, list) else [audience]
    if not names or not all(isinstance(name, str) and name for name in names):
        raise TokenRefused(Reason.CLAIM_INVALID, "`aud` is not a string or a list of strings")
    if wanted is not None and wanted.isdisjoint(names):
        raise TokenRefused(Reason.AUDIENCE_MISMATCH)


def _refuse_date(name: str, value: object) -> None:
    if value is None:
        raise TokenRefused(Reason.CLAIM_MISSING, f"`{name}`")
    if type(value) is not int:
        raise TokenRefused(Reason.CLAIM_INVALID, f"`{name}` is not an integer")


def _refuse_string(name: str, value: object) -> None:
    if value is None:
        raise TokenRefused(Reason.CLAIM_MISSING, f"`{name}`")
    raise TokenRefused(Reason.CLAIM_INVALID, f"`{name}` is not a non-empty printable string")


def _copy(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _copy(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_copy(member) for member in value]
    return value
