"""Which `pulumi` command is used, and what is said when none will do."""

from pathlib import Path

import pytest

from signet.engine import command
from signet.errors import SettingsError


def fake(folder: Path, version: str, *, code: int = 0) -> Path:
    """Write a command that answers `version` and nothing else."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "pulumi"
    path.write_text(f"#!/bin/sh\necho v{version}\nexit {code}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def environ(tmp_path: Path, **more: str) -> dict[str, str]:
    return {"SIGNET_CACHE_DIR": str(tmp_path / "cache"), "PATH": str(tmp_path / "bin"), **more}


def cached(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "engine" / f"v{command.VERSION}"


def test_the_named_command_comes_first(tmp_path: Path) -> None:
    named = fake(tmp_path / "mine", "3.300.0")
    fake(tmp_path / "bin", "3.400.0")
    found = command.find(environ(tmp_path, SIGNET_PULUMI=str(named)))
    assert (found.path, str(found.version)) == (named, "3.300.0")


def test_then_the_one_on_path_then_the_one_that_set_up_obtained(tmp_path: Path) -> None:
    kept = fake(cached(tmp_path), "never asked")
    assert command.find(environ(tmp_path)).path == kept
    on_path = fake(tmp_path / "bin", "3.300.0")
    assert command.find(environ(tmp_path)).path == on_path


@pytest.mark.parametrize("version", ["3.258.9", "2.0.0", "4.0.0", "nonsense"])
def test_one_on_path_that_will_not_do_gives_way(tmp_path: Path, version: str) -> None:
    fake(tmp_path / "bin", version)
    kept = fake(cached(tmp_path), "3.259.0")
    assert command.find(environ(tmp_path)).path == kept


@pytest.mark.parametrize("version", ["3.258.9", "2.0.0", "4.0.0", "nonsense"])
def test_one_that_will_not_do_is_refused_where_there_is_no_other(
    tmp_path: Path, version: str
) -> None:
    path = fake(tmp_path / "bin", version)
    with pytest.raises(SettingsError) as raised:
        command.find(environ(tmp_path))
    assert raised.value.faults[0].value == str(path)
    assert "make setup" in raised.value.faults[0].remedy


def test_none_at_all_names_set_up(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="make setup"):
        command.find(environ(tmp_path))


@pytest.mark.parametrize("kind", ["missing", "not executable", "failing"])
def test_a_named_command_that_cannot_be_run_is_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "pulumi"
    if kind != "missing":
        path = fake(tmp_path, "3.259.0", code=1)
    if kind == "not executable":
        path.chmod(0o644)
    fake(cached(tmp_path), "3.259.0")
    with pytest.raises(SettingsError) as raised:
        command.find(environ(tmp_path, SIGNET_PULUMI=str(path)))
    assert raised.value.faults[0].key == "SIGNET_PULUMI"
