"""`docs/onboarding.md`, word for word, in a fresh clone: by a team that has nothing."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from signet.paths import repo_root
from tests.drills import page

pytestmark = [pytest.mark.engine, pytest.mark.drill]

PAGE = "docs/onboarding.md"


@pytest.fixture
def env() -> dict[str, str]:
    """What a person's shell has: nothing of the run of tests that this one stands in."""
    ours = ("SIGNET_", "PYTHON", "PYTEST", "PULUMI_", "VIRTUAL_ENV")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}


def test_the_page_is_true_to_its_last_command(tmp_path: Path, env: dict[str, str]) -> None:
    written = (repo_root() / PAGE).read_text(encoding="utf-8")
    written = written.replace("<this repository>", f"'{repo_root()}'")
    found = page.blocks(written)
    clone = tmp_path / "signet"
    ran: list[page.Ran] = []
    try:
        for number, block in enumerate(found):
            folder = clone if number else tmp_path
            here = page.run(block, folder, env, tmp_path / f"block-{number}")
            for each in here:
                assert each.kept() == [], f"{each.command}\n{each.output}"
            output = "".join(each.output for each in here)
            assert page.missing(block, output) is None, output
            ran += here
        outputs = json.loads(_said(clone, env, ".venv/bin/signet outputs local --json"))
    finally:
        _said(clone, env, ".venv/bin/signet sandbox stop --forget")
    shown = [each for each in ran if " curl " in f" {each.command} "]
    assert [each.status for each in shown] == ["200", "401", "403"]
    assert "orders" not in (outputs["services"] or {})
    assert not (clone / "services" / "orders.yaml").exists()


def _said(clone: Path, env: dict[str, str], command: str) -> str:
    notes = clone.parent / f"after-{len(list(clone.parent.iterdir()))}"
    (ran,) = page.run(page.Block((command,)), clone, env, notes)
    return ran.output
