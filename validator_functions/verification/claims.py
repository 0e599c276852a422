"""The claims of a token whose signature held, and the rules that they must satisfy."""

from collections.abc import Iterator, Mapping
from typing import Any

from .errors import TokenRefused
from .policy import Policy
from .reasons import Reason

# Stands for a claim that may be left out: any good value.
_ABSENT = "absent"
_UNCHECKED = {"iss": None, "aud": None}
# To look a member of an enumeration up costs as much as three of the checks.
_EXPIRED = Reason.TOKEN_EXPIRED
_OTHER_ISSUER = Reason.ISSUER_MISMATCH
_OTHER_AUDIENCE = Reason.AUDIENCE_MISMATCH
_NO_SCOPE = Reason.SCOPE_MISSING
_NO_ROLE = Reason.ROLE_MISSING


class Claims:
    """Verified claims. Only the check of a signature makes one."""

    __slots__ = ("_algorithm", "_kid", "_members")

    def __init__(self, members: Mapping[str, Any], kid: str, algorithm: str) -> None:
        self._members = members
        self._kid = kid
        self._algorithm = algorithm

    def __getitem__(self, name: str) -> Any:
        return self._members[name]

    def __contains__(self, name: object) -> bool:
        return name in self._members

    def __iter__(self) -> Iterator[str]:
        return iter(self._members)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Claims):
            return NotImplemented
        return (self._members, self._kid) == (other._members, other._kid)

    def __hash__(self) -> int:
        return hash((self._kid, self.issuer, self.subject, self.token_id))

    def __repr__(self) -> str:
        return f"Claims(names={sorted(self._members)}, kid={self._kid!r})"

    @property
    def members(self) -> Mapping[str, Any]:
        """All claims, to read: a remembered verdict shares them. `as_dict` makes a copy."""
        return self._members

    @property
    def kid(self) -> str:
        """The key that signed."""
        return self._kid

    @property
    def algorithm(self) -> str:
        """The key's algorithm."""
        return self._algorithm

    def get(self, name: str, default: Any = None) -> Any:
        """One claim, or `default`."""
        return self._members.get(name, default)

    def as_dict(self) -> dict[str, Any]:
        """A copy of all claims that shares nothing with this object."""
        copied: dict[str, Any] = _copy(self._members)
        return copied

    @property
    def issuer(self) -> str | None:
        """`iss`; None only under a policy that does not check it."""
        return self._members.get("iss")

    @property
    def subject(self) -> str:
        """`sub`."""
        subject: str = self._members["sub"]
        return subject

    @property
    def token_id(self) -> str | None:
        """`jti`, or None."""
        return self._members.get("jti")

    @property
    def expires_at(self) -> int:
        """`exp`, in epoch seconds."""
        expires_at: int = self._members["exp"]
        return expires_at

    @property
    def issued_at(self) -> int:
        """`iat`, in epoch seconds."""
        issued_at: int = self._members["iat"]
        return issued_at

    @property
    def scopes(self) -> frozenset[str]:
        """What `scope` grants."""
        return granted_scopes(self._members)

    @property
    def roles(self) -> frozenset[str]:
        """What `roles` grants."""
        return granted_roles(self._members)


def claims_fault(  # noqa: PLR0911, PLR0912 - one flat list of rules
    claims: dict[str, Any], policy: Policy, now: int
) -> TokenRefused | None:
    """The first rule of `policy` that these claims fail at `now`, as a refusal, or None.

    The order is fixed, so that a token with several faults gives one reason everywhere: who issued
    it, for whom, when, to whom, then what else the policy asks, scopes and roles last. RFC 7519
    section 4.1, RFC 8725 sections 3.8 to 3.10, RFC 9068 section 4.
    """
    # One flat function with the calls in its failing branches: each costs more than its check.
    try:
        issuer, audience, subject = claims["iss"], claims["aud"], claims["sub"]
        expires_at, issued_at = claims["exp"], claims["iat"]
    except KeyError:
        missing = _missing(claims, policy)
        return missing or claims_fault({**_UNCHECKED, **claims}, policy, now)
    if issuer != policy.issuer or issuer is None:
        fault = _issuer_fault(issuer, policy)
        if fault is not None:
            return fault
    audiences = policy.audiences
    if audience.__class__ is not str or audiences is None or audience not in audiences:
        fault = _audience_fault(audience, audiences)
        if fault is not None:
            return fault
    get = claims.get
    not_before = get("nbf", issued_at)
    if (
        expires_at.__class__ is not int
        or issued_at.__class__ is not int
        or not_before.__class__ is not int
        or not 0 <= issued_at < expires_at
        or not_before < 0
    ):
        return _dates_fault(claims)
    skew = policy.clock_skew
    # RFC 7519 section 4.1.4: refused on and after `exp`.
    if now >= expires_at + skew:
        return TokenRefused(_EXPIRED)
    if issued_at > now + skew:
        return TokenRefused(Reason.ISSUED_IN_FUTURE)
    if not_before > now + skew:
        return TokenRefused(Reason.TOKEN_NOT_YET_VALID)
    if expires_at - issued_at > policy.max_lifetime:
        return TokenRefused(Reason.LIFETIME_TOO_LONG)
    if subject.__class__ is not str or not subject or not subject.isprintable():
        return _subject_fault(subject)
    # RFC 8417 section 2.2: `events` makes it a security event (a logout token), not a credential.
    if "events" in claims:
        return TokenRefused(Reason.CLAIM_INVALID, "`events` marks a security event token")
    token_id = get("jti", _ABSENT)
    if token_id.__class__ is not str or not token_id:
        return TokenRefused(Reason.CLAIM_INVALID, "`jti` is not a non-empty string")
    return _further_fault(claims, policy) if policy.further else None


def _missing(claims: Mapping[str, Any], policy: Policy) -> TokenRefused | None:
    unchecked = {
        name
        for name, wanted in (("iss", policy.issuer), ("aud", policy.audiences))
        if wanted is None
    }
    for name in ("iss", "aud", "sub", "exp", "iat"):
        if name not in claims and name not in unchecked:
            return TokenRefused(Reason.CLAIM_MISSING, f"`{name}`")
    return None


def _further_fault(claims: Mapping[str, Any], policy: Policy) -> TokenRefused | None:
    token_id = claims.get("jti")
    if token_id in policy.denied_jtis or (claims.get("iss"), token_id) in policy.denied_jtis:
        return TokenRefused(Reason.TOKEN_DENIED)
    for name in policy.required_claims:
        if claims.get(name) in (None, "", [], {}):
            return TokenRefused(Reason.CLAIM_MISSING, "a claim that the policy requires")
    return grants_fault(claims, policy.scopes, policy.roles)


def grants_fault(
    claims: Mapping[str, Any], scopes: frozenset[str], roles: frozenset[str]
) -> TokenRefused | None:
    """The refusal (403) where not all of `scopes` and all of `roles` are granted, or None.

    A claim of another type than its own grants nothing.
    """
    if scopes and not scopes <= granted_scopes(claims):
        return TokenRefused(_NO_SCOPE)
    if roles and not roles <= granted_roles(claims):
        return TokenRefused(_NO_ROLE)
    return None


def granted_scopes(claims: Mapping[str, Any]) -> frozenset[str]:
    """`scope` (RFC 8693 section 4.2: one string, split at spaces)."""
    scope = claims.get("scope")
    return frozenset(scope.split(" ")) if isinstance(scope, str) else frozenset()


def granted_roles(claims: Mapping[str, Any]) -> frozenset[str]:
    """`roles` (RFC 9068 section 2.2.3.1: a list of strings)."""
    roles = claims.get("roles")
    if isinstance(roles, list) and all(isinstance(role, str) for role in roles):
        return frozenset(roles)
    return frozenset()


def _issuer_fault(issuer: object, policy: Policy) -> TokenRefused | None:
    if issuer is None:
        if policy.issuer is not None:
            return TokenRefused(Reason.CLAIM_MISSING, "`iss`")
    elif not isinstance(issuer, str):
        return TokenRefused(Reason.CLAIM_INVALID, "`iss` is not a string")
    elif policy.issuer is not None:
        return TokenRefused(_OTHER_ISSUER)
    return None


def _audience_fault(audience: object, wanted: frozenset[str] | None) -> TokenRefused | None:
    """RFC 7519 section 4.1.3: one string or a list of strings."""
    if audience.__class__ is str and audience and wanted is not None:
        return TokenRefused(_OTHER_AUDIENCE)  # the caller looked for it
    if audience is None:
        if wanted is not None:
            return TokenRefused(Reason.CLAIM_MISSING, "`aud`")
        return None
    names = audience if isinstance(audience, list) else [audience]
    for name in names or [None]:
        if not isinstance(name, str) or not name:
            return TokenRefused(Reason.CLAIM_INVALID, "`aud` is not a string or a list of strings")
    if wanted is not None and wanted.isdisjoint(names):
        return TokenRefused(_OTHER_AUDIENCE)
    return None


def _dates_fault(claims: Mapping[str, Any]) -> TokenRefused:
    for name in ("exp", "iat"):
        if claims.get(name) is None:
            return TokenRefused(Reason.CLAIM_MISSING, f"`{name}`")
    for name in ("exp", "iat", "nbf"):
        value = claims.get(name, 0)
        if type(value) is not int or value < 0:
            return TokenRefused(Reason.CLAIM_INVALID, f"`{name}` is not an integer date")
    return TokenRefused(Reason.CLAIM_INVALID, "`exp` is not after `iat`")


def _subject_fault(value: object) -> TokenRefused:
    if value is None:
        return TokenRefused(Reason.CLAIM_MISSING, "`sub`")
    return TokenRefused(Reason.CLAIM_INVALID, "`sub` is not a non-empty printable string")


def _copy(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _copy(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_copy(member) for member in value]
    return value
