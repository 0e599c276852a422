"""The page of promises names tests that are there."""

import re

import pytest

from signet.paths import repo_root

PAGE = (repo_root() / "docs" / "gateways-shown.md").read_text()
NAMED = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", PAGE)


@pytest.mark.parametrize(("path", "name"), sorted(set(NAMED)))
def test_a_test_that_the_page_names_is_there(path: str, name: str) -> None:
    assert f"\ndef {name}(" in (repo_root() / path).read_text()


def test_every_promise_names_what_shows_it() -> None:
    promises, _, _ = PAGE.partition("## Not shown here")
    rows = [line.strip("| ").split(" | ") for line in promises.splitlines() if "|" in line]
    told = [row for row in rows if row[0] not in ("promise", "---|---|---")]
    assert len(told) > 25
    assert [row[0] for row in told if "`" not in row[-1]] == []
