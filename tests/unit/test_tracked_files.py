"""Nothing tracked names a registry, one machine's folders, or holds a key."""

import re
import subprocess
from pathlib import Path

import pytest

from signet.paths import repo_root

ROOT = repo_root()

# Independent vectors hold keys that were published to be tested with (see their LICENSE).
PUBLISHED_VECTORS = ("tests/vectors/",)

# Each is written so that its own line does not match it.
REGISTRY = re.compile(
    r"\b(py[p]i\.org|pythonhosted\.or[g]|proxy\.golan[g]\.org|sum\.golan[g]\.org"
    r"|registry\.npmj[s]|npmjs\.(?:com|or[g])|get\.pulum[i]\.com|ghc[r]\.io|registry-1\.docke[r])"
)
MACHINE_PATH = re.compile(r"(?<![\w.$}*])/(wor[k]|roo[t]|hom[e]/[a-z]+|User[s]/[a-z]+|far[m])/")
KEY_MATERIAL = re.compile(
    r"-----BEGI[N] (?:[A-Z]+ )*PRIVAT[E] KEY-----\s*(?:\\n)?[A-Za-z0-9+/=]{16}"
    r"|\b(?:AKI[A]|ASI[A])(?![0-9A-Z]{9}EXAMPLE)[0-9A-Z]{16}\b"  # not AWS's documented example
    r"|\"(?:d|p|q|dp|dq|qi)\"\s*:\s*\"[A-Za-z0-9_-]{40,}\""
    r"|\bgh[pousr]_[A-Za-z0-9]{36}\b"
)


def tracked() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    names = [name for name in listed.stdout.decode().split("\0") if name]
    return [ROOT / name for name in names if (ROOT / name).is_file()]


def matches(pattern: re.Pattern[str], skip: tuple[str, ...] = ()) -> list[str]:
    found = []
    for path in tracked():
        name = path.relative_to(ROOT).as_posix()
        if name.startswith(skip) and skip:
            continue
        text = path.read_bytes().decode("utf-8", "replace")
        found += [f"{name}: {match[0][:60]}" for match in pattern.finditer(text)]
    return found


def test_no_file_names_a_package_registry() -> None:
    assert matches(REGISTRY) == []


def test_no_file_names_a_folder_of_one_machine() -> None:
    assert matches(MACHINE_PATH) == []


def test_no_file_holds_key_material() -> None:
    assert matches(KEY_MATERIAL, PUBLISHED_VECTORS) == []


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (REGISTRY, "https://" + "py" + "pi.org/simple"),
        (REGISTRY, "https://files." + "python" + "hosted.org/x"),
        (MACHINE_PATH, "cd /" + "work/main"),
        (MACHINE_PATH, '"/' + 'root/.cache"'),
        (MACHINE_PATH, "/" + "home/anna/x"),
        (KEY_MATERIAL, "-----BEGIN" + " RSA PRIVATE" + " KEY-----\n" + "A" * 64),
        (KEY_MATERIAL, "AKI" + "A" + "1234567890ABCDEF"),
        (KEY_MATERIAL, '"d"' + ': "' + "x" * 43 + '"'),
    ],
)
def test_the_patterns_find_what_they_are_for(pattern: re.Pattern[str], text: str) -> None:
    assert pattern.search(text)


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (MACHINE_PATH, "https://host.invalid/" + "work/item"),
        (MACHINE_PATH, "a network/" + "root/node"),
        (KEY_MATERIAL, '"n": "' + "x" * 342 + '"'),
        (KEY_MATERIAL, "b'-----BEGIN" + " PUBLIC KEY-----'"),
    ],
)
def test_the_patterns_leave_ordinary_text_alone(pattern: re.Pattern[str], text: str) -> None:
    assert not pattern.search(text)
