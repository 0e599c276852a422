"""The command's one entry: help, usage, exit codes, and errors as text and as JSON."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
import types

import pytest

from signet.cli import main, output
from signet.errors import CouldNotCheck, Fault, NegativeAnswer, RunFailed, SettingsError

ERRORS = [
    (NegativeAnswer("no", where="here", remedy="do this"), 1, "negative"),
    (RunFailed("it failed", details=["AWS: x: boom"], remedy="again"), 1, "run_failed"),
    (SettingsError([Fault(key="k", value="v", problem="p", remedy="r")]), 2, "settings"),
    (CouldNotCheck("out of reach"), 3, "could_not_check"),
]


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """A subcommand `probe-me` whose `run` each test replaces."""
    module = types.ModuleType("probe_me")
    module.add = lambda sub: sub.add_parser("probe-me").add_argument("word")  # type: ignore[attr-defined]
    module.run = lambda args: 0  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "probe_me", module)
    monkeypatch.setitem(main.COMMANDS, "probe-me", ("probe_me", "try the entry"))
    return module


def test_help_names_every_command_shows_an_example_and_takes_no_time() -> None:
    began = time.monotonic()
    told = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "signet.cli.main", "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    took = time.monotonic() - began
    assert all(f"    {name} " in told.stdout for name in main.COMMANDS)
    assert "signet up local" in told.stdout
    imported = {line.rpartition("|")[2].strip() for line in told.stderr.splitlines()}
    assert not imported & {"pulumi", "boto3", "cryptography", "rich", "ruamel.yaml", "grpc"}
    # 0.3 s is what is promised on an idle machine; a busy one is not the command's fault.
    assert took < 3


@pytest.mark.parametrize("name", ["up", "preview", "down", "outputs", "sandbox"])
def test_each_commands_help_has_an_example(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main.main([name, "--help"])
    assert ended.value.code == 0
    assert "examples:\n  " in capsys.readouterr().out


@pytest.mark.parametrize(
    "words", [["nonsense"], ["up"], ["up", "a", "b"], ["up", "local", "--wat"], ["--wat"]]
)
def test_a_usage_error_says_where_help_is_and_exits_2(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.main(words) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert "--help`" in said.err


@pytest.mark.parametrize("text", ["10", "5d", "", "1.5m", "m"])
def test_a_length_of_time_needs_its_unit(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["up", "local", "--wait", text]) == 2
    assert "write 90s, 10m or 1h" in capsys.readouterr().err


@pytest.mark.parametrize(("error", "code", "kind"), ERRORS)
def test_an_error_is_its_exit_code_and_one_json_document(
    command: types.ModuleType,
    capsys: pytest.CaptureFixture[str],
    error: Exception,
    code: int,
    kind: str,
) -> None:
    def run(_: object) -> int:
        raise error

    command.run = run  # type: ignore[attr-defined]
    assert main.main(["probe-me", "x"]) == code
    plain = capsys.readouterr()
    assert (plain.out, plain.err) == ("", f"{error}\n")
    assert main.main(["probe-me", "x", "--json"]) == code
    told = capsys.readouterr()
    assert told.err == ""
    assert json.loads(told.out)["error"]["kind"] == kind


def test_json_may_stand_anywhere(command: types.ModuleType) -> None:
    seen: list[bool] = []

    def run(args: argparse.Namespace) -> int:
        seen.append(args.json)
        return 0

    command.run = run  # type: ignore[attr-defined]
    for words in (["--json", "probe-me", "x"], ["probe-me", "--json", "x"], ["probe-me", "x"]):
        assert main.main(words) == 0
    assert seen == [True, True, False]


def test_an_interrupt_is_130_without_a_trace(
    command: types.ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(_: object) -> int:
        raise KeyboardInterrupt

    command.run = run  # type: ignore[attr-defined]
    assert main.main(["probe-me", "x"]) == 130
    assert capsys.readouterr().err == "interrupted\n"


def test_a_callers_environment_is_put_back(
    command: types.ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEPT", "1")

    def run(_: object) -> int:
        os.environ["ADDED"] = "x"
        del os.environ["KEPT"]
        return 0

    command.run = run  # type: ignore[attr-defined]
    assert main.main(["probe-me", "x"]) == 0
    assert ("ADDED" in os.environ, os.environ["KEPT"]) == (False, "1")


def test_a_reader_that_goes_away_is_no_error() -> None:
    script = f"set -o pipefail; {sys.executable} -m signet.cli.main --help | head -1"
    told = subprocess.run(
        ["bash", "-c", script], capture_output=True, text=True, check=False, timeout=30
    )
    assert "Traceback" not in told.stderr
    assert told.stdout.startswith("usage: signet")


def test_nobody_to_ask_is_a_usage_error_that_names_yes(monkeypatch: pytest.MonkeyPatch) -> None:
    output.confirm("Really?", yes=True)
    monkeypatch.setattr("sys.stdin", open("/dev/null", encoding="utf-8"))  # noqa: PTH123,SIM115
    with pytest.raises(Exception, match="no terminal to ask on") as raised:
        output.confirm("Really?", yes=False)
    sys.stdin.close()
    assert getattr(raised.value, "exit_code", None) == 2


def test_a_table_fits_and_folds_instead_of_cutting(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    output.print_table("Cases", ("case", "answer"), [("x" * 60, ("200", "good")), ("y", "401")])
    printed = capsys.readouterr().out
    assert printed.count("x") == 60
    assert max(map(len, printed.splitlines())) <= 40
    assert "\x1b" not in printed
