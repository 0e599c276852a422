"""Others' emulators: got whole or not at all, by locks that name hashes and no address."""

import json
from pathlib import Path

import pytest

from signet.paths import repo_root
from tests.storage import emulators as tried
from tools.house import emulators, go_build, uv
from tools.house.faults import SetupFault
from tools.house.run import Outcome

ROOT = repo_root()
LOCKS = ROOT / "tools" / "emulators"


def test_every_package_of_azurite_is_held_to_its_hash_and_to_no_address() -> None:
    told = json.loads((LOCKS / "azurite" / "package-lock.json").read_text())
    packages = {name: each for name, each in told["packages"].items() if name}
    assert packages["node_modules/azurite"]["version"] == "3.37.0"
    assert all(each["integrity"].startswith("sha512-") for each in packages.values())
    assert not [name for name, each in packages.items() if "resolved" in each]
    assert "://" not in (LOCKS / "fake_gcs" / "go.sum").read_text()


def test_a_build_that_fails_leaves_nothing_that_looks_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*told: object) -> None:
        Path(str(told[-1])).write_text("half")
        raise SetupFault("go build failed", "try again")

    monkeypatch.setattr(go_build, "build", fail)
    for _ in range(2):
        with pytest.raises(SetupFault, match="go build failed"):
            emulators.fake_gcs(ROOT, tmp_path)
    assert [each.name for each in (tmp_path / "emulators").iterdir()] == [".fake-gcs.lock"]


def test_it_is_built_once_and_again_only_under_another_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built: list[Path] = []

    def build(*told: object) -> None:
        target = Path(str(told[-1]))
        target.write_text("whole")
        built.append(target)

    monkeypatch.setattr(go_build, "build", build)
    (command,) = emulators.fake_gcs(ROOT, tmp_path)
    assert emulators.fake_gcs(ROOT, tmp_path) == [command]
    assert Path(command).read_text() == "whole"
    assert len(built) == 1
    other = tmp_path / "clone" / "tools" / "emulators" / "fake_gcs"
    other.mkdir(parents=True)
    for name in ("go.mod", "go.sum"):
        (other / name).write_text("newer")
    assert emulators.fake_gcs(tmp_path / "clone", tmp_path) != [command]


def test_azurite_is_told_to_run_no_script_and_to_take_nothing_that_is_not_locked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[list[str]] = []

    def watch(command: list[str], **told: object) -> Outcome:
        ran.append(command)
        return Outcome(1, "no network")

    monkeypatch.setattr(uv, "install", lambda *_: None)
    monkeypatch.setattr(emulators, "watch", watch)
    with pytest.raises(SetupFault, match="npm could not install Azurite"):
        emulators.azurite(ROOT, tmp_path)
    assert ran[0][2:4] == ["ci", "--ignore-scripts"]
    assert [each.name for each in (tmp_path / "emulators").iterdir()] == [".azurite.lock"]


def test_where_it_cannot_be_had_a_person_is_told_and_ci_fails(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def get(_root: Path, _cache: Path) -> list[str]:
        raise SetupFault("npm could not install Azurite", "see to the network")

    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="npm could not install Azurite"):
        tried.got(get)
    monkeypatch.setenv("CI", "true")
    with pytest.raises(SetupFault):
        tried.got(get)
