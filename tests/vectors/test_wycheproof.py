"""Project Wycheproof's JSON Web Signature vectors, through the batch interface.

Source: C2SP/wycheproof, `json_web_signature_test.json`, unchanged, Apache-2.0. The folder is
`SIGNET_VECTORS`, or `../shared/vectors` beside the checkout; without it the tests are skipped.
"""

import base64
import json
import os
from pathlib import Path
from typing import Any

import pytest

from validator_functions.verification.batch import decide_batch_line

REPOSITORY = Path(__file__).resolve().parents[2]
FOLDER = Path(os.environ.get("SIGNET_VECTORS") or REPOSITORY.parent / "shared" / "vectors")
FILE = FOLDER / "wycheproof" / "json_web_signature_test.json"
SUPPORTED = ("RS256", "PS256", "ES256", "ES384")
NOW = 1_800_000_000

# What the file says of these cases is wrong; each stands with what makes it so.
MISLABELLED = {
    346: "marked valid, but its header says PS384 and its key PS256",
    347: "marked valid, but its key's algorithm is `ES521`, which does not exist",
    350: "marked valid, but its header says PS384 and its key PS256",
    351: "marked valid, but its key's algorithm is `ES521`, which does not exist",
    367: "marked invalid, but is byte for byte the valid case 357 (HS256: refused all the same)",
    370: "marked invalid, but is byte for byte the valid case 357 (HS256: refused all the same)",
    372: "marked valid, although a `?` stands inside its header",
    373: "marked valid, although a `?` stands inside its payload",
}

if not FILE.is_file():
    pytest.skip(
        f"Wycheproof's vectors are not at {FILE}: set SIGNET_VECTORS to the folder that holds "
        "wycheproof/json_web_signature_test.json",
        allow_module_level=True,
    )


def _cases() -> list[tuple[dict[str, Any], dict[str, Any]]]:
    groups = json.loads(FILE.read_text())["testGroups"]
    return [
        (group.get("public") or group["private"], case)
        for group in groups
        for case in group["tests"]
    ]


def _names_the_key(token: object, key: dict[str, Any]) -> bool:
    if not isinstance(token, str):
        return False
    try:
        segment = token.partition(".")[0]
        header = json.loads(base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4)))
    except ValueError:
        return False
    return isinstance(header, dict) and header.get("kid") == key.get("kid")


def _expected(key: dict[str, Any], case: dict[str, Any]) -> bool:
    return (
        case["result"] == "valid"
        and case["tcId"] not in MISLABELLED
        and key.get("alg") in SUPPORTED
        and _names_the_key(case["jws"], key)
    )


def _answer(key: dict[str, Any], case: dict[str, Any]) -> dict[str, Any]:
    line = {
        "id": case["tcId"],
        "token": case["jws"],
        "jwks": {"keys": [key]},
        "policy": {"algorithms": list(SUPPORTED)},
        "now": NOW,
        "signature_only": True,
    }
    return decide_batch_line(json.dumps(line))


@pytest.mark.parametrize(
    ("key", "case"), [pytest.param(*pair, id=f"tcId-{pair[1]['tcId']}") for pair in _cases()]
)
def test_each_case_is_decided_as_it_is_labelled(key: dict[str, Any], case: dict[str, Any]) -> None:
    answer = _answer(key, case)
    assert answer["id"] == case["tcId"]
    assert answer["allowed"] is _expected(key, case), (answer, case["comment"])
    assert answer["allowed"] is (answer["status"] == 200)
    assert (answer["reason"] is None) is answer["allowed"]


def test_every_valid_case_of_a_supported_algorithm_is_among_those_accepted() -> None:
    accepted = {case["tcId"] for key, case in _cases() if _expected(key, case)}
    by_algorithm = {
        name: sum(1 for key, case in _cases() if case["tcId"] in accepted and key["alg"] == name)
        for name in SUPPORTED
    }
    assert len(accepted) == 16
    assert all(by_algorithm[name] for name in ("RS256", "PS256", "ES256")), by_algorithm


def test_the_mislabelled_cases_are_still_in_the_file_as_annotated() -> None:
    results = {case["tcId"]: case["result"] for _, case in _cases()}
    stated = {number: text.split()[1].rstrip(",") for number, text in MISLABELLED.items()}
    assert {number: results[number] for number in MISLABELLED} == stated
