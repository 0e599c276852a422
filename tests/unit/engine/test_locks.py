"""Whose lock it is, and whether its owner is certainly dead."""

import datetime
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from signet.engine import locks
from signet.engine.locks import Lock, Owner

HERE = socket.gethostname()


def lock(pid: int, *, host: str = HERE, age: float = 0.0) -> Lock:
    since = datetime.datetime.fromtimestamp(time.time() - age, datetime.UTC)
    return Lock(pid=pid, user="ops", host=host, since=since)


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    """A process that lives until the test ends."""
    process = subprocess.Popen(["sleep", "60"])
    yield process
    process.kill()
    process.wait()


def dead_pid() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_a_living_process_of_this_host_holds_its_lock(sleeper: subprocess.Popen[bytes]) -> None:
    assert locks.owner(lock(sleeper.pid)) is Owner.ALIVE


def test_a_lock_whose_process_is_gone_is_dead() -> None:
    assert locks.owner(lock(dead_pid())) is Owner.DEAD


def test_a_number_given_to_a_later_process_is_not_the_owner(
    sleeper: subprocess.Popen[bytes],
) -> None:
    assert locks.owner(lock(sleeper.pid, age=3600)) is Owner.DEAD


def test_a_process_that_nobody_collected_yet_is_dead() -> None:
    process = subprocess.Popen(["sleep", "60"])
    try:
        held = lock(process.pid)
        os.kill(process.pid, signal.SIGKILL)
        end = time.monotonic() + 10
        while locks.owner(held) is not Owner.DEAD and time.monotonic() < end:
            time.sleep(0.01)
        assert locks.owner(held) is Owner.DEAD
    finally:
        process.wait()


def test_another_hosts_lock_is_never_judged_from_here() -> None:
    assert locks.owner(lock(dead_pid(), host="ci-runner-7")) is Owner.ELSEWHERE


def test_the_engines_lock_files_are_read(tmp_path: Path) -> None:
    folder = tmp_path / ".pulumi" / "locks" / "organization" / "signet" / "local"
    folder.mkdir(parents=True)
    (folder / "b.json").write_text(
        json.dumps(
            {
                "pid": 23145,
                "username": "ops",
                "hostname": "vm",
                "timestamp": "2026-11-22T20:34:57.688209887Z",
            }
        ),
        encoding="utf-8",
    )
    (folder / "b.json.attrs").write_text("{}", encoding="utf-8")
    (found,) = locks.of_folder(tmp_path, "signet", "local")
    assert (found.pid, found.user, found.host) == (23145, "ops", "vm")
    assert found.since == datetime.datetime(2026, 11, 22, 20, 34, 57, 688209, datetime.UTC)
    assert found.path == folder / "b.json"
    assert locks.of_folder(tmp_path, "signet", "dev") == []


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"pid": "x"}', '{"pid": null}'])
def test_a_lock_that_cannot_be_read_is_held_from_elsewhere(tmp_path: Path, content: str) -> None:
    folder = tmp_path / ".pulumi" / "locks" / "organization" / "signet" / "local"
    folder.mkdir(parents=True)
    (folder / "x.json").write_text(content, encoding="utf-8")
    (found,) = locks.of_folder(tmp_path, "signet", "local")
    assert locks.owner(found) is Owner.ELSEWHERE


def test_the_engines_message_names_every_lock() -> None:
    said = (
        "error: the stack is currently locked by 2 lock(s). Either wait for the other process(es) "
        "to end or delete the lock file with `pulumi cancel`.\n"
        "  s3://state/.pulumi/locks/organization/signet/prod/1.json: created by ops@ci-1 (pid 7) "
        "at 2026-11-22T20:34:57Z\n"
        "  s3://state/.pulumi/locks/organization/signet/prod/2.json: created by me@laptop "
        "(pid 8) at 2026-11-22T20:34:58+01:00\n"
    )
    found = locks.of_message(said)
    assert [(each.user, each.host, each.pid) for each in found] == [
        ("ops", "ci-1", 7),
        ("me", "laptop", 8),
    ]
    assert locks.of_message("[409] Conflict: Another update is currently in progress.") == []


def test_what_a_dead_run_left_working_is_ended() -> None:
    script = (
        "import subprocess\n"
        "plugin = subprocess.Popen(['sleep', '60'], process_group=0)\n"
        "print(plugin.pid, flush=True)\n"
    )
    leader = subprocess.Popen(
        [sys.executable, "-c", script], start_new_session=True, stdout=subprocess.PIPE, text=True
    )
    assert leader.stdout is not None
    child = int(leader.stdout.readline())
    leader.stdout.close()
    leader.wait()
    held = lock(leader.pid)
    assert (locks.owner(held), locks.remnants(held)) == (Owner.DEAD, [child])
    locks.end_remnants(held)
    assert locks.remnants(held) == []


def test_removing_a_lock_removes_its_side_file(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    for each in (path, tmp_path / "x.json.attrs"):
        each.write_text("{}", encoding="utf-8")
    locks.remove(path)
    locks.remove(path)
    assert list(tmp_path.iterdir()) == []


def test_a_turn_is_held_by_one_and_given_back(tmp_path: Path) -> None:
    waited: list[str] = []
    path = tmp_path / "work" / "local.lock"
    with (
        locks.turn(path, until=0, waiting=waited.append) as first,
        locks.turn(path, until=0, waiting=waited.append) as second,
    ):
        assert (first, second) == (True, False)
    with locks.turn(path, until=0, waiting=waited.append) as again:
        assert again
    assert waited == []


def test_a_killed_process_gives_its_turn_back(tmp_path: Path) -> None:
    path = tmp_path / "local.lock"
    script = (
        "import sys, time, pathlib\n"
        "from signet.engine import locks\n"
        "with locks.turn(pathlib.Path(sys.argv[1]), until=0, waiting=print) as mine:\n"
        "    print(mine, flush=True)\n"
        "    time.sleep(60)\n"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", script, str(path)], stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "True\n"
    waited: list[str] = []
    with locks.turn(path, until=0, waiting=waited.append) as mine:
        assert not mine
    holder.kill()
    holder.wait()
    holder.stdout.close()
    with locks.turn(path, until=time.monotonic() + 5, waiting=waited.append) as mine:
        assert mine
