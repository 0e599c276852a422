"""Runs `engine_cases.py` in a process of its own, and reports each of its cases here."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as Xml

import pytest

from signet.paths import repo_root

pytestmark = pytest.mark.engine

CASES = Path(__file__).with_name("engine_cases.py")
NAMES = [
    node.name
    for node in ast.parse(CASES.read_text(encoding="utf-8")).body
    if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
]
TIME_LIMIT = 400


@pytest.fixture(scope="module")
def reported(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What went wrong in each case, empty for nothing."""
    report = tmp_path_factory.mktemp("cases") / "report.xml"
    options = ["-q", "-p", "no:cacheprovider", "-W", "ignore::ResourceWarning"]
    child = subprocess.run(
        [sys.executable, "-m", "pytest", *options, f"--junitxml={report}", str(CASES)],
        cwd=repo_root(),
        capture_output=True,
        text=True,
        timeout=TIME_LIMIT,
        check=False,
    )
    assert report.is_file(), child.stdout + child.stderr
    return {
        str(case.get("name")): "\n".join(trouble.text or "" for trouble in case)
        for case in Xml.parse(report).iter("testcase")  # noqa: S314  written by pytest just now
    }


@pytest.mark.parametrize("name", NAMES)
def test_the_engine(reported: dict[str, str], name: str) -> None:
    assert name in reported, "the process ended before this case"
    assert reported[name] == ""
