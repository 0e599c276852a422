"""What a function says of its own files: the number that the program computed from the zip."""

import hashlib
import importlib.util
import os
import time
from pathlib import Path

import pytest

from components import packaging
from tests.cases import forge
from tests.cases.settings import artefact, document
from validator_functions.verification import own_files
from validator_functions.verification.decision import Request, StaticKeys
from validator_functions.verification.settings import ValidatorSettings
from validator_functions.verification.validator import Validator

FILES = {
    "function_app.py": b"app",
    "host.json": b"{}",
    "h11/_state.py": b"x = 1\n",
    "validator_functions/verification/validator.py": b"y = 2\n",
    "a/b/c.so": bytes(range(256)),
}


def unpacked(root: Path, files: dict[str, bytes] | None = None) -> Path:
    for name, data in (FILES if files is None else files).items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    return root


def byte_code(flags: int) -> bytes:
    """A .pyc's first sixteen bytes (PEP 552), and some code."""
    return importlib.util.MAGIC_NUMBER + flags.to_bytes(4, "little") + bytes(8) + b"code"


def test_it_is_the_number_that_the_program_computes_from_the_zip(tmp_path: Path) -> None:
    root = unpacked(tmp_path)
    assert own_files.tree_sha256(str(root)) == packaging.tree_sha256(packaging.pack(FILES))
    assert own_files.own_sha256(str(root)) == own_files.tree_sha256(str(root))


@pytest.mark.parametrize("name", sorted(FILES))
def test_each_file_counts_by_its_content_and_by_being_there(tmp_path: Path, name: str) -> None:
    before = own_files.tree_sha256(str(unpacked(tmp_path)))
    (tmp_path / name).write_bytes(FILES[name] + b"!")
    changed = own_files.tree_sha256(str(tmp_path))
    (tmp_path / name).unlink()
    assert len({before, changed, own_files.tree_sha256(str(tmp_path))}) == 3


def test_a_file_that_was_added_counts(tmp_path: Path) -> None:
    before = own_files.tree_sha256(str(unpacked(tmp_path)))
    unpacked(tmp_path, {"h11/extra.py": b""})
    assert own_files.tree_sha256(str(tmp_path)) != before


def test_what_python_and_platforms_leave_beside_it_does_not_count(tmp_path: Path) -> None:
    before = own_files.tree_sha256(str(unpacked(tmp_path)))
    unpacked(
        tmp_path,
        {
            "h11/__pycache__/_state.cpython-311.pyc": byte_code(0),
            ".azurefunctions/x.py": b"",
            ".hidden": b"",
            "h11/.note": b"",
        },
    )
    assert own_files.tree_sha256(str(tmp_path)) == before


@pytest.mark.parametrize("flags", [1, 3])
def test_byte_code_that_python_does_not_hold_to_its_sources_date_counts(
    tmp_path: Path, flags: int
) -> None:
    before = own_files.tree_sha256(str(unpacked(tmp_path)))
    added = {"h11/__pycache__/_state.cpython-311.pyc": byte_code(flags)}
    unpacked(tmp_path, added)
    found = own_files.tree_sha256(str(tmp_path))
    assert found != before
    assert found == packaging.tree_sha256(packaging.pack(FILES | added))


def test_the_lines_are_as_sha256sum_prints_them(tmp_path: Path) -> None:
    root = unpacked(tmp_path, {"b": b"2", "a/c": b"1", "a-c": b"3"})
    lines = "".join(
        f"{hashlib.sha256(data).hexdigest()}  {name}\n"
        for name, data in (("a-c", b"3"), ("a/c", b"1"), ("b", b"2"))
    )
    assert own_files.tree_sha256(str(root)) == hashlib.sha256(lines.encode()).hexdigest()


@pytest.mark.parametrize("missing", ["function_app.py", "host.json"])
def test_code_that_runs_from_no_bundle_says_none(tmp_path: Path, missing: str) -> None:
    unpacked(tmp_path)
    (tmp_path / missing).unlink()
    assert own_files.own_sha256(str(tmp_path)) is None


def test_no_decision_waits_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> str:
        raise AssertionError("files were hashed")

    monkeypatch.setattr(own_files, "own_sha256", fail)
    signer = forge.Signer("ES256")
    settings = ValidatorSettings.parse(artefact(document(signer)))
    validator = Validator(settings, StaticKeys.of(settings), lambda _: None)
    now = int(time.time())
    token = signer.token(forge.good_claims(iat=now, nbf=now, exp=now + 600))
    asked = Request("GET", "/orders/7", (("Authorization", f"Bearer {token}"),))
    assert validator.decide(asked).allowed
    assert not validator.decide(Request("GET", "/orders/7", ())).allowed
    with pytest.raises(AssertionError, match="files were hashed"):
        validator.report()


def test_this_checkout_is_no_bundle_and_hashing_is_done_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert own_files.own_sha256() is None
    first = own_files.own_sha256(str(unpacked(tmp_path)))
    monkeypatch.setattr(os, "walk", None)
    assert own_files.own_sha256(str(tmp_path)) == first
