"""What stands in a log line, and what never does. The lines of whole runtimes: tests/functions."""

import hashlib
import json
from typing import Any

import jsonschema
import pytest

from signet.paths import repo_root
from tests.cases import forge
from tests.cases.forge import ISSUER, NOW, Signer, good_claims
from tests.cases.settings import artefact, document
from validator_functions.verification.audit import (
    audit_line,
    fault_line,
    is_audited,
    is_overdue,
    key_event_line,
)
from validator_functions.verification.decision import Authorizer, Decision, Request, StaticKeys
from validator_functions.verification.key_source import KeyEvent
from validator_functions.verification.reasons import Reason
from validator_functions.verification.settings import ValidatorSettings
from validator_functions.verification.trusted_keys import Change
from validator_functions.verification.validator import Validator

SCHEMA = json.loads((repo_root() / "docs" / "audit.schema.json").read_text())
SIGNER = Signer("RS256")
AUDIT = {"passes": False, "subject": "plain", "rotation_due": None}


def settings(**audit: Any) -> ValidatorSettings:
    return ValidatorSettings.parse(artefact(document(SIGNER, audit={**AUDIT, **audit})))


def request(
    token: str, path: str = "/orders/7", request_id: str = "request-1", method: str = "GET"
) -> Request:
    return Request(method, path, (("Authorization", f"Bearer {token}"),), request_id)


def decided(asked: Request, found: ValidatorSettings, now: int = NOW) -> Decision:
    return Authorizer(found, StaticKeys.of(found)).authorize(asked, now)


def line_of(
    asked: Request, found: ValidatorSettings | None = None, now: int = NOW
) -> dict[str, Any]:
    found = found or settings()
    return checked(audit_line(decided(asked, found, now), asked, found, NOW + 0.25, "http_api"))


def checked(line: str) -> dict[str, Any]:
    """The line as read back, after the schema and the promise of one ASCII line were held to it."""
    assert line.isascii()
    assert line.isprintable()
    told: dict[str, Any] = json.loads(line)
    jsonschema.validate(told, SCHEMA)
    return told


def test_a_refusals_line_says_everything_that_an_operator_asks() -> None:
    assert line_of(request(SIGNER.token(good_claims(aud="other")))) == {
        "signet": "decision",
        "time": "2027-01-15T08:00:00.250Z",
        "environment": "test",
        "service": "environment",
        "cloud": "aws",
        "gateway": "http_api",
        "allowed": False,
        "status": 401,
        "reason": "audience_mismatch",
        "detail": "",
        "kid": SIGNER.kid,
        "verified": True,
        "iss": ISSUER,
        "sub": "service-orders",
        "jti": good_claims()["jti"],
        "route": "GET /orders/{id}",
        "request_id": "request-1",
        "bundle": "0" * 64,
    }


def test_nothing_of_an_unverified_token_is_in_its_line_but_the_kid() -> None:
    evil = Signer("RS256", forge.rsa_private(label="evil"), kid=SIGNER.kid)
    told = line_of(request(evil.token(good_claims(sub="admin", jti="forged-id"))))
    assert (told["reason"], told["verified"]) == ("signature_invalid", False)
    assert (told["iss"], told["sub"], told["jti"]) == (None, None, None)
    assert told["kid"] == SIGNER.kid


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("plain", "somebody@example.org"),
        ("pseudonym", None),
        ("omitted", None),
    ],
)
def test_a_subject_that_is_personal_is_replaced_or_left_out(kind: str, told: str | None) -> None:
    person = "somebody@example.org"
    if kind == "pseudonym":
        told = "sha256:" + hashlib.sha256((ISSUER + "\n" + person).encode()).hexdigest()[:32]
    for claims in (good_claims(sub=person), good_claims(sub=person, aud="other")):
        asked = request(SIGNER.token(claims))
        found = settings(subject=kind, passes=True)
        line = audit_line(decided(asked, found), asked, found, NOW)
        assert checked(line)["sub"] == told
        assert kind == "plain" or person not in line


@pytest.mark.parametrize(
    ("method", "path", "route"),
    [
        ("GET", "/orders/7", "GET /orders/{id}"),
        ("HEAD", "/orders/7", "GET /orders/{id}"),
        ("DELETE", "/orders/anna%40example.org", "DELETE /orders/{id}"),
        ("POST", "/orders/7", None),
        ("GET", "/orders", None),
        ("GET", "/orders//7", None),
        ("GET", "", None),
    ],
)
def test_the_route_is_the_rule_and_never_the_path(method: str, path: str, route: str) -> None:
    assert line_of(request("x", path, method=method))["route"] == route


def test_a_rule_for_every_method_is_named_so() -> None:
    rules = {"default": "refuse", "rules": [{"methods": ["*"], "path": "/**"}]}
    found = ValidatorSettings.parse(artefact(document(SIGNER, routes=rules)))
    assert line_of(request("x"), found)["route"] == "* /**"


def test_no_part_of_a_token_is_in_any_line() -> None:
    good = SIGNER.token()
    for token in (good, good[:-4], good.replace(".", ".x", 1), "aaaaaaaa.bb.c"):
        parts = [part for part in (token, *token.split(".")) if len(part) > 7]
        for place in ("/orders/{}", "/orders/7?access_token={}"):
            for request_id in ("request-1", *parts):
                asked = request(token, place.format(token), request_id)
                line = audit_line(decided(asked, settings(), NOW + 9_999), asked, settings(), NOW)
                checked(line)
                assert [part for part in parts if part in line] == []


@pytest.mark.parametrize("request_id", ["", "a\nb", "schön", "\x7f"])
def test_a_request_id_that_does_not_print_is_left_out(request_id: str) -> None:
    assert line_of(request("x", request_id=request_id))["request_id"] is None


def test_a_short_request_id_may_stand_in_a_token_by_chance() -> None:
    assert line_of(request("a.7.c", request_id="7"))["request_id"] == "7"


def test_a_line_can_be_written_without_request_and_settings() -> None:
    line = audit_line(Decision(reason=Reason.POLICY_INVALID, subject="x"), None, None, NOW)
    told = checked(line)
    assert (told["service"], told["request_id"], told["status"]) == (None, None, 503)
    unknown = Decision(reason=Reason.INTERNAL_ERROR, issuer=ISSUER, subject="somebody")
    assert checked(audit_line(unknown, None, None, NOW))["sub"] is None


def test_a_long_or_odd_claim_is_cut_and_escaped() -> None:
    token = SIGNER.token(good_claims(sub="\u2028" + "x" * 300, jti="\x00" + "y" * 300))
    told = line_of(request(token))
    assert (len(told["jti"]), told["jti"][:2], len(told["sub"])) == (256, "\x00y", 256)


def test_passes_are_logged_only_where_asked() -> None:
    allowed, refused = Decision(reason=None), Decision(reason=Reason.TOKEN_MISSING)
    assert not is_audited(allowed, settings())
    assert is_audited(allowed, settings(passes=True))
    assert is_audited(refused, settings())


def test_the_schema_has_every_reason_and_every_event() -> None:
    decision = SCHEMA["$defs"]["decision"]["properties"]
    assert decision["reason"]["enum"] == [None, *(str(reason) for reason in Reason)]
    events = SCHEMA["$defs"]["keys"]["properties"]["event"]["enum"]
    assert set(events) == {*(str(change) for change in Change), "set_refused", "fetch_failed"} | {
        "rotation_overdue"
    }


@pytest.mark.parametrize("kid", [None, '"}\n{"signet":"keys","alarm":false}', "\u2028\x00"])
def test_an_event_of_a_store_is_one_line_whatever_stands_in_the_store(kid: str | None) -> None:
    event = KeyEvent("kid_denied", issuer=ISSUER, url="https://own.test/", kid=kid, alarm=True)
    assert checked(key_event_line(event, settings(), NOW))["kid"] == kid


def test_faults_of_the_settings_are_one_line() -> None:
    told = checked(fault_line(["a\nb", "`x` is missing"], None, NOW))
    assert told["faults"] == ["a\nb", "`x` is missing"]


# --- keys that nobody rotated ---------------------------------------------------------------------


class Running:
    """A validator with a clock of the test's."""

    def __init__(self, due: int | None) -> None:
        self.now = float(NOW)
        self.lines: list[str] = []
        found = settings(rotation_due=due)
        self.validator = Validator(found, StaticKeys.of(found), self.lines.append, lambda: self.now)

    def overdue(self, seconds: float) -> int:
        """Refuse one request after so many seconds, and count the lines about overdue keys."""
        self.now += seconds
        self.lines.clear()
        self.validator.decide(request("x"))
        told = [checked(line) for line in self.lines]
        assert told[0]["reason"] == "token_malformed"
        return [line["event"] for line in told[1:]].count("rotation_overdue")


def test_a_validator_says_once_an_hour_that_its_keys_are_overdue() -> None:
    running = Running(due=NOW + 10)
    assert [running.overdue(after) for after in (10, 1, 60, 3_539, 1, 3_600)] == [0, 1, 0, 0, 1, 1]


def test_without_a_date_nothing_is_overdue() -> None:
    assert Running(due=None).overdue(10**9) == 0
    assert not is_overdue(settings(), 2**31)


def test_a_judged_request_is_logged_once_it_is_recorded() -> None:
    running = Running(due=None)
    decision = running.validator.judge(request("x"))
    assert (decision.reason, running.lines) == (Reason.TOKEN_MALFORMED, [])
    running.validator.record(decision, request("x"), "envoy")
    (line,) = running.lines
    assert (checked(line)["reason"], checked(line)["gateway"]) == ("token_malformed", "envoy")


def test_without_settings_every_request_is_refused_and_recorded() -> None:
    lines: list[str] = []
    validator = Validator(None, None, lines.append, lambda: float(NOW))
    assert validator.judge(request("x")).reason is Reason.POLICY_INVALID
    assert lines == []
    assert validator.decide(request("x")).reason is Reason.POLICY_INVALID
    assert [json.loads(line)["reason"] for line in lines] == ["policy_invalid"]
