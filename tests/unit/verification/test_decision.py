"""From a request to a decision, and to its log line."""

import json
from typing import Any

import pytest

from tests.cases import forge
from tests.cases.forge import ISSUER, NOW, Signer, good_claims
from tests.cases.settings import artefact, document, issuer
from validator_functions.verification.cache import TokenCache
from validator_functions.verification.decision import (
    Authorizer,
    Request,
    StaticKeys,
)
from validator_functions.verification.errors import KeysUnavailable
from validator_functions.verification.keys import KeySet
from validator_functions.verification.reasons import Reason
from validator_functions.verification.settings import ValidatorSettings
from validator_functions.verification.validator import Validator, write_line

_OTHER = "https://other.signet.invalid"


def settings(**changes: Any) -> ValidatorSettings:
    return ValidatorSettings.parse(artefact(document(Signer("RS256"), **changes)))


def authorizer(found: ValidatorSettings | None = None, **arguments: Any) -> Authorizer:
    found = found or settings()
    return Authorizer(found, StaticKeys.of(found), clock=lambda: float(NOW), **arguments)


def request(*headers: tuple[str, str], method: str = "GET", path: str = "/orders/7") -> Request:
    return Request(method, path, headers, "request-1")


def bearer(token: str) -> Request:
    return request(("Authorization", f"Bearer {token}"))


def good() -> str:
    return Signer("RS256").token()


def test_a_good_token_is_allowed_with_its_claims() -> None:
    decision = authorizer().authorize(bearer(good()))
    assert decision.allowed
    assert (decision.status, decision.reason) == (200, None)
    assert decision.claims is not None
    assert decision.claims.as_dict() == good_claims()
    assert (decision.kid, decision.issuer, decision.subject) == (
        Signer("RS256").kid,
        ISSUER,
        "service-orders",
    )


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
@pytest.mark.parametrize("name", ["Authorization", "authorization", "AUTHORIZATION"])
def test_scheme_and_header_name_have_no_case(scheme: str, name: str) -> None:
    assert authorizer().authorize(request((name, f"{scheme} {good()}"))).allowed


@pytest.mark.parametrize("name", ["If-None-Match", "Authorization2", "Authorizatio", "Accept"])
def test_a_header_of_another_name_is_no_second_authorization(name: str) -> None:
    beside = (name, "Bearer x")
    assert authorizer().authorize(request(("Authorization", f"Bearer {good()}"), beside)).allowed
    assert authorizer().authorize(request(beside)).reason is Reason.TOKEN_MISSING


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ([], "token_missing"),
        ([("Cookie", "access_token=TOKEN")], "token_missing"),
        ([("X-Authorization", "Bearer TOKEN")], "token_missing"),
        ([("Authorization", "")], "credentials_malformed"),
        ([("Authorization", "TOKEN")], "credentials_malformed"),
        ([("Authorization", "Basic TOKEN")], "credentials_malformed"),
        ([("Authorization", "BearerTOKEN")], "credentials_malformed"),
        ([("Authorization", "Bearer")], "credentials_malformed"),
        ([("Authorization", "Bearer ")], "credentials_malformed"),
        ([("Authorization", " Bearer TOKEN")], "credentials_malformed"),
        ([("Authorization", "Bearer  TOKEN")], "credentials_malformed"),
        ([("Authorization", "Bearer\tTOKEN")], "credentials_malformed"),
        ([("Authorization", "Bearer TOKEN ")], "credentials_malformed"),
        ([("Authorization", "Bearer TOKEN\n")], "credentials_malformed"),
        ([("Authorization", "Bearer Bearer TOKEN")], "credentials_malformed"),
        ([("Authorization", "Bearer TOKEN,TOKEN")], "credentials_malformed"),
        ([("Authorization", "Bearer TOKEN, Bearer TOKEN")], "credentials_malformed"),
        ([("Authorization", "Bearer TOKEN"), ("Authorization", "Bearer TOKEN")],
         "credentials_malformed"),
        ([("Authorization", "Bearer TOKEN"), ("authorization", "Basic eDp5")],
         "credentials_malformed"),
        ([("Authorization", "Bearer " + "a" * 16_385)], "token_too_large"),
    ],
)  # fmt: skip
def test_credentials_are_one_bearer_header_and_nothing_else(
    headers: list[tuple[str, str]], reason: str
) -> None:
    token = good()
    sent = [(name, value.replace("TOKEN", token)) for name, value in headers]
    decision = authorizer().authorize(request(*sent))
    assert (decision.reason, decision.status) == (reason, 401)
    assert decision.claims is None


def test_a_token_in_the_query_is_not_looked_at() -> None:
    decision = authorizer().authorize(request(path=f"/orders/7?access_token={good()}"))
    assert decision.reason is Reason.TOKEN_MISSING


def test_the_routes_scopes_and_roles_come_after_the_token() -> None:
    decide = authorizer()
    weak = Signer("RS256").token(good_claims(scope="other"))
    assert decide.authorize(bearer(weak)).reason is Reason.SCOPE_MISSING
    authorization = ("Authorization", f"Bearer {good()}")
    deletion = request(authorization, method="DELETE")
    assert decide.authorize(deletion).reason is Reason.ROLE_MISSING
    elsewhere = decide.authorize(request(authorization, path="/other"))
    assert (elsewhere.reason, elsewhere.status) == (Reason.ROUTE_NOT_ALLOWED, 403)
    assert elsewhere.subject == "service-orders"
    assert decide.authorize(request(path="/other")).reason is Reason.TOKEN_MISSING


@pytest.mark.parametrize("now", [0, 1_577_836_799, 4_102_444_801])
def test_a_clock_that_cannot_be_right_judges_nothing(now: int) -> None:
    decision = authorizer().authorize(bearer(good()), now)
    assert (decision.reason, decision.status) == (Reason.CLOCK_INVALID, 503)


def test_the_clock_is_read_when_no_time_is_given() -> None:
    found = settings()
    late = Authorizer(found, StaticKeys.of(found), clock=lambda: NOW + 10_000.5)
    decision = late.authorize(bearer(good()))
    assert (decision.reason, decision.subject) == (Reason.TOKEN_EXPIRED, "service-orders")


@pytest.fixture
def two_issuers() -> ValidatorSettings:
    return settings(
        issuers=[issuer(Signer("RS256")), issuer(Signer("ES256"), name=_OTHER)],
        policy={**document()["policy"], "algorithms": ["RS256", "ES256"]},
    )


def test_each_of_several_issuers_is_bound_to_its_own_keys(two_issuers: ValidatorSettings) -> None:
    decide = authorizer(two_issuers)
    other = good_claims(iss=_OTHER)
    assert decide.authorize(bearer(good())).allowed
    assert decide.authorize(bearer(Signer("ES256").token(other))).allowed
    crossed = decide.authorize(bearer(Signer("RS256").token(other)))
    assert (crossed.reason, crossed.issuer) == (Reason.KEY_UNKNOWN, None)


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        (good_claims(iss="https://unknown.invalid"), "issuer_unknown"),
        (good_claims(iss=None), "claim_missing"),
        (good_claims(iss=[ISSUER]), "claim_invalid"),
        ("not JSON", "json_invalid"),
        ("", "token_malformed"),
        (b"\xff", "encoding_invalid"),
    ],
)
def test_among_several_issuers_the_claimed_one_must_be_readable_and_known(
    two_issuers: ValidatorSettings, claims: Any, reason: str
) -> None:
    decision = authorizer(two_issuers).authorize(bearer(Signer("RS256").token(claims)))
    assert (decision.reason, decision.subject) == (reason, None)


def test_an_altered_payload_among_several_issuers_is_refused(
    two_issuers: ValidatorSettings,
) -> None:
    header, _, signature = good().split(".")
    payload = forge.b64(forge.compact(good_claims(sub="admin")))
    decision = authorizer(two_issuers).authorize(bearer(f"{header}.{payload}.{signature}"))
    assert (decision.reason, decision.subject) == (Reason.SIGNATURE_INVALID, None)


class Broken:
    """A key provider that raises what it is told."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def keyset_for(self, unverified_issuer: str, kid: str, now: int) -> KeySet:
        raise self._error


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (KeysUnavailable(Reason.KEYS_UNAVAILABLE), Reason.KEYS_UNAVAILABLE),
        (KeysUnavailable(Reason.KEYS_STALE), Reason.KEYS_STALE),
        (RuntimeError("secret"), Reason.INTERNAL_ERROR),
        (MemoryError(), Reason.INTERNAL_ERROR),
        (RecursionError(), Reason.INTERNAL_ERROR),
    ],
)
def test_any_exception_anywhere_is_a_refusal(error: Exception, reason: Reason) -> None:
    decision = Authorizer(settings(), Broken(error)).authorize(bearer(good()), NOW)
    assert (decision.reason, decision.status, decision.allowed) == (reason, 503, False)
    assert "secret" not in decision.detail


def test_a_request_of_another_type_is_a_refusal() -> None:
    assert authorizer().authorize(None).reason is Reason.INTERNAL_ERROR  # type: ignore[arg-type]


def test_an_issuer_without_deployed_keys_has_none() -> None:
    found = settings(trust="published", issuers=[issuer(jwks=None)])
    assert authorizer(found).authorize(bearer(good())).reason is Reason.KEYS_UNAVAILABLE


def test_a_remembered_verdict_still_meets_the_route() -> None:
    decide = authorizer(verified=TokenCache(8, 100_000))
    token = good()
    assert decide.authorize(bearer(token)).allowed
    assert decide.authorize(bearer(token)).allowed
    again = request(("Authorization", f"Bearer {token}"), method="DELETE")
    assert decide.authorize(again).reason is Reason.ROLE_MISSING
    assert decide.authorize(bearer(token), NOW + 650).reason is Reason.TOKEN_EXPIRED


def test_a_request_and_a_decision_show_no_token() -> None:
    decision = authorizer().authorize(bearer(good()))
    assert repr(decision) == "Decision(status=200, reason=None)"
    assert repr(bearer(good())) == "Request(method='GET', request_id='request-1')"


# --- the running validator ------------------------------------------------------------------------


def _validator(lines: list[str], **changes: Any) -> Validator:
    found = settings(**changes)
    return Validator.start(StaticKeys.of, read=lambda _: found, environ={}, write=lines.append)


def test_a_validator_logs_refusals_and_reports_itself() -> None:
    lines: list[str] = []
    validator = _validator(lines)
    assert validator.decide(request()).reason is Reason.TOKEN_MISSING
    assert json.loads(lines[0])["reason"] == "token_missing"
    assert validator.report()["ready"] is True


def test_a_validator_logs_passes_where_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.time", lambda: float(NOW))
    for passes in (True, False):
        lines: list[str] = []
        validator = _validator(
            lines, audit={"passes": passes, "subject": "plain", "rotation_due": None}
        )
        token = good()
        decision = validator.decide(bearer(token))
        assert decision.reason in (None, Reason.ISSUED_IN_FUTURE)
        assert len(lines) == (1 if passes or not decision.allowed else 0)


@pytest.mark.parametrize(
    "error", [RuntimeError("secret"), KeysUnavailable(Reason.KEYS_UNAVAILABLE, "no store")]
)
def test_a_validator_that_cannot_start_refuses_everything(error: Exception) -> None:
    def fail(_: ValidatorSettings) -> StaticKeys:
        raise error

    lines: list[str] = []
    found = settings()
    validator = Validator.start(fail, read=lambda _: found, environ={}, write=lines.append)
    assert json.loads(lines[0])["signet"] == "settings_invalid"
    assert "secret" not in lines[0]
    decision = validator.decide(bearer(good()))
    assert (decision.reason, decision.status) == (Reason.POLICY_INVALID, 503)
    report = validator.report()
    assert (report["ready"], report["settings_sha256"]) == (False, found.sha256)


def test_lines_are_written_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    write_line("{}")
    assert capsys.readouterr().out == "{}\n"
