"""The table in the documentation is what the libraries do today."""

from tests.cases.refusals import CASES
from tests.comparison.__main__ import PAGE, TITLES, table, written


def test_the_table_in_the_documentation_is_what_the_libraries_do() -> None:
    page = PAGE.read_text()
    assert written(page, table()) == page, "way out: python -m tests.comparison --write"


def test_every_line_about_a_token_stands_in_the_table() -> None:
    about_the_clock = {77}
    numbers = {case.number for case in CASES if case.reason is not None} - {0}
    assert numbers - about_the_clock == set(TITLES)
