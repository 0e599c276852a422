"""The real engine behind `EngineStack`, with programs that need no cloud.

Collected by `test_engine.py` alone, in a process of its own: after an engine has run inline, gRPC's
native threads stay, and they read the process's environment while pytest changes it for each test.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pulumi
import pytest
from pulumi import dynamic

from signet.engine import place
from signet.engine.place import PROJECT
from signet.engine.stack import EngineStack, StackLocked
from signet.engine.watch import Tell, names_of
from signet.errors import Fault, RunFailed, SettingsError
from signet.paths import repo_root

pytestmark = [
    pytest.mark.engine,
    # The SDK leaves an event loop open when its engine goes away.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

STASH = "pulumi:index:Stash"
ENDS = ("one-next", "one-last", "two-next", "two-last")


def declares(value: str = "one", *, protect: bool = False) -> Callable[[], None]:
    def program() -> None:
        pulumi.log.info("the plan in words")
        pulumi.Stash("journal", input=value, opts=pulumi.ResourceOptions(protect=protect))
        pulumi.export("plain", {"value": value})
        pulumi.export("hidden", pulumi.Output.secret({"key": "hush"}))

    return program


@pytest.fixture
def stack(tmp_path: Path) -> EngineStack:
    """A stack of a checkout and a state folder of its own, made and empty."""
    made = opened(tmp_path)
    made.create()
    return made


def opened(tmp_path: Path, **more: str) -> EngineStack:
    root = tmp_path / "checkout"
    root.mkdir(exist_ok=True)
    (root / "Pulumi.yaml").write_text(f"name: {PROJECT}\nruntime: python\n", encoding="utf-8")
    (root / "Pulumi.dev.yaml").write_text("config: {}\n", encoding="utf-8")
    environ = {
        **os.environ,
        "SIGNET_STATE_DIR": str(tmp_path / "state"),
        "PULUMI_CONFIG_PASSPHRASE": "correct horse",
        "PULUMI_HOME": str(tmp_path / "home"),
        **more,
    }
    return EngineStack(place.resolve("dev", environ, root=root))


def test_a_stack_is_made_changed_and_destroyed_and_the_checkout_stays_as_it_was(
    stack: EngineStack, tmp_path: Path
) -> None:
    assert stack.exists()
    first = stack.up(declares("one"))
    assert names_of(first.changes) == [f"+ {STASH} journal"]
    assert stack.up(declares("one")).counts == {"same": 1}
    assert names_of(stack.up(declares("two"), preview=True).changes) == [f"~ {STASH} journal"]
    (changed,) = stack.up(declares("two")).changes
    assert (changed.op, changed.properties) == ("update", ("input",))
    assert names_of(stack.destroy().changes) == [f"- {STASH} journal"]
    stack.remove()
    assert not stack.exists()
    assert (tmp_path / "checkout" / "Pulumi.dev.yaml").read_text("utf-8") == "config: {}\n"


def test_outputs_are_read_from_the_state_with_secrets_masked(stack: EngineStack) -> None:
    stack.up(declares("one"))
    assert stack.outputs() == {"plain": {"value": "one"}, "hidden": "[secret]"}


def test_a_local_state_is_read_as_the_command_itself_would_tell_it(
    stack: EngineStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack.up(declares("one"))
    read = stack.export()
    monkeypatch.setattr("signet.engine.stack._checkpoint", lambda *_: None)
    told = stack.export()
    assert [each["urn"] for each in told["resources"]] == [
        each["urn"] for each in read["resources"]
    ]
    assert told["resources"][-1]["outputs"] == read["resources"][-1]["outputs"]


def test_a_programs_settings_fault_comes_through_whole(stack: EngineStack) -> None:
    faults = [
        Fault(key="signet:clouds", value="asw", problem="is not a cloud", remedy="write aws"),
        Fault(key="signet:home", problem="is missing", remedy="name one of signet:clouds"),
    ]

    def program() -> None:
        raise SettingsError(faults)

    for preview in (True, False):
        with pytest.raises(SettingsError) as raised:
            stack.up(program, preview=preview)
        assert list(raised.value.faults) == faults


def test_a_programs_bug_is_one_line_with_its_place(stack: EngineStack) -> None:
    def program() -> None:
        raise KeyError("oops")

    with pytest.raises(RunFailed) as raised:
        stack.up(program)
    (detail,) = raised.value.details
    assert detail.startswith("KeyError: 'oops' (engine_cases.py, line ")


def chains(value: str, *, fails: bool) -> Callable[[], None]:
    """Two chains, each of which begins in a cloud of its own; the first may fail at once."""

    def program() -> None:
        class Cloud(dynamic.ResourceProvider):
            def diff(self, _id: str, olds: Any, news: Any) -> dynamic.DiffResult:
                return dynamic.DiffResult(changes=olds["value"] != news["value"])

            def create(self, props: Any) -> dynamic.CreateResult:
                return dynamic.CreateResult("1", dict(props))

            def update(self, _id: str, _olds: Any, news: Any) -> dynamic.UpdateResult:
                if news["fails"]:
                    raise ValueError("boom")
                time.sleep(1)
                return dynamic.UpdateResult(dict(news))

        class Made(dynamic.Resource):
            value: pulumi.Output[str]

        ends = []
        for name, broken in (("one", fails), ("two", False)):
            first = Made(Cloud(), name, {"value": value, "fails": broken})
            ends.append(pulumi.Stash(f"{name}-next", input=first.value))
            ends.append(
                pulumi.Stash(
                    f"{name}-last", input=value, opts=pulumi.ResourceOptions(depends_on=ends[-1:])
                )
            )
        pulumi.Stash("record", input=value, opts=pulumi.ResourceOptions(depends_on=ends))

    return program


def test_a_resource_that_fails_holds_up_what_depends_on_it_alone_and_nothing_is_deleted(
    stack: EngineStack,
) -> None:
    stack.up(chains("earlier", fails=False))
    with pytest.raises(RunFailed) as raised:
        stack.up(chains("later", fails=True))
    assert [detail.split(": ")[-1] for detail in raised.value.details] == ["boom"]
    held = {each["urn"].rpartition("::")[2]: each for each in stack.export()["resources"]}
    assert {name: each["inputs"]["input"] for name, each in held.items() if name in ENDS} == {
        "one-next": "earlier",
        "one-last": "earlier",
        "two-next": "later",
        "two-last": "later",
    }
    assert held["record"]["inputs"]["input"] == "earlier"
    stack.up(chains("later", fails=False))
    assert stack.up(chains("later", fails=False)).counts.keys() == {"same"}


def test_a_guarded_resource_stops_down_and_says_what_to_turn_off(stack: EngineStack) -> None:
    stack.up(declares(protect=True))
    with pytest.raises(RunFailed) as raised:
        stack.destroy()
    assert "signet:protectKeys: false" in raised.value.remedy
    assert stack.outputs()
    stack.up(declares(protect=False))
    stack.destroy()


def test_the_programs_messages_and_changes_are_told_as_they_come(stack: EngineStack) -> None:
    told: list[str] = []
    stack.up(
        declares(),
        tell=Tell(
            message=lambda severity, text: told.append(f"{severity} {text}"),
            changed=lambda change: told.append(f"{change.symbol} {change.name}"),
        ),
    )
    assert told == ["info the plan in words", "+ journal"]


def test_another_passphrase_is_named_as_what_is_wrong(stack: EngineStack, tmp_path: Path) -> None:
    stack.up(declares())
    other = opened(tmp_path, PULUMI_CONFIG_PASSPHRASE="wrong")
    with pytest.raises(RunFailed) as raised:
        other.up(declares())
    assert "PULUMI_CONFIG_PASSPHRASE" in raised.value.remedy


def test_a_killed_engine_is_told_apart_from_a_cloud_that_refused(stack: EngineStack) -> None:
    def program() -> None:
        declares()()
        engine = stack._command.pid
        assert engine is not None
        os.kill(engine, signal.SIGKILL)

    with pytest.raises(RunFailed) as raised:
        stack.up(program)
    assert "the engine was killed (signal 9)" in raised.value.what


def test_a_first_interrupt_lets_what_is_under_way_end(stack: EngineStack) -> None:
    def program() -> None:
        declares()()
        threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
        time.sleep(3)

    with pytest.raises(RunFailed, match="it was interrupted"):
        stack.up(program)
    assert stack.interrupted
    stack.up(declares("one"))
    assert stack.outputs()["plain"] == {"value": "one"}


def test_a_stack_that_the_engine_finds_locked_says_by_whom(stack: EngineStack) -> None:
    refused: list[StackLocked] = []

    def program() -> None:
        declares()()
        try:
            opened(stack.place.root.parent).up(declares())
        except StackLocked as locked:
            refused.append(locked)

    stack.up(program)
    assert f"(pid {stack._command.pid})" in refused[0].said
    assert refused[0].exit_code == 1


def test_a_backend_out_of_reach_is_said_without_a_trace(tmp_path: Path) -> None:
    away = opened(tmp_path, PULUMI_BACKEND_URL="http://127.0.0.1:9", PULUMI_ACCESS_TOKEN="pul-x")
    with pytest.raises(RunFailed) as raised:
        away.exists()
    assert "state backend" in raised.value.what
    assert "out of reach" in raised.value.remedy


def test_without_the_engines_command_set_up_is_named_before_anything_begins(tmp_path: Path) -> None:
    env = {
        "HOME": str(tmp_path),
        "PATH": "/nonexistent",
        "SIGNET_CACHE_DIR": str(tmp_path / "cache"),
        "SIGNET_STATE_DIR": str(tmp_path / "state"),
        "PULUMI_CONFIG_PASSPHRASE": "x",
    }
    told = subprocess.run(
        [sys.executable, "-m", "signet.cli.main", "up", "dev", "--yes"],
        cwd=repo_root(),
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (told.returncode, told.stdout) == (2, "")
    assert "make setup" in told.stderr
    assert "Traceback" not in told.stderr
