"""`signet verify`: one token, a decision for people and one for programs."""

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from signet.cli import main
from signet.cli.verify_reasons import MEANING
from tests.unit.verification.loopback import response, serving
from validator_functions.verification.reasons import Reason

from .tokens import AUDIENCE, ISSUER, NOW, Signer, case, policy

Give = Callable[[bytes], None]


@pytest.fixture
def give(monkeypatch: pytest.MonkeyPatch) -> Give:
    """Put bytes on standard input."""

    def put(data: bytes, *, terminal: bool = False) -> None:
        stdin = io.TextIOWrapper(io.BytesIO(data))
        monkeypatch.setattr(stdin, "isatty", lambda: terminal)
        monkeypatch.setattr(sys, "stdin", stdin)

    return put


@pytest.fixture
def jwks(signer: Signer, tmp_path: Path) -> str:
    path = tmp_path / "jwks.json"
    path.write_text(json.dumps(signer.jwks()))
    return str(path)


def flags(jwks: str, *more: str) -> list[str]:
    given = ["verify", "--issuer", ISSUER, "--audience", AUDIENCE, "--algorithm", "ES256"]
    return [*given, "--jwks", jwks, "--now", str(NOW), *more]


def test_a_good_token_is_allowed(
    signer: Signer, jwks: str, give: Give, capsys: pytest.CaptureFixture[str]
) -> None:
    give(signer.token().encode() + b"\n")
    assert main.main(flags(jwks)) == 0
    told = capsys.readouterr()
    assert told.out.startswith("allowed\n")
    assert '"someone"' in told.out
    assert signer.kid in told.out
    assert signer.token()[:20] not in told.out + told.err


def test_a_program_reads_the_decision_as_json(
    signer: Signer, jwks: str, give: Give, capsys: pytest.CaptureFixture[str]
) -> None:
    give(signer.token().encode())
    assert main.main(flags(jwks, "--json")) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["claims"]["sub"] == "someone"
    assert (told["allowed"], told["status"], told["reason"], told["kid"]) == (
        True,
        200,
        None,
        signer.kid,
    )


Case = tuple[list[str], dict[str, Any], str]
REFUSED: list[Case] = [
    (["--now", str(NOW + 10_000)], {}, "token_expired"),
    (["--scope", "orders:delete"], {}, "scope_missing"),
    (["--role", "owner"], {}, "role_missing"),
    (["--require-claim", "client_id"], {}, "claim_missing"),
    (["--max-lifetime", "60"], {}, "lifetime_too_long"),
    (["--typ", "secevent+jwt"], {}, "type_not_allowed"),
    ([], {"typ": "JWT"}, "type_not_allowed"),
    ([], {"iss": "https://other.test"}, "issuer_mismatch"),
    ([], {"aud": "https://other.test"}, "audience_mismatch"),
]


@pytest.mark.parametrize("broken", REFUSED, ids=lambda broken: broken[2])
def test_a_token_that_breaks_a_rule_is_refused_with_the_reason(
    broken: Case, signer: Signer, jwks: str, give: Give, capsys: pytest.CaptureFixture[str]
) -> None:
    more, changes, reason = broken
    give(signer.token(**changes).encode())
    assert main.main(flags(jwks, *more)) == 1
    assert capsys.readouterr().out.startswith(f"refused: {reason} (")
    give(signer.token(**changes).encode())
    assert main.main(flags(jwks, *more, "--json")) == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["allowed"], told["reason"], told["claims"]) == (False, reason, None)
    assert told["status"] == Reason(reason).status


def test_what_is_asked_for_and_there_is_allowed(signer: Signer, jwks: str, give: Give) -> None:
    give(signer.token(typ="JWT", client_id="x").encode())
    more = ["--scope", "orders:read", "--scope", "orders:write", "--role", "clerk"]
    more += ["--typ", "any", "--require-claim", "client_id", "--clock-skew", "0"]
    assert main.main(flags(jwks, *more)) == 0


def test_where_it_went_wrong_is_told(
    signer: Signer, jwks: str, give: Give, capsys: pytest.CaptureFixture[str]
) -> None:
    give(b"a.b")
    assert main.main(flags(jwks)) == 1
    assert "where: not three segments" in capsys.readouterr().out


@pytest.mark.parametrize("data", [b"", b"\n", b" ", b"\xff\xfe", b"x" * 1_000_000])
def test_whatever_comes_in_place_of_a_token_is_refused(data: bytes, jwks: str, give: Give) -> None:
    give(data)
    assert main.main(flags(jwks)) == 1


def test_only_one_line_end_belongs_to_the_shell(signer: Signer, jwks: str, give: Give) -> None:
    give(signer.token().encode() + b"\r\n")
    assert main.main(flags(jwks)) == 0
    give(signer.token().encode() + b"\n\n")
    assert main.main(flags(jwks)) == 1


def test_a_clock_that_cannot_be_right_is_no_verdict(
    signer: Signer, jwks: str, give: Give, capsys: pytest.CaptureFixture[str]
) -> None:
    give(signer.token().encode())
    assert main.main(flags(jwks, "--now", "7")) == 3
    assert capsys.readouterr().out.startswith("could not check: clock_invalid (503)\n")


def test_now_is_now_unless_told_otherwise(
    signer: Signer, jwks: str, give: Give, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("signet.cli.verify.time.time", lambda: NOW + 1.5)
    give(signer.token().encode())
    given = flags(jwks)
    at = given.index("--now")
    assert main.main(given[:at] + given[at + 2 :]) == 0


def test_the_environment_may_hold_the_token(
    signer: Signer, jwks: str, give: Give, monkeypatch: pytest.MonkeyPatch
) -> None:
    give(b"not this one")
    monkeypatch.setenv("SIGNET_TOKEN", signer.token())
    assert main.main(flags(jwks)) == 0
    assert main.main(flags(jwks, "--stdin")) == 1
    monkeypatch.setenv("MINE", "broken")
    assert main.main(flags(jwks, "--token-env", "MINE")) == 1
    monkeypatch.setenv("MINE", signer.token())
    assert main.main(flags(jwks, "--token-env", "MINE")) == 0


def test_a_variable_that_is_not_set_is_a_usage_fault(
    jwks: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.main(flags(jwks, "--token-env", "NOT_THERE")) == 2
    assert "NOT_THERE is not set" in capsys.readouterr().err


def test_a_token_on_the_command_line_is_neither_taken_nor_repeated(
    signer: Signer, jwks: str, capsys: pytest.CaptureFixture[str]
) -> None:
    token = signer.token()
    assert main.main([*flags(jwks), token]) == 2
    told = capsys.readouterr()
    assert "no token is taken from the command line" in told.err
    assert token not in told.out + told.err


def test_at_a_terminal_the_command_says_what_it_waits_for(
    signer: Signer, jwks: str, give: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    give(signer.token().encode(), terminal=True)
    assert main.main(flags(jwks)) == 0
    assert "paste the token" in capsys.readouterr().err


def written(folder: Path, name: str, text: str) -> str:
    (folder / name).write_text(text)
    return str(folder / name)


YAML = f"""
issuer: {ISSUER}
audience: [{AUDIENCE}]
algorithms: [ES256]
max_lifetime: 900
clock_skew: 60
scopes: [orders:read]
"""


def test_a_policy_file_says_it_all_in_yaml_or_json_and_flags_replace_it(
    signer: Signer, jwks: str, give: Give, tmp_path: Path
) -> None:
    for text in (YAML, json.dumps(policy(scopes=["orders:read"]))):
        name = written(tmp_path, "policy", text)
        given = ["verify", "--policy", name, "--jwks", jwks, "--now", str(NOW)]
        give(signer.token().encode())
        assert main.main(given) == 0
        give(signer.token().encode())
        assert main.main([*given, "--scope", "orders:delete"]) == 1


def test_a_policy_file_may_say_not_to_check(
    signer: Signer, jwks: str, give: Give, tmp_path: Path
) -> None:
    name = written(tmp_path, "policy", json.dumps(policy(issuer=None, audience=None)))
    give(signer.token(aud="https://anyone.test").encode())
    assert main.main(["verify", "--policy", name, "--jwks", jwks, "--now", str(NOW)]) == 0


BAD_POLICIES = [
    ("{", "not strict JSON"),
    ('{"issuer": "a", "issuer": "b"}', "not strict JSON"),
    ("[]", "not a mapping"),
    ("a: [", "neither JSON nor YAML"),
    ("a: 1\na: 2\n", "neither JSON nor YAML"),
    ("issuer: x\n", "--audience missing"),
    (YAML + "surprise: 1\n", "a field that no policy has"),
    (YAML.replace("900", "-1"), "`max_lifetime` is not an integer"),
    ("#" * 1_100_000, "is larger than"),
]


@pytest.mark.parametrize(("text", "problem"), BAD_POLICIES)
def test_a_policy_that_is_wrong_is_a_usage_fault(
    text: str, problem: str, jwks: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = written(tmp_path, "policy", text)
    assert main.main(["verify", "--policy", name, "--jwks", jwks]) == 2
    assert problem in capsys.readouterr().err


def test_who_issued_it_and_for_whom_has_to_be_said(
    jwks: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.main(["verify", "--jwks", jwks]) == 2
    assert "--issuer and --audience missing" in capsys.readouterr().err


def test_a_key_set_that_cannot_be_read_is_a_usage_fault(
    give: Give, signer: Signer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    give(signer.token().encode())
    assert main.main(flags(str(tmp_path / "nothing"))) == 2
    assert "No such file" in capsys.readouterr().err


def test_a_key_set_that_is_wrong_is_no_verdict(
    give: Give, signer: Signer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    give(signer.token().encode())
    assert main.main(flags(written(tmp_path, "jwks", '{"keys": []}'))) == 3
    assert "no key set could be had" in capsys.readouterr().err


def test_loopback_http_needs_the_sandbox(
    give: Give, signer: Signer, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(response(json.dumps(signer.jwks()).encode())) as server:
        give(signer.token().encode())
        assert main.main(flags(server.url)) == 3
        assert server.requests == []
    assert "scheme is not https" in capsys.readouterr().err


def test_in_the_sandbox_the_issuers_own_store_is_asked(
    give: Give, signer: Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("signet.engine.sandbox_marker.active", object)
    with serving(response(json.dumps(signer.jwks()).encode())) as server:
        issuer = server.url.removesuffix("/jwks.json") + "/ring/"
        give(signer.token(iss=issuer).encode())
        given = ["verify", "--issuer", issuer, "--audience", AUDIENCE, "--now", str(NOW)]
        assert main.main([*given, "--algorithm", "ES256"]) == 0
        assert server.requests[0].startswith(b"GET /ring/.well-known/jwks.json ")


def test_the_next_mirror_is_asked_where_one_fails(
    give: Give, signer: Signer, jwks: str, tmp_path: Path
) -> None:
    give(signer.token().encode())
    assert main.main(flags(written(tmp_path, "broken", "{}"), "--jwks", jwks)) == 0


def test_an_issuer_that_is_no_address_tells_no_key_set(
    capsys: pytest.CaptureFixture[str], give: Give, tmp_path: Path
) -> None:
    give(b"x")
    assert main.main(["verify", "--issuer", "me", "--audience", "you"]) == 2
    assert "--jwks missing" in capsys.readouterr().err
    name = written(tmp_path, "policy", json.dumps(policy(issuer=None)))
    give(b"x")
    assert main.main(["verify", "--policy", name]) == 2


def test_a_batch_is_answered_on_standard_output(
    signer: Signer, give: Give, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    give(case(signer, 1) + b"\n\n")
    assert main.main(["verify", "--batch"]) == 0
    told = [json.loads(line) for line in capsysbinary.readouterr().out.splitlines()]
    assert [answer["status"] for answer in told] == [200, 401]


def test_a_closed_standard_input_is_a_usage_fault(
    jwks: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    assert main.main(flags(jwks)) == 2
    assert main.main(["verify", "--batch"]) == 2
    assert "standard input is closed" in capsys.readouterr().err


def test_every_reason_has_a_meaning_for_people() -> None:
    assert set(MEANING) == set(Reason)
    assert all(text.endswith(".") and len(text) < 90 for text in MEANING.values())


def test_help_shows_examples_and_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main.main(["verify", "--help"])
    told = capsys.readouterr().out
    assert "signet verify --batch <" in told
    assert "0 allowed, 1 refused, 2 usage, 3 could not check" in told
