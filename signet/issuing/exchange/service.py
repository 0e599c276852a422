"""One exchange from the request's bytes to the answer's, and the line that is logged of it."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from signet.errors import SignetError
from signet.issuing.claims import TokenRequest, token_id_of
from signet.issuing.errors import KeyUnusable, KmsBusy, KmsUnreachable, SigningDenied, WrongKey
from signet.issuing.exchange.form import TokenForm, parse_form
from signet.issuing.exchange.limits import Rate, TokenBuckets
from signet.issuing.exchange.lines import Trace, exchange_line
from signet.issuing.exchange.policy import Offer, by_audience, choose, request_of
from signet.issuing.exchange.refusal import ExchangeRefused, Reason
from signet.issuing.exchange.replay import ReplayStore, ReplayUnchecked, replay_key
from signet.issuing.exchange.signing import Signing
from signet.issuing.exchange.subjects import CLOCK_SKEW, Subject, Subjects
from signet.issuing.issuer import issue
from signet.token_service import TokenServiceSettings

TOKEN_PATH: Final = "/token"  # noqa: S105 - a path
LONGEST_SECONDS: Final = 5.0
"""A token that took longer is thrown away: its caller has given up, and its life has begun."""
_BUSY_SECONDS: Final = 1
_DOWN_SECONDS: Final = 5


@dataclass(frozen=True, kw_only=True)
class HttpRequest:
    """What a runtime hands over; header names in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    request_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a runtime sends back."""

    status: int
    headers: Mapping[str, str]
    body: str


@dataclass(frozen=True, kw_only=True)
class Clocks:
    """`wall` gives epoch seconds, `monotonic` seconds that only grow."""

    wall: Callable[[], float]
    monotonic: Callable[[], float]


class TokenService:
    """Exchanges tokens; thread-safe. `write` takes one log line."""

    def __init__(
        self,
        settings: TokenServiceSettings,
        subjects: Subjects,
        signings: Mapping[str, Signing],
        replay: ReplayStore | None,
        *,
        clocks: Clocks,
        write: Callable[[str], None],
        draw: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self._settings = settings
        self._subjects = subjects
        self._signings = signings
        self._replay = replay
        self._clocks = clocks
        self._write = write
        self._draw = draw
        self._offers = by_audience(Offer(**vars(service)) for service in settings.services)
        limits = settings.limits
        self._callers = TokenBuckets(
            Rate(per_second=limits.caller_per_second, burst=limits.caller_burst)
        )
        self._kms = TokenBuckets(Rate(per_second=limits.sign_per_second, burst=limits.sign_burst))

    def handle(self, request: HttpRequest) -> Answer:
        """Answer one request and log it. Never raises."""
        trace = Trace(request_id=request.request_id)
        at = self._clocks.wall()
        started = self._clocks.monotonic()
        refusal: ExchangeRefused | None = None
        try:
            answered = answer(200, self._exchange(request, trace, int(at), started))
        except ExchangeRefused as error:
            refusal = error
        except Exception as error:  # noqa: BLE001 - a fault of ours must end as a refusal
            name = type(error).__name__
            refusal = ExchangeRefused(Reason.INTERNAL_ERROR, "an internal error", detail=name)
        trace.parts["total"] = (self._clocks.monotonic() - started) * 1000
        settings = self._settings
        self._write(
            exchange_line(
                trace, refusal, environment=settings.environment, cloud=settings.cloud, at=at
            )
        )
        return answered if refusal is None else refused(refusal)

    def _exchange(
        self, request: HttpRequest, trace: Trace, now: int, started: float
    ) -> dict[str, object]:
        with self._part(trace, "form"):
            form = _form(request)
        offer = self._offers.get(form.audience)
        if offer is None:
            raise ExchangeRefused(Reason.AUDIENCE_UNKNOWN, "no service has this audience")
        trace.service, trace.audience = offer.service, offer.audience
        with self._part(trace, "subject"):
            subject = self._subjects.verify(form.subject_token, now)
        trace.issuer, trace.subject = subject.issuer, subject.claims.subject
        trace.subject_token_id = subject.token_id
        signing = self._signings[offer.ring]
        with self._part(trace, "policy"):
            caller = choose(offer, subject, form, self._settings.subject_audience)
            trace.caller = caller.name
            wanted = request_of(
                caller, offer, subject, form, longest=signing.key.longest_lifetime, now=now
            )
        self._limit(f"{offer.service}/{caller.name}")
        if caller.once:
            with self._part(trace, "replay"):
                self._use_once(subject, now)
        with self._part(trace, "sign"):
            token, token_id = self._sign(signing, wanted, now)
        if self._clocks.monotonic() - started > LONGEST_SECONDS:
            raise _unavailable(Reason.TOO_LATE, "signing took too long", _BUSY_SECONDS)
        trace.kid, trace.token_id = signing.kid, token_id
        trace.scopes, trace.lifetime = wanted.scopes, wanted.lifetime
        return _issued(token, wanted, form)

    def _limit(self, name: str) -> None:
        """The caller's own rate first: a greedy one must not use up what the others share."""
        now = self._clocks.monotonic()
        for buckets, key in ((self._callers, name), (self._kms, "")):
            seconds = buckets.take(key, now)
            if seconds:
                raise ExchangeRefused(
                    Reason.RATE_LIMITED,
                    "too many tokens at once; keep a token until it runs out",
                    detail="caller" if key else "instance",
                    retry_after=seconds,
                )

    def _use_once(self, subject: Subject, now: int) -> None:
        if subject.token_id is None:
            raise ExchangeRefused(
                Reason.TOKEN_ID_MISSING, "the subject token has no id, and is taken once"
            )
        if self._replay is None:
            raise _unavailable(Reason.REPLAY_UNCHECKED, "used tokens are not known", _DOWN_SECONDS)
        self._check_memory(subject, now)
        key = replay_key(subject.issuer, subject.token_id)
        try:
            first = self._replay.first_use(key, subject.claims.expires_at + CLOCK_SKEW)
        except ReplayUnchecked as error:
            refusal = _unavailable(
                Reason.REPLAY_UNCHECKED, "used tokens are not known", _DOWN_SECONDS
            )
            raise refusal from error
        if not first:
            raise ExchangeRefused(Reason.REPLAYED, "the subject token is not accepted")

    def _check_memory(self, subject: Subject, now: int) -> None:
        """Refuse what the token service of an earlier home may have exchanged already.

        A platform's clock may be ahead of ours by the skew, and so may its `iat`.
        """
        since = self._settings.memory_since
        if since is None or now <= since + CLOCK_SKEW:
            raise _unavailable(
                Reason.REPLAY_UNCHECKED,
                "used tokens are not known: the token service has moved",
                _DOWN_SECONDS if since is None else since + CLOCK_SKEW - now + 1,
                "home_moved",
            )
        if since and subject.claims.issued_at <= since + CLOCK_SKEW:
            raise ExchangeRefused(
                Reason.ISSUED_BEFORE_MOVE,
                "the subject token is from before the token service moved; get a new one",
            )

    def _sign(self, signing: Signing, wanted: TokenRequest, now: int) -> tuple[str, str]:
        """Return the token and its `jti`."""
        entropy = self._draw(16)
        try:
            token = issue(
                signing.signer(self._clocks.monotonic()),
                wanted,
                kid=signing.kid,
                issuer=signing.key.issuer,
                longest_lifetime=signing.key.longest_lifetime,
                now=now,
                keys=lambda: signing.keys,
                draw=lambda _: entropy,
            )
        except SignetError as error:
            signing.forget()
            raise _signing_failed(error) from error
        return token, token_id_of(entropy)

    @contextmanager
    def _part(self, trace: Trace, name: str) -> Iterator[None]:
        begun = self._clocks.monotonic()
        try:
            yield
        finally:
            trace.parts[name] = (self._clocks.monotonic() - begun) * 1000


def refused(refusal: ExchangeRefused) -> Answer:
    """Return the answer of a refusal (RFC 6749 section 5.2)."""
    body: dict[str, object] = {
        "error": refusal.error,
        "error_description": refusal.description,
        "reason": str(refusal.reason),
    }
    extra = {} if refusal.retry_after is None else {"retry-after": str(refusal.retry_after)}
    if refusal.reason is Reason.METHOD_NOT_ALLOWED:
        extra["allow"] = "POST"
    return answer(refusal.status, body, extra)


def answer(
    status: int, members: Mapping[str, object], headers: Mapping[str, str] | None = None
) -> Answer:
    """Return a JSON answer that nobody may keep (RFC 6749 section 5.1)."""
    common = {
        "content-type": "application/json",
        "cache-control": "no-store",
        "pragma": "no-cache",
        "x-content-type-options": "nosniff",
    }
    return Answer(
        status=status,
        headers={**common, **(headers or {})},
        body=json.dumps(dict(members), separators=(",", ":")),
    )


def _form(request: HttpRequest) -> TokenForm:
    if request.path != TOKEN_PATH:
        raise ExchangeRefused(Reason.PATH_UNKNOWN, f"the token endpoint is {TOKEN_PATH}")
    if request.method != "POST":
        raise ExchangeRefused(Reason.METHOD_NOT_ALLOWED, "send the form by POST")
    return parse_form(request.headers.get("content-type", ""), request.body)


def _issued(token: str, wanted: TokenRequest, form: TokenForm) -> dict[str, object]:
    """RFC 8693 section 2.2.1; `scope` always, because it may have been cut."""
    return {
        "access_token": token,
        "issued_token_type": form.issued_token_type,
        "token_type": "Bearer",
        "expires_in": wanted.lifetime,
        "scope": " ".join(wanted.scopes),
    }


def _signing_failed(error: SignetError) -> ExchangeRefused:
    name = error.kind
    if isinstance(error, KmsBusy):
        return ExchangeRefused(
            Reason.KMS_BUSY,
            "too many tokens at once; try again",
            detail=name,
            retry_after=_BUSY_SECONDS,
        )
    if isinstance(error, KmsUnreachable):
        return _unavailable(Reason.KMS_UNAVAILABLE, "the KMS did not answer", _BUSY_SECONDS, name)
    if isinstance(error, KeyUnusable | SigningDenied | WrongKey):
        return _unavailable(Reason.KEY_UNUSABLE, "no key signs at the moment", _DOWN_SECONDS, name)
    return ExchangeRefused(Reason.INTERNAL_ERROR, "an internal error", detail=name)


def _unavailable(
    reason: Reason, description: str, retry_after: int, detail: str = ""
) -> ExchangeRefused:
    return ExchangeRefused(reason, description, detail=detail, retry_after=retry_after)
