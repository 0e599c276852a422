"""Set-up: finds what is there, says what is in the way, and survives company and interruption."""

import io
import json
import os
import runpy
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from signet.paths import repo_root
from tools.house import engine, engine_build, environment, go_build, main, uv
from tools.house.faults import SetupFault
from tools.house.locked import locked
from tools.house.progress import Progress
from tools.house.run import watch

ROOT = repo_root()


def script(path: Path, body: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def pulumi(path: Path, version: str) -> Path:
    return script(path, f"echo v{version}")


def runnable(path: str | None = None) -> dict[str, str]:
    return {"PATH": path or os.environ["PATH"]}


# --- the Python it runs on ---


@pytest.mark.parametrize("version", [(2, 7, 18), (3, 10, 9), (3, 14, 0)])
def test_another_python_is_told_which_ones_will_do(
    version: tuple[int, int, int],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "version_info", version)
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(ROOT / "tools" / "setup.py"), run_name="__main__")
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert "3.11, 3.12 or 3.13" in said
    assert "make setup PYTHON=" in said


def test_the_launcher_is_written_so_that_an_old_python_can_read_it() -> None:
    source = (ROOT / "tools" / "setup.py").read_text()
    head = source[: source.index("from tools.house")]
    assert 'f"' not in head
    assert ":=" not in head


def test_a_python_without_pip_and_venv_is_told_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(SetupFault, match="neither pip nor") as caught:
        uv.obtain(ROOT, tmp_path)
    assert "apt-get install python3" in caught.value.remedy
    assert list((tmp_path / "tools").glob(".uv-*")) == []


def test_a_registry_out_of_reach_is_said_with_the_settings_that_matter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Port 9 (discard) of loopback refuses at once, as a blocked network does."""
    for name in ("PIP_INDEX_URL", "HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("PIP_RETRIES", "0")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    monkeypatch.setenv("PIP_NO_CACHE_DIR", "1")
    with pytest.raises(SetupFault, match="pip could not install uv") as caught:
        uv.obtain(ROOT, tmp_path)
    assert "HTTPS_PROXY" in caught.value.remedy
    assert caught.value.detail


# --- .venv ---


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    for name in ("requirements/dev.txt", "pyproject.toml", "tools/house/environment.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("as locked")
    (tmp_path / ".venv").mkdir()
    return tmp_path


@pytest.mark.parametrize("name", ["requirements/dev.txt", "pyproject.toml"])
def test_a_changed_lock_makes_the_environment_stale(clone: Path, name: str) -> None:
    assert not environment.ready(clone)
    (clone / ".venv" / ".signet-setup").write_text(environment.fingerprint(clone))
    assert environment.ready(clone)
    (clone / name).write_text("locked anew")
    assert not environment.ready(clone)


def test_a_full_disk_is_said_before_anything_is_fetched(
    clone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environment, "_NEEDED_BYTES", 2**62)
    with pytest.raises(SetupFault, match="MB are free"):
        environment.make(clone, clone / "cache")


# --- the pulumi command ---


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH with nothing on it but the shell."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "sh").symlink_to("/bin/sh")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.delenv("SIGNET_PULUMI", raising=False)
    return tmp_path


def test_nothing_there_is_nothing_found(bare: Path) -> None:
    assert engine.find(ROOT, bare / "cache") is None


@pytest.mark.parametrize(
    ("version", "used"),
    [("3.259.0", True), ("3.260.1", True), ("3.258.9", False), ("4.0.0", False), ("x", False)],
)
def test_a_command_on_the_path_is_used_if_its_version_will_do(
    bare: Path, version: str, used: bool
) -> None:
    pulumi(bare / "bin" / "pulumi", version)
    found = engine.find(ROOT, bare / "cache")
    assert (found is not None) == used
    if found:
        assert (found.version, found.origin) == (version, "PATH")


def test_a_named_command_that_will_not_do_is_a_fault_and_not_passed_over(
    bare: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pulumi(bare / "bin" / "pulumi", engine.VERSION)
    monkeypatch.setenv("SIGNET_PULUMI", str(pulumi(bare / "old", "3.100.0")))
    with pytest.raises(SetupFault, match=r"version 3\.100\.0"):
        engine.find(ROOT, bare / "cache")
    monkeypatch.setenv("SIGNET_PULUMI", str(bare / "missing"))
    with pytest.raises(SetupFault, match="does not answer"):
        engine.find(ROOT, bare / "cache")


def test_the_cached_command_is_found_where_signet_looks_for_it(bare: Path) -> None:
    from signet.engine.command import VERSION

    assert str(VERSION) == engine.VERSION
    home = engine.folder(bare / "cache")
    pulumi(home / "pulumi", engine.VERSION)
    assert engine.find(ROOT, bare / "cache") is None  # its launcher is missing still
    obtained = engine.obtain(ROOT, bare / "cache")
    assert (obtained.path, obtained.origin) == (home / "pulumi", "cache")
    assert engine.find(ROOT, bare / "cache") is not None


def test_pulumis_own_launchers_are_left_alone_and_old_ones_of_ours_renewed(bare: Path) -> None:
    home = engine.folder(bare / "cache")
    pulumi(home / "pulumi", engine.VERSION)
    theirs = script(home / "pulumi-language-python", "echo Pulumi")
    ours = script(home / "pulumi-resource-pulumi-python", "# Signet's set-up wrote this once")
    engine.obtain(ROOT, bare / "cache")
    assert theirs.read_text() == "#!/bin/sh\necho Pulumi\n"
    assert not (home / "signet_language_host.py").exists()
    assert "pulumi.dynamic" in ours.read_text()
    assert os.access(ours, os.X_OK)


def test_the_locked_sdk_and_the_go_module_are_the_version_that_is_obtained() -> None:
    lock = (ROOT / "requirements" / "deploy.txt").read_text()
    assert f"\npulumi=={engine.VERSION} \\\n" in lock
    module = (ROOT / "tools" / "engine" / "go.mod").read_text()
    assert f"pkg/v3 v{engine.VERSION}\n" in module


def test_a_half_made_command_is_never_seen(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "_from_installer", lambda _root, _work: False)

    def fail(_root: Path, _cache: Path, target: Path, _version: str) -> None:
        target.write_text("half")
        raise SetupFault("the build failed", "try again")

    monkeypatch.setattr(engine_build, "build", fail)
    (bare / "cache" / "engine" / ".new-killed").mkdir(parents=True)
    with pytest.raises(SetupFault, match="the build failed"):
        engine.obtain(ROOT, bare / "cache")
    assert engine.find(ROOT, bare / "cache") is None
    assert [path.name for path in (bare / "cache" / "engine").iterdir()] == [".lock"]


def test_a_build_of_another_version_is_refused(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "_from_installer", lambda _root, _work: False)

    def build(_root: Path, _cache: Path, target: Path, _version: str) -> None:
        pulumi(target, "3.1.0")

    monkeypatch.setattr(engine_build, "build", build)
    with pytest.raises(SetupFault, match=r"version 3\.1\.0"):
        engine.obtain(ROOT, bare / "cache")
    assert engine.find(ROOT, bare / "cache") is None


@pytest.mark.parametrize(
    ("name", "runs"),
    [
        ("pulumi-resource-pulumi-python", "-m pulumi.dynamic"),
        ("pulumi-language-python", "{home}/signet_language_host.py"),
    ],
)
def test_a_launcher_prefers_the_named_python_then_the_environments(
    bare: Path, name: str, runs: str
) -> None:
    home = engine.folder(bare / "cache")
    pulumi(home / "pulumi", engine.VERSION)
    engine.obtain(ROOT, bare / "cache")
    launcher = home / name
    (bare / "bin" / "dirname").symlink_to("/usr/bin/dirname")
    named = script(bare / "named", 'echo "named $@"')
    script(bare / "venv" / "bin" / "python", 'echo "venv $@"')
    script(bare / "bin" / "python3", 'echo "path $@"')
    cases = {
        "named": {"SIGNET_PYTHON": str(named), "VIRTUAL_ENV": str(bare / "venv")},
        "venv": {"VIRTUAL_ENV": str(bare / "venv")},
        "path": {},
    }
    for expected, env in cases.items():
        done = subprocess.run(
            [str(launcher), "127.0.0.1:1"],
            env=runnable(str(bare / "bin")) | env,
            cwd=bare,
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout == f"{expected} -u {runs.format(home=home)} 127.0.0.1:1\n"


@pytest.mark.parametrize(
    ("printed", "version"),
    [
        ("go version go1.26.6 linux/amd64", (1, 26, 6)),
        ("go version go1.25 linux/amd64", (1, 25, 0)),
        ("go version devel", (0,)),
    ],
)
def test_go_tells_its_version(tmp_path: Path, printed: str, version: tuple[int, ...]) -> None:
    go = script(tmp_path / "go", f"echo '{printed}'")
    assert go_build.go_version(str(go), runnable()) == version


# --- remembered, so that the second run is quick ---


def test_the_engine_is_asked_again_only_when_something_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".venv").mkdir()
    command = pulumi(tmp_path / "pulumi", engine.VERSION)
    found = engine.Engine(command, engine.VERSION, "PATH")
    assert main._remembered_engine(tmp_path) is None
    main._remember_engine(tmp_path, found)
    assert main._remembered_engine(tmp_path) == command
    monkeypatch.setenv("SIGNET_PULUMI", "another")
    assert main._remembered_engine(tmp_path) is None
    monkeypatch.delenv("SIGNET_PULUMI")
    os.utime(command, (1, 1))
    assert main._remembered_engine(tmp_path) is None
    command.unlink()
    assert main._remembered_engine(tmp_path) is None


def test_a_damaged_note_is_as_good_as_none(tmp_path: Path) -> None:
    (tmp_path / ".venv").mkdir()
    for text in ("", "[]", json.dumps({"path": 1, "key": 2})):
        (tmp_path / ".venv" / ".signet-engine").write_text(text)
        assert main._remembered_engine(tmp_path) is None


# --- running other programs ---


def test_a_program_is_ended_with_its_children_when_its_time_is_up(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    body = f"sleep 60 & echo $! >{pids}; echo begun; wait"
    begun = time.monotonic()
    done = watch(["sh", "-c", body], env=runnable(), cwd=tmp_path, limit=1.0)
    assert done.code is None
    assert done.tail == "begun"
    assert time.monotonic() - begun < 10
    child = int(pids.read_text())
    for _ in range(100):
        if not Path(f"/proc/{child}").exists() or _zombie(child):
            break
        time.sleep(0.05)
    else:
        os.kill(child, signal.SIGKILL)
        pytest.fail("a child was left behind")


def _zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def test_lines_arrive_as_they_are_printed_and_the_last_without_its_newline(tmp_path: Path) -> None:
    seen: list[str] = []
    done = watch(
        ["sh", "-c", "echo one; echo two >&2; printf three; exit 3"],
        env=runnable(),
        cwd=tmp_path,
        limit=20,
        on_line=seen.append,
    )
    assert done.code == 3
    assert [line for line in seen if line] == ["one", "two", "three"]


def test_a_second_set_up_waits_for_the_first_and_a_dead_one_holds_nothing(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys, time; from pathlib import Path; from tools.house.locked import locked\n"
            f"with locked(Path({str(lock)!r}), 'x'):\n"
            "    print('held', flush=True); time.sleep(60)",
        ],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        waiting = subprocess.Popen(
            [
                sys.executable,
                "-c",
                "from pathlib import Path; from tools.house.locked import locked\n"
                f"with locked(Path({str(lock)!r}), 'x'):\n    print('mine')",
            ],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        with pytest.raises(subprocess.TimeoutExpired):
            waiting.wait(timeout=1)
    finally:
        holder.kill()
        holder.communicate()
    out, err = waiting.communicate(timeout=20)
    assert out == "mine\n"
    assert "Waiting for another set-up" in err


def test_a_cache_that_cannot_be_written_is_said_plainly(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(SetupFault, match="cannot be written") as caught,
        locked(tmp_path / "file" / "lock", "x"),
    ):
        pass
    assert "SIGNET_CACHE_DIR" in caught.value.remedy


# --- what a person sees ---


def test_quick_work_says_little_and_a_log_gets_whole_lines() -> None:
    log = io.StringIO()
    with Progress("Doing it", log) as progress:
        progress.update("1 of 2")
    assert log.getvalue() == "Doing it\n"


def test_a_fault_shows_the_end_of_what_the_tool_said() -> None:
    fault = SetupFault("it broke", "mend it", "\n".join(f"line {n}" for n in range(30)))
    lines = str(fault).splitlines()
    assert lines[0] == "set-up stopped: it broke"
    assert lines[1] == "  | line 18"
    assert lines[-1] == "  Way out: mend it"
