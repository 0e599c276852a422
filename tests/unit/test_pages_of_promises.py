"""The pages of promises name tests that are there."""

import re

import pytest

from signet.paths import repo_root

PAGES = ("gateways-shown.md", "clouds-shown.md")
NAMING = (*PAGES, "drills/README.md")


def page(name: str) -> str:
    return (repo_root() / "docs" / name).read_text(encoding="utf-8")


NAMED = sorted(
    {
        found
        for name in NAMING
        for found in re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", page(name))
    }
)


@pytest.mark.parametrize(("path", "name"), NAMED)
def test_a_test_that_a_page_names_is_there(path: str, name: str) -> None:
    assert f"\ndef {name}(" in (repo_root() / path).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", PAGES)
def test_every_promise_names_what_shows_it(name: str) -> None:
    promises, _, _ = page(name).partition("## Not shown here")
    rows = [line.strip("| ").split(" | ") for line in promises.splitlines() if "|" in line]
    told = [row for row in rows if row[0] not in ("promise", "---|---|---")]
    assert len(told) > 25
    assert [row[0] for row in told if "`" not in row[-1]] == []
