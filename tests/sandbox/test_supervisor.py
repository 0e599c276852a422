"""The sandbox started, stopped, killed and started again, with the real emulator."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

import sandbox
from sandbox import ministack_venv, ports, processes, pulumi_home, record, supervisor
from sandbox.record import ProcessId
from signet.engine import sandbox_marker
from signet.errors import CouldNotCheck, NegativeAnswer, RunFailed

pytestmark = pytest.mark.engine


def quiet(_: str) -> None:
    """Say nothing."""


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "state"
    supervisor.forget(tmp_path / "state", quiet)


def client(state: Path, service: str) -> Any:
    env = sandbox.environment(state)
    return boto3.session.Session().client(
        service,
        endpoint_url=env["AWS_ENDPOINT_URL"],
        region_name=env["AWS_REGION"],
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


def told(state: Path) -> record.Record:
    found = record.load(state / "sandbox" / "sandbox.json")
    assert found is not None
    return found


def server(state: Path) -> ProcessId:
    return told(state).processes["aws"]


def make_key(state: Path) -> str:
    kms = client(state, "kms")
    return str(kms.create_key(KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"])


HANDLER = (
    "import time\n"
    "import settings\n"
    "def handler(event, context):\n"
    "    time.sleep(event.get('sleep', 0))\n"
    "    return {'settings': settings.NAME}\n"
)


def zipped(name: str, text: str) -> bytes:
    from sandbox.plugin.content import archive_zip
    from sandbox.plugin.values import Archive, Asset

    return archive_zip(Archive(members={name: Asset(text=text)}))


def make_function(state: Path) -> None:
    """A function whose settings stand in a layer, as a validator's do."""
    functions = client(state, "lambda")
    layer = functions.publish_layer_version(
        LayerName="settings", Content={"ZipFile": zipped("python/settings.py", "NAME = 'layer'\n")}
    )
    functions.create_function(
        FunctionName="f",
        Runtime="python3.11",
        Role="arn:aws:iam::000000000000:role/x",
        Handler="h.handler",
        Code={"ZipFile": zipped("h.py", HANDLER)},
        Layers=[layer["LayerVersionArn"]],
        Timeout=30,
    )
    functions.get_waiter("function_active_v2").wait(FunctionName="f")


def invoke(state: Path, **event: Any) -> Any:
    answer = client(state, "lambda").invoke(FunctionName="f", Payload=json.dumps(event))
    return json.load(answer["Payload"])


def wait_until(happened: Callable[[], bool]) -> None:
    limit = time.monotonic() + 10
    while not happened():
        assert time.monotonic() < limit
        time.sleep(0.05)


def test_a_sandbox_that_was_never_made_says_how_to_start_it(tmp_path: Path) -> None:
    assert sandbox.status(tmp_path).state == "none"
    for ask in (sandbox.environment, supervisor.require_running):
        with pytest.raises(CouldNotCheck) as raised:
            ask(tmp_path)
        assert "signet sandbox start" in raised.value.remedy
    assert list(tmp_path.iterdir()) == []


def test_it_starts_answers_and_stops_without_a_trace(state: Path) -> None:
    said: list[str] = []
    now = sandbox.start(state, say=said.append)
    assert now.running
    assert said[-1] == "starting the sandbox"
    make_function(state)
    assert invoke(state) == {"settings": "layer"}
    carriers = list(processes.marked(told(state).id))
    assert len(carriers) >= 2, "the server and a Lambda worker"
    assert any((state / "sandbox" / "tmp").glob("ministack-lambda-*"))

    ended = sandbox.stop(state, say=quiet)
    assert ended.state == "stopped"
    assert not any(processes.alive(process) for process in carriers)
    assert list(processes.marked(told(state).id)) == []
    assert not (state / "sandbox" / "tmp").exists()
    assert ports.is_free(now.ports["aws"])


def test_a_second_start_leaves_the_running_one_as_it_is(state: Path) -> None:
    first = sandbox.start(state, say=quiet)
    second = sandbox.start(state, say=quiet)
    assert (first.id, first.ports, first.pids) == (second.id, second.ports, second.pids)


def test_only_what_is_asked_for_is_started_and_the_rest_when_it_is(state: Path) -> None:
    said: list[str] = []
    first = sandbox.start(state, say=said.append, clouds=["gcp"])
    assert first.running
    assert set(first.pids) == {"gcp"}
    assert set(first.ports) == {"aws", "azure", "gcp", "gcp-kms"}, "they stand in issuers"
    assert first.memory == "kept"
    assert "REQUESTS_CA_BUNDLE" not in sandbox.environment(state)
    more = sandbox.start(state, say=said.append, clouds=["azure"])
    assert more.running
    assert set(more.pids) == {"azure", "gcp"}
    assert more.pids["gcp"] == first.pids["gcp"], "what runs is left as it is"
    assert "REQUESTS_CA_BUNDLE" in sandbox.environment(state)
    assert said == ["starting the sandbox", "starting azure in the sandbox"]
    assert sandbox.start(state, say=said.append, clouds=["gcp"]).pids == more.pids
    assert sandbox.stop(state, say=quiet).memory == "kept"
    again = sandbox.start(state, say=quiet, clouds=[])
    assert set(again.pids) == {"azure", "gcp"}, "a stack's state may name what they hold"
    os.kill(again.pids["azure"], signal.SIGKILL)
    wait_until(lambda: sandbox.status(state).state == "failing")
    assert sandbox.start(state, say=quiet, clouds=["gcp"]).running


def test_a_restart_keeps_identity_ports_and_memory(state: Path) -> None:
    first = sandbox.start(state, say=quiet)
    key = make_key(state)
    public = client(state, "kms").get_public_key(KeyId=key)["PublicKey"]
    s3 = client(state, "s3")
    s3.create_bucket(Bucket="kept")
    s3.put_object(
        Bucket="kept", Key="a", Body=b"x", ContentType="application/jwk-set+json", CacheControl="c"
    )
    make_function(state)
    logs = client(state, "logs")
    query = logs.put_query_definition(name="q", queryString="fields @message")
    api = client(state, "apigatewayv2").create_api(Name="a", ProtocolType="HTTP")["ApiId"]
    sandbox.stop(state, say=quiet)
    assert sandbox.status(state).memory == "kept"

    second = sandbox.start(state, say=quiet)
    assert (second.id, second.ports) == (first.id, first.ports)
    assert second.pids != first.pids
    assert client(state, "kms").get_public_key(KeyId=key)["PublicKey"] == public
    found = client(state, "s3").get_object(Bucket="kept", Key="a")
    assert (found["Body"].read(), found["ContentType"]) == (b"x", "application/jwk-set+json")
    assert found["CacheControl"] == "c"
    assert invoke(state) == {"settings": "layer"}
    assert client(state, "apigatewayv2").get_api(ApiId=api)["Name"] == "a"
    (saved,) = client(state, "logs").describe_query_definitions()["queryDefinitions"]
    assert saved["queryDefinitionId"] == query["queryDefinitionId"]


def test_after_a_kill_the_next_start_clears_up_and_remembers(state: Path) -> None:
    sandbox.start(state, say=quiet)
    make_function(state)
    invoke(state)
    key = make_key(state)
    saved = state / "sandbox" / "ministack" / "state" / "kms.json"
    wait_until(lambda: saved.is_file() and key in saved.read_text("utf-8"))
    before = server(state)
    orphans = [p for p in processes.marked(told(state).id) if p != before]
    os.kill(before.pid, signal.SIGKILL)
    processes.end(before, 0.1)
    assert sandbox.status(state).state == "failing"  # the other clouds go on

    assert sandbox.start(state, say=quiet).running
    assert not any(processes.alive(process) for process in orphans)
    assert client(state, "kms").describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "Enabled"


def test_a_server_that_hangs_is_failing_and_started_again(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox.start(state, say=quiet)
    before = server(state)
    monkeypatch.setattr(supervisor, "_STOP_PATIENCE", 0.5)
    monkeypatch.setattr(supervisor, "_ANSWER_PATIENCE", 0.5)
    os.kill(before.pid, signal.SIGSTOP)
    assert sandbox.status(state).state == "failing"
    with pytest.raises(CouldNotCheck, match="does not answer"):
        supervisor.require_running(state)
    assert sandbox.start(state, say=quiet).running
    assert not processes.alive(before)


def test_a_kept_port_in_other_hands_is_said_plainly(state: Path) -> None:
    port = sandbox.start(state, say=quiet).ports["aws"]
    sandbox.stop(state, say=quiet)
    with socket.create_server(("127.0.0.1", port)):
        with pytest.raises(NegativeAnswer) as raised:
            sandbox.start(state, say=quiet)
        assert f"port {port}" in raised.value.what
        assert f"process {os.getpid()}" in raised.value.what
        assert "--forget" in raised.value.remedy
    assert sandbox.start(state, say=quiet).ports["aws"] == port


def test_a_reused_process_id_is_never_killed(state: Path) -> None:
    sandbox.start(state, say=quiet)
    sandbox.stop(state, say=quiet)
    with subprocess.Popen(["sleep", "60"]) as bystander:
        try:
            stranger = processes.identify(bystander.pid)
            assert stranger is not None
            reused = ProcessId(stranger.pid, stranger.started - 1, stranger.boot)
            path = state / "sandbox" / "sandbox.json"
            record.save(path, told(state).with_process("aws", reused))
            assert sandbox.status(state).state == "stopped"
            sandbox.stop(state, say=quiet)
            sandbox.start(state, say=quiet)
            assert processes.alive(stranger)
        finally:
            bystander.kill()


def test_a_process_of_another_boot_is_not_ours() -> None:
    me = processes.identify(os.getpid())
    assert me is not None
    assert processes.alive(me)
    assert not processes.alive(ProcessId(me.pid, me.started, "another boot"))


def test_two_commands_at_once_start_one_sandbox(state: Path) -> None:
    script = (
        "import sandbox, sys, pathlib\n"
        "print(sandbox.start(pathlib.Path(sys.argv[1]), say=lambda _: None).pids['aws'])\n"
    )
    command = [sys.executable, "-c", script, str(state)]
    started = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    pids = {process.communicate(timeout=60)[0].strip() for process in started}
    assert pids == {str(server(state).pid)}


def test_lost_memory_is_said(state: Path) -> None:
    sandbox.start(state, say=quiet)
    stacks = state / "sandbox" / "backend" / ".pulumi" / "stacks" / "signet"
    stacks.mkdir(parents=True)
    (stacks / "local.json").write_text("{}", encoding="utf-8")
    sandbox.stop(state, say=quiet)
    assert sandbox.status(state).memory == "kept"
    shutil.rmtree(state / "sandbox" / "ministack")
    assert sandbox.status(state).memory == "lost"


def test_forgetting_removes_everything(state: Path) -> None:
    first = sandbox.start(state, say=quiet)
    supervisor.forget(state, quiet)
    assert not (state / "sandbox").exists()
    assert sandbox.start(state, say=quiet).id != first.id


def test_a_torn_record_is_an_error_with_a_way_out(state: Path) -> None:
    path = state / "sandbox" / "sandbox.json"
    path.parent.mkdir(parents=True)
    path.write_text('{"schema": 1', encoding="utf-8")
    with pytest.raises(CouldNotCheck, match="cannot be read"):
        sandbox.status(state)
    path.unlink()


def test_an_emulator_that_ends_at_once_shows_its_log(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = state / "broken.py"
    state.mkdir()
    broken.write_text("raise SystemExit('no such thing')", encoding="utf-8")
    monkeypatch.setattr("sandbox.ministack._SERVER", broken)
    with pytest.raises(RunFailed) as raised:
        sandbox.start(state, say=quiet)
    assert "no such thing" in raised.value.details[0]


def test_the_emulator_sees_nothing_of_the_persons_environment(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", "precious")
    sandbox.start(state, say=quiet)
    seen = Path(f"/proc/{server(state).pid}/environ").read_bytes()
    assert b"precious" not in seen
    assert b"BIND_HOST=127.0.0.1" in seen


def test_it_listens_on_loopback_only(state: Path) -> None:
    port = sandbox.start(state, say=quiet).ports["aws"]
    table = Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()
    listening = [line.split()[1] for line in table if f":{port:04X} " in line and " 0A " in line]
    assert listening == [f"0100007F:{port:04X}"]


def test_the_folder_is_its_owners_alone(state: Path) -> None:
    sandbox.start(state, say=quiet)
    assert (state / "sandbox").stat().st_mode & 0o777 == 0o700


def test_the_environment_is_a_sandbox_and_nothing_else_is(state: Path) -> None:
    sandbox.start(state, say=quiet)
    env = sandbox.environment(state)
    marker = sandbox_marker.active(env)
    assert marker is not None
    assert marker.sandbox_id == told(state).id
    assert sandbox_marker.backend_path(env["PULUMI_BACKEND_URL"]) == state / "sandbox" / "backend"
    plugin = Path(env["PULUMI_HOME"]) / "plugins"
    [folder] = plugin.glob("resource-aws-v*")
    assert os.access(folder / "pulumi-resource-aws", os.X_OK)
    assert sandbox_marker.active({}) is None


def test_the_launcher_follows_the_interpreter(tmp_path: Path, monkeypatch: Any) -> None:
    pulumi_home.write(tmp_path)
    [launcher] = tmp_path.glob("plugins/resource-aws-v*/pulumi-resource-aws")
    monkeypatch.setattr(sys, "executable", "/else where/python")
    pulumi_home.write(tmp_path)
    assert "exec '/else where/python' -P -m sandbox.plugin aws" in launcher.read_text("utf-8")


def test_where_the_emulator_is_installed_depends_on_the_lock_and_the_python(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    env = {"SIGNET_CACHE_DIR": str(tmp_path)}
    first = ministack_venv.place(env)
    assert first == ministack_venv.place(env)
    other = tmp_path / "other.txt"
    other.write_text("nothing", encoding="utf-8")
    monkeypatch.setattr(ministack_venv, "lock_file", lambda: other)
    assert ministack_venv.place(env) != first


def test_an_installation_that_fails_says_what_was_tried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusing = tmp_path / "uv"
    refusing.write_text("#!/bin/sh\necho no index >&2\nexit 1\n", encoding="utf-8")
    refusing.chmod(0o755)
    env = {"SIGNET_CACHE_DIR": str(tmp_path / "cache"), "SIGNET_UV": str(refusing)}
    with pytest.raises(RunFailed) as raised:
        ministack_venv.ensure(env, quiet)
    assert raised.value.details == ("no index",)
    assert str(refusing) in raised.value.where


def test_only_what_the_lock_names_is_beside_the_emulator() -> None:
    """Lambda sees these packages, so a stranger here would hide a missing one there."""
    python = ministack_venv.ensure(dict(os.environ), quiet)
    names = {
        path.name.split("-")[0].lower().replace("_", "-")
        for path in python.parent.parent.glob("lib/python*/site-packages/*.dist-info")
    }
    lines = ministack_venv.lock_file().read_text(encoding="utf-8").splitlines()
    locked = {line.split("==")[0].lower().replace("_", "-") for line in lines if "==" in line}
    assert names <= locked
