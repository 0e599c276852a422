"""Short runs of the fuzz harness; `make fuzz` is the long one."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.fuzz.__main__ import seeds
from tests.fuzz.harness import ALGORITHMS, encode, good_claims, good_header, good_line, judge, sign
from validator_functions.verification import KeySet, Policy, TokenRefused, verify

NOW = 1_800_000_000
REPOSITORY = Path(__file__).resolve().parents[2]
SHORT_RUN_SECONDS = 20


@pytest.mark.parametrize("seed", seeds(), ids=range(len(seeds())))
def test_every_input_of_the_corpus_has_one_sound_answer(seed: bytes) -> None:
    judge(seed)


@settings(max_examples=400, deadline=None)
@given(st.binary(max_size=120))
@example(b"")
def test_no_byte_string_makes_anything_but_a_decision_that_the_libraries_share(data: bytes) -> None:
    judge(data)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_no_flip_of_any_bit_of_a_good_token_passes(algorithm: str) -> None:
    line = good_line(algorithm, NOW)
    policy, keys = Policy.from_json(line["policy"]), KeySet.parse(line["jwks"])
    header, claims = good_header(algorithm), good_claims(NOW)
    token = sign(algorithm, _json(header), _json(claims)).encode()
    assert verify(token, keys, policy, NOW).subject == claims["sub"]
    for position in range(len(token)):
        for bit in range(8):
            flipped = bytearray(token)
            flipped[position] ^= 1 << bit
            with pytest.raises(TokenRefused):
                verify(bytes(flipped), keys, policy, NOW)


def test_a_coverage_guided_run_finds_nothing(tmp_path: Path) -> None:
    pytest.importorskip("atheris", reason="atheris has no wheel for this Python or machine")
    run = subprocess.run(
        [sys.executable, "-m", "tests.fuzz", str(SHORT_RUN_SECONDS), str(tmp_path)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=SHORT_RUN_SECONDS * 6,
        check=False,
    )
    assert run.returncode == 0, run.stderr[-4_000:]
    executed = next(
        int(line.rpartition(" ")[2])
        for line in run.stderr.splitlines()
        if line.startswith("stat::number_of_executed_units")
    )
    assert executed > len(seeds())


def _json(value: object) -> bytes:
    return json.dumps(value).encode()


def test_the_harness_signs_what_the_module_accepts() -> None:
    assert encode(b"\xff\xfe") == "__4"
    answer = judge(bytes.fromhex("00000009"))
    assert answer["allowed"], answer
