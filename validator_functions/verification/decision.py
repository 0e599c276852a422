"""The one entry: a request in, a decision out. Nothing here raises; any exception is a refusal."""

import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from . import limits
from ._frozen import Frozen
from .claims import Claims, grants_fault
from .errors import KeysUnavailable, TokenRefused, VerificationError
from .keys import KeySet
from .policy import Policy
from .reasons import Reason
from .settings import ValidatorSettings
from .token import judge, unverified_issuer, unverified_key_id, unverified_open

ALLOWED = 200
_SCHEME = "bearer "
_NAME = "authorization"
_NAME_LENGTH = len(_NAME)
_SHOWN = 256
_OF_TOKENS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_."


class _RequestParts:
    """A request while it is filled (`Frozen`)."""

    __slots__ = ("headers", "method", "path", "request_id")


class Request(Frozen, _RequestParts):
    """What a gateway passes on. Header names in any case; `path` as it came, without its query."""

    __slots__ = ()
    method: str
    path: str
    headers: tuple[tuple[str, str], ...]
    request_id: str

    def __new__(
        cls,
        method: str,
        path: str,
        headers: tuple[tuple[str, str], ...],
        request_id: str = "",
    ) -> "Request":
        """Take the parts; `request_id` is for the log."""
        made: Any = _RequestParts()
        made.method = method
        made.path = path
        made.headers = headers
        made.request_id = request_id
        made.__class__ = cls
        request: Request = made
        return request

    def __repr__(self) -> str:
        return f"Request(method={self.method!r}, request_id={self.request_id!r})"


class _DecisionParts:
    """A decision while it is filled (`Frozen`)."""

    __slots__ = (
        "allowed",
        "claims",
        "detail",
        "issuer",
        "kid",
        "reason",
        "status",
        "subject",
        "token_id",
    )


class Decision(Frozen, _DecisionParts):
    """The answer. `status` is 200, 401, 403 or 503; `reason` is None exactly when allowed.

    `kid` is known once a header was read; `issuer`, `subject` and `token_id` (its `jti`, if there
    is one) only after the signature held.
    """

    __slots__ = ()
    allowed: bool
    status: int
    reason: Reason | None
    claims: Claims | None
    detail: str
    kid: str | None
    issuer: str | None
    subject: str | None
    token_id: str | None

    def __new__(
        cls,
        *,
        reason: Reason | None,
        claims: Claims | None = None,
        detail: str = "",
        kid: str | None = None,
        issuer: str | None = None,
        subject: str | None = None,
        token_id: str | None = None,
    ) -> "Decision":
        """Take the parts; claims are kept only where it is allowed."""
        made: Any = _DecisionParts()
        made.allowed = reason is None
        made.status = ALLOWED if reason is None else reason.status
        made.reason = reason
        made.claims = claims if reason is None else None
        made.detail = detail
        made.kid = kid
        made.issuer = issuer
        made.subject = subject
        made.token_id = token_id
        made.__class__ = cls
        decision: Decision = made
        return decision

    def __repr__(self) -> str:
        return f"Decision(status={self.status}, reason={self.reason})"


class KeyProvider(Protocol):
    """Where keys come from. Known keys are answered at once."""

    def keyset_for(self, unverified_issuer: str, kid: str, now: int) -> KeySet:
        """The set to verify with; raises `KeysUnavailable` when none can be trusted now.

        The issuer is a trusted one, but that the token is its, is not yet known.
        """
        ...  # pragma: no cover


class VerifiedTokens(Protocol):
    """A cache of verdicts. An entry counts only for the very same keys and policy objects."""

    def find(self, token: str) -> tuple[str, str] | None:
        """The issuer and the `kid` under which this very token passed before."""
        ...  # pragma: no cover

    def get(self, token: str, keys: KeySet, policy: Policy, now: int) -> Claims | None:
        """The claims of a token that these keys and this policy let pass before, if still so."""
        ...  # pragma: no cover

    def put(self, token: str, keys: KeySet, policy: Policy, claims: Claims, now: int) -> None:
        """Remember a verdict until the token's `exp`."""
        ...  # pragma: no cover


class StaticKeys:
    """The keys that were deployed, and no others: no network."""

    def __init__(self, key_sets: Mapping[str, KeySet]) -> None:
        self._key_sets = dict(key_sets)

    @classmethod
    def of(cls, settings: ValidatorSettings) -> "StaticKeys":
        """The deployed keys of every issuer in the settings."""
        return cls({issuer.issuer: issuer.key_set for issuer in settings.issuers if issuer.key_set})

    def keyset_for(self, unverified_issuer: str, kid: str, now: int) -> KeySet:  # noqa: ARG002
        """The issuer's deployed keys, whatever the time."""
        keys = self._key_sets.get(unverified_issuer)
        if keys is None:
            raise KeysUnavailable(Reason.KEYS_UNAVAILABLE)
        return keys


class Authorizer:
    """Decides requests under one set of settings."""

    def __init__(
        self,
        settings: ValidatorSettings,
        keys: KeyProvider,
        *,
        clock: Callable[[], float] = time.time,
        verified: VerifiedTokens | None = None,
    ) -> None:
        self._policies = {issuer.issuer: issuer.policy for issuer in settings.issuers}
        only = settings.issuers[0].issuer if len(settings.issuers) == 1 else None
        self._only_issuer = only
        self._routes = settings.routes
        self._keys = keys
        self._clock = clock
        self._verified = verified

    def authorize(self, request: Request, now: int | None = None) -> Decision:
        """Decide; `now` in epoch seconds, by default the clock's. Never raises."""
        seen = _Seen()
        try:
            return self._allow(request, int(self._clock()) if now is None else now, seen)
        except VerificationError as error:
            return seen.refusal(error)
        except Exception as error:  # noqa: BLE001 - any exception, anywhere, is a refusal
            return Decision(reason=Reason.INTERNAL_ERROR, detail=type(error).__name__, kid=seen.kid)

    def _allow(self, request: Request, now: int, seen: "_Seen") -> Decision:
        if not limits.CLOCK_EARLIEST <= now <= limits.CLOCK_LATEST:
            raise KeysUnavailable(Reason.CLOCK_INVALID)
        token = bearer_token(request)
        claims = self._claims_seen_before(token, now, seen) or self._claims(token, now, seen)
        if isinstance(claims, TokenRefused):
            return seen.refusal(claims)
        members = seen.members = claims.members
        scopes, roles = self._routes.match(request.method, request.path, request.headers)
        fault = grants_fault(members, scopes, roles)
        if fault is not None:
            return seen.refusal(fault)
        return Decision(
            reason=None,
            claims=claims,
            kid=seen.kid,
            issuer=members.get("iss"),
            subject=members["sub"],
            token_id=members.get("jti"),
        )

    def _claims_seen_before(self, token: str, now: int, seen: "_Seen") -> Claims | None:
        """The claims of a token that passed before, if today's keys and policy are still those.

        The key provider is asked as ever: it may have heard of a denial, or nothing for too long.
        """
        found = None if self._verified is None else self._verified.find(token)
        if found is None or self._verified is None:
            return None
        issuer, seen.kid = found
        policy = self._policies.get(issuer)
        if policy is None:
            return None
        keys = self._keys.keyset_for(issuer, seen.kid, now)
        return self._verified.get(token, keys, policy, now)

    def _claims(self, token: str, now: int, seen: "_Seen") -> Claims | TokenRefused:
        """The claims, or as `judge` has it the refusal: to raise it costs more than it tells."""
        if not _is_printable(token):
            raise TokenRefused(Reason.CREDENTIALS_MALFORMED)
        unverified = unverified_open(token)
        kid = seen.kid = unverified_key_id(unverified)
        unverified_members = None
        if self._only_issuer is None:
            unverified_iss, unverified_members = unverified_issuer(unverified)
        else:
            unverified_iss = self._only_issuer
        policy = self._policies.get(unverified_iss)
        if policy is None:
            raise TokenRefused(Reason.ISSUER_UNKNOWN)
        keys = self._keys.keyset_for(unverified_iss, kid, now)
        verdict = judge(
            unverified,
            keys,
            policy,
            now,
            unverified_members=unverified_members,
            on_verified=seen.note,
        )
        if self._verified is not None and isinstance(verdict, Claims):
            self._verified.put(token, keys, policy, verdict, now)
        return verdict


class _Seen:
    """How far a decision came, for the log line of a refusal."""

    __slots__ = ("kid", "members")

    def __init__(self) -> None:
        self.kid: str | None = None
        self.members: Mapping[str, Any] = {}

    def note(self, members: Mapping[str, Any]) -> None:
        """Take the members of a payload whose signature held."""
        self.members = members

    def refusal(self, fault: VerificationError) -> Decision:
        """The answer to a fault, with what is known by now."""
        members = self.members
        return Decision(
            reason=fault.reason,
            detail=fault.detail,
            kid=self.kid,
            issuer=_shown(members.get("iss")),
            subject=_shown(members.get("sub")),
            token_id=_shown(members.get("jti")),
        )


def bearer_token(request: Request) -> str:
    """The token of the one `Authorization: Bearer` header; raise `TokenRefused`.

    RFC 6750 section 2.1, and nothing else: no query, no body, no cookie. Two headers, two tokens
    joined by a comma or another scheme are refused, since another reader might pick the other.
    """
    value = None
    for name, content in request.headers:
        if len(name) == _NAME_LENGTH and name.lower() == _NAME:
            if value is not None:
                raise TokenRefused(Reason.CREDENTIALS_MALFORMED)
            value = content
    if value is None:
        raise TokenRefused(Reason.TOKEN_MISSING)
    if value[:7].lower() != _SCHEME:
        raise TokenRefused(Reason.CREDENTIALS_MALFORMED)
    if len(value) > limits.TOKEN + len(_SCHEME):
        raise TokenRefused(Reason.TOKEN_TOO_LARGE)
    token = value[7:]
    if not token or " " in token or "," in token:
        raise TokenRefused(Reason.CREDENTIALS_MALFORMED)
    return token


def _is_printable(token: str) -> bool:
    """`isprintable`, in a quarter of its time for what a token is made of."""
    if token.isascii() and not token.encode().translate(None, _OF_TOKENS):
        return True
    return token.isprintable()


def _shown(value: object) -> str | None:
    return value[:_SHOWN] if isinstance(value, str) else None
