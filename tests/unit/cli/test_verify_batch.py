"""`signet verify --batch`: every line one answer, in order, whatever stands in it."""

import io
import json
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signet.cli import main
from signet.cli.verify_batch import RememberedKeys, answer_all, line_groups
from tests.cases.refusals import CASES
from validator_functions.verification import limits
from validator_functions.verification.errors import SettingsError
from validator_functions.verification.reasons import Reason

from .tokens import NOW, Signer, case

FIELDS = {"id", "allowed", "reason", "status", "claims"}


def answers(data: bytes) -> list[dict[str, Any]]:
    target = io.BytesIO()
    count = answer_all(io.BytesIO(data), target)
    lines = target.getvalue().splitlines()
    assert len(lines) == count
    return [json.loads(line) for line in lines]


def lines_of(data: bytes) -> int:
    return data.count(b"\n") + (not data.endswith(b"\n") and data != b"")


def test_a_good_token_is_allowed_and_its_claims_are_told(signer: Signer) -> None:
    (answer,) = answers(case(signer, "first"))
    assert answer["allowed"] is True
    assert answer["id"] == "first"
    assert answer["status"] == 200
    assert answer["reason"] is None
    assert answer["claims"]["sub"] == "someone"


def test_answers_come_in_order_and_each_line_stands_for_itself(signer: Signer) -> None:
    data = b"\n".join(
        [
            case(signer, 1),
            b"not json",
            b"",
            case(signer, {"any": ["json"]}, now=NOW + 10_000),
            b"  ",
            case(signer, None),
        ]
    )
    told = [(answer["id"], answer["status"], answer["reason"]) for answer in answers(data)]
    assert told == [
        (1, 200, None),
        (None, 401, "json_invalid"),
        (None, 401, "json_invalid"),
        ({"any": ["json"]}, 401, "token_expired"),
        (None, 401, "json_invalid"),
        (None, 200, None),
    ]


def test_lines_that_end_in_windows_fashion_are_the_same_lines(signer: Signer) -> None:
    assert answers(case(signer, 1) + b"\r\n")[0]["allowed"]


def test_no_input_is_no_answer() -> None:
    assert answers(b"") == []


def test_a_line_over_the_limit_is_answered_without_being_held(signer: Signer) -> None:
    class Endless(io.RawIOBase):
        """A line of 256 MB, then a good one."""

        def __init__(self) -> None:
            self.left = 4_096
            self.tail = b"\n" + case(signer, "after")

        def read1(self, _size: int = -1) -> bytes:
            if self.left:
                self.left -= 1
                return b"x" * 65_536
            tail, self.tail = self.tail, b""
            return tail

    target = io.BytesIO()
    tracemalloc.start()
    try:
        assert answer_all(Endless(), target) == 2  # type: ignore[arg-type]
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2 * limits.BATCH_LINE
    first, second = map(json.loads, target.getvalue().splitlines())
    assert (first["reason"], first["status"], first["id"]) == ("token_too_large", 401, None)
    assert second["allowed"]


def test_a_token_of_fifty_megabytes_is_answered_by_its_id(signer: Signer) -> None:
    line = json.loads(case(signer, "big")) | {"token": "a" * 50_000_000}
    (answer,) = answers(json.dumps(line).encode())
    assert (answer["id"], answer["reason"]) == ("big", "token_too_large")


@given(data=st.binary(max_size=200), sizes=st.lists(st.integers(1, 9), min_size=1))
def test_lines_are_the_same_however_the_bytes_arrive(data: bytes, sizes: list[int]) -> None:
    class Dripping(io.BytesIO):
        turn = 0

        def read1(self, _size: int | None = -1) -> bytes:
            self.turn += 1
            return super().read1(sizes[self.turn % len(sizes)])

    def limited(line: bytes) -> bytes | None:
        return line if len(line) <= 20 else None

    expected = data.split(b"\n")
    if expected[-1] == b"":
        expected.pop()
    found = [line for group in line_groups(Dripping(data), 20) for line in group]
    assert found == [limited(line) for line in expected]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)
PARTS = st.fixed_dictionaries(
    {},
    optional={
        "id": JSON,
        "token": JSON | st.text(alphabet="abcAZ019-_.", max_size=60),
        "jwks": JSON | st.fixed_dictionaries({"keys": st.lists(JSON, max_size=2)}),
        "policy": JSON
        | st.fixed_dictionaries(
            {
                "issuer": JSON,
                "audience": JSON,
                "algorithms": JSON,
                "max_lifetime": JSON,
                "clock_skew": JSON,
            },
            optional={"typ": JSON, "scopes": JSON, "denied_jtis": JSON, "other": JSON},
        ),
        "now": JSON,
        "signature_only": JSON,
        "other": JSON,
    },
)
MALFORMED = st.lists(
    st.binary(max_size=80) | PARTS.map(lambda parts: json.dumps(parts).encode()), max_size=6
)


@given(lines=MALFORMED)
def test_malformed_lines_are_answered_one_for_one(lines: list[bytes]) -> None:
    data = b"\n".join(lines)
    found = answers(data)
    assert len(found) == lines_of(data)
    for answer in found:
        assert answer.keys() == FIELDS
        assert answer["allowed"] is False
        assert answer["status"] == Reason(answer["reason"]).status
        assert answer["claims"] is None


@given(position=st.integers(0, 4_000), byte=st.integers(0, 255))
def test_a_changed_byte_is_answered_and_never_makes_a_bad_token_good(
    position: int, byte: int, signer: Signer
) -> None:
    good = case(signer, "x", sub="someone")
    changed = bytearray(good)
    changed[position % len(good)] = byte
    for answer in answers(bytes(changed)):
        assert answer.keys() == FIELDS
        if answer["allowed"]:
            assert answer["claims"]["sub"] == "someone"


def test_ten_thousand_lines_are_answered_without_a_pause(signer: Signer) -> None:
    good, late, broken = case(signer, 1), case(signer, 2, now=NOW + 10_000), b"{"
    data = (b"\n".join([good, late, broken, b""]) + b"\n") * 2_500
    began = time.perf_counter()
    found = answers(data)
    assert time.perf_counter() - began < 20
    assert len(found) == 10_000
    assert [answer["status"] for answer in found[:4]] == [200, 401, 401, 401]


def test_the_whole_table_of_refusals_is_answered_as_it_expects() -> None:
    lines = [json.dumps(refused.line()).encode() for refused in CASES]
    told = [
        (answer["id"], answer["status"], answer["reason"]) for answer in answers(b"\n".join(lines))
    ]
    assert told == [(refused.id, refused.status, refused.reason) for refused in CASES]


def test_a_key_set_that_a_file_repeats_is_parsed_once(signer: Signer) -> None:
    remembered = RememberedKeys()
    first = remembered.parse(signer.jwks())
    assert remembered.parse(signer.jwks()) is first
    assert remembered.parse({**signer.jwks(), "sequence": 7}) is not first


def test_a_bad_key_set_is_bad_every_time() -> None:
    remembered = RememberedKeys()
    for _ in range(2):
        with pytest.raises(SettingsError):
            remembered.parse({"keys": []})


def test_what_is_remembered_of_key_sets_is_bounded(
    signer: Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("signet.cli.verify_batch._MOST_REMEMBERED", 3)
    remembered = RememberedKeys()
    for sequence in range(1, 10):
        remembered.parse({**signer.jwks(), "sequence": sequence})
        assert len(remembered._sets) <= 3
    large = {**signer.jwks(), "denied": [f"{number:0200}" for number in range(100)]}
    assert remembered.parse(large) is not remembered.parse(large)


COMMAND = [sys.executable, "-m", "signet.cli.main", "verify", "--batch"]


def test_another_program_may_ask_line_by_line(signer: Signer) -> None:
    with subprocess.Popen(COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for number in range(3):
            process.stdin.write(case(signer, number) + b"\n")
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["id"] == number
        process.stdin.close()
        assert process.wait(20) == 0


def test_a_reader_that_goes_away_is_no_stack_trace(signer: Signer, tmp_path: Path) -> None:
    source = tmp_path / "cases.jsonl"
    source.write_bytes((case(signer, 1) + b"\n") * 1_000)
    with (
        source.open("rb") as stdin,
        subprocess.Popen(
            COMMAND, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as process,
    ):
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        errors = process.stderr.read()
        assert process.wait(20) == 0
    assert errors == b""


def test_batch_takes_no_flags_of_the_single_check(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["verify", "--batch", "--issuer", "x", "--now", "0"]) == 2
    assert "--issuer, --now" in capsys.readouterr().err


def test_the_command_answers_from_its_standard_input(signer: Signer, tmp_path: Path) -> None:
    source = tmp_path / "cases.jsonl"
    source.write_bytes(case(signer, 1) + b"\nbroken\n")
    with source.open("rb") as stdin, (tmp_path / "answers").open("wb") as stdout:
        finished = subprocess.run(COMMAND, stdin=stdin, stdout=stdout, check=False, timeout=30)
    assert finished.returncode == 0
    told = (tmp_path / "answers").read_bytes().splitlines()
    assert [json.loads(line)["status"] for line in told] == [200, 401]
