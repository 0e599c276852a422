"""`signet token inspect`: everything is shown, nothing is believed."""

from __future__ import annotations

import base64
import io
import json
from typing import Any

import pytest

from signet.cli import main
from signet.errors import NegativeAnswer
from signet.issuing.inspection import inspect

NOW = 1_800_000_000


def segment(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def token(payload: Any, header: Any = None) -> str:
    return f"{segment(header or {'alg': 'none'})}.{segment(payload)}.c2ln"


def test_dates_are_said_as_people_read_them() -> None:
    found = inspect(token({"iat": NOW - 60, "exp": NOW + 840, "nbf": "soon"}), NOW)
    assert found.payload_rows() == [
        ("iat", str(NOW - 60), "2027-01-15 07:59:00 UTC, 1 min ago"),
        ("exp", str(NOW + 840), "2027-01-15 08:14:00 UTC, in 14 min"),
        ("nbf", "soon", "not a date"),
    ]


@pytest.mark.parametrize("value", [1e300, True, -1, 10**15, None, [], "1", 1.5])
def test_a_date_that_is_none_is_shown_and_not_computed_with(value: Any) -> None:
    [(_, _, meaning)] = inspect(token({"exp": value}), NOW).payload_rows()
    assert meaning == "not a date"


def test_a_token_that_nobody_would_accept_is_shown_all_the_same() -> None:
    found = inspect(token({"sub": "x"}, {"alg": "none", "kid": "../../etc/passwd"}), NOW)
    assert ("kid", "../../etc/passwd") in found.header_rows()


def test_nothing_in_a_token_can_steer_the_terminal() -> None:
    rows = inspect(token({"sub": "a\x1b[2Jb", "act": {"sub": "\u202ex"}}), NOW).payload_rows()
    assert all(cell.isprintable() for row in rows for cell in row)


@pytest.mark.parametrize(
    "text", ["", "a", "a.b", "a.b.c", "....", "\u00e9.\u00e9.\u00e9", "e30.e30.a.b"]
)
def test_what_is_no_token_is_said_to_be_none(text: str) -> None:
    with pytest.raises(NegativeAnswer, match="cannot be read"):
        inspect(text, NOW)


def test_sizes_are_those_of_the_segments() -> None:
    text = token({"sub": "x"})
    found = inspect(text, NOW)
    assert sum(found.segment_sizes) + 2 == found.size == len(text)


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = main.main(["token", "inspect", *arguments])
    told = capsys.readouterr()
    return code, told.out, told.err


@pytest.mark.parametrize("before", ["", "Bearer ", "\n  "])
def test_the_command_reads_standard_input_and_never_says_valid(
    before: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{before}{token({'sub': 'me'})}\n"))
    code, out, _ = run(capsys)
    assert code == 0
    assert "UNVERIFIED" in out
    assert "me" in out
    assert " valid" not in out.lower().replace("unverified", "")


def test_the_command_reads_the_environment_and_prints_json(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("A_TOKEN", token({"sub": "me", "exp": NOW}))
    code, out, _ = run(capsys, "--env", "A_TOKEN", "--json")
    told = json.loads(out)
    assert code == 0
    assert told["unverified_payload"] == {"sub": "me", "exp": NOW}
    assert told["unverified_times"] == {"exp": "2027-01-15 08:00:00 UTC"}


@pytest.mark.parametrize(
    ("text", "arguments", "code"),
    [("", [], 2), ("x", [], 1), ("x" * 70_000, [], 1), ("x", ["--env", "NOT_SET_ANYWHERE"], 2)],
)
def test_the_command_tells_usage_from_a_negative_answer(
    text: str,
    arguments: list[str],
    code: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(text))
    assert run(capsys, *arguments)[0] == code
