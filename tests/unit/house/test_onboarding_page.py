"""The commands of `docs/onboarding.md`, as a drill runs them, are commands that `signet` knows."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path

import pytest

from signet.cli.main import main
from signet.paths import repo_root
from tests.drills.page import Block, Ran, blocks, missing, run

PAGE = (repo_root() / "docs" / "onboarding.md").read_text(encoding="utf-8")
COMMANDS = [command for block in blocks(PAGE) for command in block.commands]
SIGNET = [
    re.split(r"[|)#]", found)[0]
    for command in COMMANDS
    for found in re.findall(r"\.venv/bin/signet (.*)", command)
]


@pytest.mark.parametrize("command", SIGNET)
def test_the_command_knows_what_the_page_says(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """One argument too many is the only fault that it has."""
    assert main([*shlex.split(command), "--no-such-option"]) == 2
    told = capsys.readouterr()
    assert "unrecognized arguments: --no-such-option" in told.out + told.err


def test_blocks_run_in_order_with_what_the_page_says_of_them(tmp_path: Path) -> None:
    text = 'a\n```sh\nX=one\ncd sub\necho "$X" \\\n  two\n(exit 1)  # exit code 1: so\n```\n'
    (block,) = blocks(text + "```text\none ...o\n```\n")
    assert block.shown == ("one ...o",)
    (tmp_path / "sub").mkdir()
    ran = run(block, tmp_path, {"PATH": os.environ["PATH"]}, tmp_path / "notes")
    assert [each.code for each in ran] == [0, 0, 0, 1]
    assert [each.kept() for each in ran] == [[]] * 4
    output = "".join(each.output for each in ran)
    assert missing(block, output) is None
    assert missing(Block((), ("three",)), output) == "three"


@pytest.mark.parametrize(
    ("command", "code", "output", "wrong"),
    [
        ("curl -i x  # 401", 0, "HTTP/1.1 401 Unauthorized\n", []),
        ("curl -i x  # 401", 0, "  0  0 --:--:--\nHTTP/2 401\n", []),
        ("curl -i x  # 401", 7, "", ["exit code 7, not 0", "status None, not 401"]),
        ("curl -i x  # 401", 0, "HTTP/1.1 200 OK\n401 \n", ["status 200, not 401"]),
        ("signet up", 1, "", ["exit code 1, not 0"]),
        ("signet up  # exit code 1: so", 0, "", ["exit code 0, not 1"]),
        ("signet up  # its 18 minutes", 0, "", []),
    ],
)
def test_what_the_page_says_is_held_against_what_came(
    command: str, code: int, output: str, wrong: list[str]
) -> None:
    assert Ran(command, code, output).kept() == wrong
