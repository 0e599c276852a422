"""The page about rotation names every rule and every state."""

from __future__ import annotations

import pytest

from signet.key_ring import State
from signet.paths import repo_root
from signet.rotation import Rule

PAGE = (repo_root() / "docs" / "rotation.md").read_text()


@pytest.mark.parametrize("rule", list(Rule))
def test_the_page_says_what_breaks_without_the_rule(rule: Rule) -> None:
    assert f"| {rule.value} |" in PAGE


@pytest.mark.parametrize("state", list(State))
def test_the_page_explains_the_state(state: State) -> None:
    assert f"| {state.value}" in PAGE
