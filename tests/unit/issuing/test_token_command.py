"""`signet token issue`: the token on standard output and nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import jwt
import pytest

from signet.cli import issuing_record, main, stacks
from signet.cli.issuing_record import IssuingRecord
from signet.confirmed import KeyResource
from signet.documents import jwk_from_pem
from signet.issuing import signers
from signet.issuing.active import active_key
from signet.issuing.errors import KeyUnusable, KmsUnreachable
from tests.unit.issuing.local_keys import LocalSigner
from tests.unit.issuing.test_active import CONFIRMED, JOURNAL

SIGNER = LocalSigner("RS256")
JWK = jwk_from_pem(SIGNER.public_key_pem(), "RS256")
RECORD = IssuingRecord(
    journal=JOURNAL,
    confirmed=replace(
        CONFIRMED,
        kids={"environment": {1: JWK["kid"]}},
        key_resources={"environment": {1: KeyResource("aws", "key-1")}},
    ),
    outputs={"issuers": {"environment": {"aws": "role-1", "gcp": "account-1"}}},
)
ASKED = ["token", "issue", "--stack", "dev", "--audience", "https://api.example", "--subject", "me"]


@dataclass
class Place:
    in_sandbox: bool = False
    applied_now: bool = False

    @contextmanager
    def applied(self) -> Iterator[None]:
        self.applied_now = True
        yield
        self.applied_now = False


class Stack:
    place = Place()


@pytest.fixture(autouse=True)
def stack(monkeypatch: pytest.MonkeyPatch) -> Stack:
    made = Stack()
    made.place = Place()

    def signer_for(
        cloud: str, key_reference: str, algorithm: str, *, identity: str | None
    ) -> LocalSigner:
        assert made.place.applied_now, "the KMS is reached in the stack's own environment"
        assert (cloud, key_reference, algorithm) == ("aws", "key-1", "RS256")
        assert identity == "role-1", "the key lets only the issuer's role sign"
        return SIGNER

    monkeypatch.setattr(stacks, "existing_stack", lambda name, **_: made)
    monkeypatch.setattr(issuing_record, "read", lambda _: RECORD)
    monkeypatch.setattr(signers, "signer_for", signer_for)
    return made


def run(capsys: pytest.CaptureFixture[str], *more: str) -> tuple[int, str, str]:
    code = main.main([*ASKED, *more])
    told = capsys.readouterr()
    return code, told.out, told.err


def claims(token: str) -> dict[str, Any]:
    decoded: dict[str, Any] = jwt.decode(
        token, jwt.PyJWK.from_dict(JWK), algorithms=["RS256"], audience="https://api.example"
    )
    return decoded


def test_only_the_token_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "--scope", "demo:read", "--scope", "b", "--role", "clerk")
    assert (code, err) == (0, "")
    assert out.count("\n") == 1
    told = claims(out.strip())
    assert told["scope"] == "demo:read b"
    assert told["roles"] == ["clerk"]
    assert told["iss"] == "https://issuer.example/a"


@pytest.mark.parametrize(
    ("arguments", "lifetime"), [([], 300), (["--ttl", "10m"], 600), (["--ttl", "45s"], 45)]
)
def test_a_token_lives_as_long_as_asked_for(
    arguments: list[str], lifetime: int, capsys: pytest.CaptureFixture[str]
) -> None:
    _, out, _ = run(capsys, *arguments)
    told = claims(out.strip())
    assert told["exp"] - told["iat"] == lifetime


def test_the_default_lifetime_is_never_over_the_cap(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert RECORD.confirmed is not None
    short = replace(RECORD.confirmed, token_lifetime={"environment": 15})
    monkeypatch.setattr(issuing_record, "read", lambda _: replace(RECORD, confirmed=short))
    told = claims(run(capsys)[1].strip())
    assert told["exp"] - told["iat"] == 15


def test_json_tells_what_stands_in_the_token(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys, "--json", "--ttl", "1m")
    told = json.loads(out)
    assert claims(told["token"])["exp"] == told["expires_at"]
    assert (told["token_type"], told["expires_in"], told["kid"]) == ("Bearer", 60, JWK["kid"])


def test_every_fault_of_a_request_is_told_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "--ttl", "2h", "--scope", "a b", "--role", "")
    assert (code, out) == (2, "")
    assert "3 settings are wrong" in err
    assert "signet:tokenLifetime" in err


@pytest.mark.parametrize("ttl", ["soon", "10", "1.5m", "-5m", ""])
def test_a_length_of_time_that_is_none_is_a_usage_error(
    ttl: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = run(capsys, f"--ttl={ttl}")
    assert (code, out) == (2, "")


def test_a_stack_that_was_never_applied_completely_signs_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(issuing_record, "read", lambda _: replace(RECORD, confirmed=None))
    code, out, err = run(capsys)
    assert (code, out) == (2, "")
    assert "signet up dev" in err


def refuse_with(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: bytes) -> bytes:
        raise error

    monkeypatch.setattr(SIGNER, "sign", refuse, raising=False)


@pytest.mark.parametrize(
    ("error", "code"),
    [(KeyUnusable("disabled", remedy="look"), 1), (KmsUnreachable("gone", remedy="look"), 3)],
)
def test_a_kms_that_does_not_sign_is_told_with_what_to_do(
    error: Exception,
    code: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    refuse_with(error, monkeypatch)
    found, out, err = run(capsys)
    assert (found, out) == (code, "")
    assert "to do: look" in err


def test_a_sandbox_that_has_ended_is_told_with_how_to_start_it(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stack.place.in_sandbox = True
    refuse_with(KmsUnreachable("gone", remedy="check the network"), monkeypatch)
    code, _, err = run(capsys)
    assert code == 3
    assert "signet sandbox start" in err


@pytest.mark.parametrize("outputs", [{}, {"issuers": None}, {"issuers": {"environment": {}}}])
def test_a_stack_that_names_no_signing_identity_has_the_caller_sign(
    outputs: dict[str, Any],
) -> None:
    key = active_key("dev", RECORD.journal, RECORD.confirmed)
    assert RECORD.identity(key) == "role-1"
    assert replace(RECORD, outputs=outputs).identity(key) is None
