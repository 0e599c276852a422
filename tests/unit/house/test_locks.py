"""Everything that is installed is exact, hashed, and there for a stated reason."""

import re
from pathlib import Path

import pytest

from signet.paths import repo_root

FOLDER = repo_root() / "requirements"
WISHES = sorted(FOLDER.glob("*.in"))
LOCKS = sorted(FOLDER.glob("*.txt"))
_EXACT = re.compile(r"(?P<name>[\w.-]+)(\[[\w,]+\])?==(?P<version>[\w.]+)( *;.*)?")


def wishes(path: Path) -> list[str]:
    lines = [line.strip() for line in path.read_text().splitlines()]
    return [line for line in lines if line and not line.startswith(("#", "-r "))]


def canonical(name: str) -> str:
    """One spelling of a package's name (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def locked(path: Path) -> dict[str, tuple[str, int]]:
    """Each package of a lock: its version, and how many hashes it is held to."""
    text = re.sub(r"\\\n\s*", " ", path.read_text())
    found = {}
    for line in text.splitlines():
        match = _EXACT.match(line)
        if match:
            found[canonical(match["name"])] = (match["version"], line.count("--hash=sha256:"))
        else:
            assert not line.strip() or line.strip().startswith("#"), line
    return found


def test_every_list_has_its_lock() -> None:
    assert [path.stem for path in WISHES] == [path.stem for path in LOCKS]


@pytest.mark.parametrize("path", WISHES, ids=lambda path: path.name)
def test_every_direct_requirement_is_exact_and_locked_at_that_version(path: Path) -> None:
    lock = locked(path.with_suffix(".txt"))
    for line in wishes(path):
        match = _EXACT.fullmatch(line)
        assert match, f"{path.name}: {line} is not exact"
        assert lock[canonical(match["name"])][0] == match["version"]


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.name)
def test_every_locked_package_is_held_to_a_hash_and_to_no_address(path: Path) -> None:
    packages = locked(path)
    assert packages
    assert [name for name, (_, hashes) in packages.items() if not hashes] == []
    assert not re.search(r"https?:|--(extra-)?index|--find-links|git\+", path.read_text())


def test_every_direct_requirement_has_its_reason() -> None:
    reasons = (repo_root() / "docs" / "decisions" / "0002-libraries.md").read_text()
    reasons += (repo_root() / "docs" / "decisions" / "0001-the-engine.md").read_text()
    for path in WISHES:
        for line in wishes(path):
            name = re.split(r"[\[=]", line)[0]
            stem = "types-*" if name.startswith("types-") else name
            assert stem in reasons, f"{path.name}: {name} has no reason in docs/decisions"


def test_a_package_that_stands_in_two_locks_of_one_environment_has_one_version() -> None:
    deploy, dev = locked(FOLDER / "deploy.txt"), locked(FOLDER / "dev.txt")
    assert {name: version for name, (version, _) in deploy.items()}.items() <= {
        name: version for name, (version, _) in dev.items()
    }.items()
    for name in ("cryptography",):
        versions = {locked(path)[name][0] for path in LOCKS if name in locked(path)}
        assert len(versions) == 1, f"{name}: {versions}"
