"""One `local` stack, and what the commands do with it: locks, two at once, changes, an end."""

from __future__ import annotations

import datetime
import json
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from components.aws import leftovers
from sandbox import supervisor
from signet.engine.place import PROJECT
from tests.drills import census
from tests.drills.harness import Here, Told, end, place

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Here]:
    """A `local` stack that settled: its second `up` has read back what the first published."""
    with place(tmp_path_factory.mktemp("stack") / "state") as here:
        first = here.done("up", "local", "--json").json
        assert first["counts"]["create"] == len(first["changes"])
        assert set(here.done("up", "local", "--json").changed) <= {"journal", "confirmed"}
        yield here


def lock_file(here: Here, *, host: str, pid: int, stack: str = "local") -> Path:
    folder = here.state / "sandbox/backend/.pulumi/locks/organization" / PROJECT / stack
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "11111111-2222-3333-4444-555555555555.json"
    now = datetime.datetime.now(datetime.UTC).isoformat().replace("+00:00", "Z")
    path.write_text(
        json.dumps({"pid": pid, "username": "ops", "hostname": host, "timestamp": now}),
        encoding="utf-8",
    )
    return path


def test_an_up_without_changes_changes_nothing_and_leaves_the_checkout_alone(local: Here) -> None:
    files = [local.checkout / name for name in ("Pulumi.yaml", "Pulumi.local.yaml")]
    before = [path.read_bytes() for path in files]
    told = local.done("up", "local", "--json").json
    assert told["changes"] == []
    assert told["counts"]["same"] == sum(
        1
        for each in census.recorded(local.state)
        if each.get("custom") and not each["type"].startswith("pulumi:providers:")
    )
    assert [path.read_bytes() for path in files] == before


def test_every_type_that_the_program_declares_can_be_looked_for(local: Here) -> None:
    types = {each["type"] for each in census.recorded(local.state)}
    assert {kind for kind in types if kind.startswith("aws:")} <= set(leftovers.RULES)


def test_the_outputs_are_printed_without_a_run(local: Here) -> None:
    began = time.monotonic()
    outputs = local.done("outputs", "local", "--json").json
    assert {"issuer", "jwksUrls", "gateways", "confirmed"} <= set(outputs)
    assert time.monotonic() - began < 10


def test_a_second_run_waits_for_the_first(local: Here) -> None:
    both = [local.start("up", "local", "--json") for _ in range(2)]
    ends = [end(each) for each in both]
    assert [told.code for told in ends] == [0, 0], [told.err for told in ends]
    assert sum("waiting: local is in the hands of process" in told.err for told in ends) == 1


def test_a_second_run_that_may_not_wait_leaves_with_a_clear_message(local: Here) -> None:
    first = local.start("up", "local")
    turn = local.state / "work" / "local.lock"
    limit = time.monotonic() + 60
    while str(first.pid) not in turn.read_text(encoding="utf-8") and time.monotonic() < limit:
        time.sleep(0.02)
    second = local.signet("preview", "local", "--wait", "0", "--json")
    assert second.code == 1
    assert second.json["error"]["what"] == "another signet works on local"
    assert str(first.pid) in second.json["error"]["where"]
    assert end(first).code == 0


def test_the_lock_of_a_living_process_is_respected(local: Here) -> None:
    path = lock_file(local, host=socket.gethostname(), pid=os.getpid())
    try:
        told = local.signet("up", "local", "--wait", "1s", "--json")
        assert told.code == 1
        assert f"ops@{socket.gethostname()} (process {os.getpid()})" in told.json["error"]["what"]
        assert path.is_file()
    finally:
        path.unlink()


def test_another_hosts_lock_is_broken_only_on_request(local: Here) -> None:
    path = lock_file(local, host="ci-runner-7", pid=1)
    told = local.signet("up", "local", "--wait", "0", "--json")
    assert (told.code, path.is_file()) == (1, True)
    assert "--break-lock" in told.json["error"]["remedy"]
    unasked = local.signet("up", "local", "--break-lock", "--json")
    assert (unasked.code, path.is_file()) == (2, True)
    broken = local.done("up", "local", "--break-lock", "--yes", "--json")
    assert not path.exists()
    assert "took away the lock of ops@ci-runner-7" in broken.json["repaired"][0]


def test_what_a_killed_run_left_beside_the_state_is_cleared_and_said(local: Here) -> None:
    process = subprocess.Popen(["true"])
    process.wait()
    lock = lock_file(local, host=socket.gethostname(), pid=process.pid)
    half = local.state / "sandbox/backend/.pulumi/stacks" / PROJECT / "local.json.attrs"
    half.write_text("", encoding="utf-8")
    cleared, removed = local.done("up", "local", "--json").json["repaired"]
    assert cleared.startswith("cleared the lock of a run that died: ops@")
    assert removed == "removed local.json.attrs, which a killed run had half written"
    assert not lock.exists()


def test_an_ended_sandbox_is_started_again(local: Here) -> None:
    supervisor.stop(local.state, say=lambda _: None)
    told = local.done("preview", "local", "--json")
    assert told.json["changes"] == []


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        ({"PULUMI_BACKEND_URL": "s3://company-state"}, "PULUMI_BACKEND_URL"),
        ({"PULUMI_BACKEND_URL": "file:///tmp"}, "PULUMI_BACKEND_URL"),
        ({"SIGNET_SANDBOX": ""}, "AWS_ENDPOINT_URL"),
    ],
)
def test_a_stack_in_a_half_set_sandbox_is_refused(
    local: Here, settings: dict[str, str], key: str
) -> None:
    sandbox = supervisor.environment(local.state)
    told = local.signet("up", "dev", "--yes", "--json", **{**sandbox, **settings})
    assert told.code == 2
    assert [fault["key"] for fault in told.json["error"]["faults"]] == [key]


def test_without_the_sandboxs_variable_nothing_of_it_is_found(local: Here) -> None:
    told = local.signet("outputs", "dev", "--json", PULUMI_CONFIG_PASSPHRASE="x")
    assert told.code == 1
    assert "there is no stack dev" in told.json["error"]["what"]


def test_down_leaves_no_process_and_no_resource(local: Here) -> None:
    unasked: Told = local.signet("down", "local", "--json")
    assert unasked.code == 2
    assert census.recorded(local.state)
    local.done("down", "local", "--yes")
    status = supervisor.status(local.state)
    assert (status.state, dict(status.pids)) == ("stopped", {})
    assert local.done("down", "local", "--yes", "--json").json["changes"] == []
    supervisor.start(local.state, say=lambda _: None)
    assert census.ids_in_cloud(local.state) == {}
