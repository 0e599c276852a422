"""The runbook has every reason under its status, and every alarm; the pages point to each other."""

import re

import pytest

from signet.paths import repo_root
from signet.signals import exchange_signals, signals
from validator_functions.verification.reasons import Reason

DOCS = repo_root() / "docs"


def rows(heading: str) -> list[str]:
    """The first cells of the table below a heading of the runbook."""
    text = (DOCS / "runbook.md").read_text()
    (section,) = re.findall(rf"^## {heading}.*?\n(.*?)(?=^## |\Z)", text, re.DOTALL | re.MULTILINE)
    return re.findall(r"^\| `([a-z_-]+)` \|", section, re.MULTILINE)


@pytest.mark.parametrize("status", [401, 403, 503])
def test_every_reason_has_a_row_under_its_status(status: int) -> None:
    assert rows(str(status)) == [str(reason) for reason in Reason if reason.status == status]


def test_every_alarm_has_a_row() -> None:
    assert rows("Alarms") == [
        each.name for each in (*signals(refusals=1, unknown_keys=1), *exchange_signals(refusals=1))
    ]


def test_a_row_says_what_to_do() -> None:
    for line in (DOCS / "runbook.md").read_text().splitlines():
        if line.startswith("| `"):
            assert all(cell.strip() for cell in line.strip("|").split(" | ")), line


@pytest.mark.parametrize(
    ("page", "link"),
    [
        ("audit.md", "runbook.md"),
        ("runbook.md", "operations.md#a-refused-token"),
        ("operations.md", "runbook.md"),
        ("README.md", "runbook.md"),
    ],
)
def test_the_pages_lead_to_each_other(page: str, link: str) -> None:
    assert f"]({link}" in (DOCS / page).read_text()


def test_the_headings_that_links_name_are_there() -> None:
    assert "\n## A refused token\n" in (DOCS / "operations.md").read_text()
    assert "\n## Alarms\n" in (DOCS / "runbook.md").read_text()
