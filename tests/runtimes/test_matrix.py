"""The cheap part of the matrix, and that `docs/runtimes.md` is about today's cases.

The whole of it is `make matrix`: every settings file at every runtime takes ten minutes.
"""

from pathlib import Path

import pytest

from signet.gateway_answers import ANSWERS
from signet.paths import repo_root

from .deployed import all_cases, at_request
from .matrix import Column, render, run
from .page import tables
from .programs import free_port
from .proxies import PROXIES
from .runtimes import Function, Host, Lambda, Module

GROUPS, BARRED = all_cases()
STORE = "http://127.0.0.1:9/jwks.json"
"""Nothing listens on the discard port: the deployed keys are what counts."""


def differences(columns: list[Column]) -> list[str]:
    return [f"{column.name}: {each}" for column in columns for each in column.differences]


@pytest.fixture(scope="module")
def module_column(tmp_path_factory: pytest.TempPathFactory) -> Column:
    """Every case of every settings file, at the module."""
    (column,) = run([Module()], GROUPS, tmp_path_factory.mktemp("module"), STORE)
    return column


def test_every_case_is_decided_by_the_module_as_a_deployment_decides_it(
    module_column: Column,
) -> None:
    assert module_column.differences == []
    assert module_column.same.total() == sum(len(cases) for _, cases in GROUPS)


def test_the_commonest_settings_give_every_case_its_answer_at_lambda_and_the_function(
    tmp_path: Path,
) -> None:
    store = f"http://127.0.0.1:{free_port()}/jwks.json"
    hosts: list[Host] = [
        Lambda({"TOKEN": "rest-token", "REQUEST": "rest-request", "HTTP": "http"}),
        Function(tmp_path),
    ]
    columns = run(hosts, GROUPS[:1], tmp_path, store, at_once=2)
    assert differences(columns) == []
    assert all(column.same.total() > 350 for column in columns)


def test_settings_that_are_dealt_out_among_two_are_counted_as_those_of_one(
    tmp_path: Path, module_column: Column
) -> None:
    (column,) = run([[Module(), Module()]], GROUPS, tmp_path, STORE)
    assert (column.same, column.statuses) == (module_column.same, module_column.statuses)
    assert column.differences == []


def test_a_difference_is_found_and_told(tmp_path: Path) -> None:
    deployment, cases = GROUPS[0]
    wrong = [each._replace(reason="key_denied") for each in cases[:3]]
    (column,) = run([Module()], [(deployment, wrong)], tmp_path, STORE)
    assert len(column.differences) == 3
    assert "| **differences** | 3 |" in render([column], [(deployment, wrong)], [])


def test_the_page_has_todays_cases_every_column_and_no_difference(module_column: Column) -> None:
    written = tables(repo_root())
    rows = [line.strip("| ").split(" | ") for line in written.splitlines() if line.startswith("|")]
    heads = rows[0]
    assert heads[0] == "module"
    gateways = [name for name in heads if not name.startswith(("module", "Lambda"))]
    assert [name.partition(", ")[0] for name in gateways] == [
        *["API Gateway"] * 4,
        "Function",
        *["Cloud Run"] * len(PROXIES),
    ]
    (told,) = [row for row in rows if row[0] == "**differences**"]
    assert set(told[1:]) == {"0"}
    now = render([module_column], GROUPS, BARRED).splitlines()
    counted = [line.strip("| ").split(" | ") for line in now if line.startswith("|")]
    lines = {row[0]: row[1:3] for row in rows if len(row) == len(heads) + 2 and row[1].isdecimal()}
    assert lines == {row[0]: row[1:3] for row in counted if len(row) == 3 and row[1].isdecimal()}


@pytest.mark.parametrize(
    ("authorization", "reason"),
    [
        (None, "token_missing"),
        ("Bearer a.b.c", None),
        ("bearer a.b.c", None),
        ("Basic x", "credentials_malformed"),
        ("Bearer ", "credentials_malformed"),
        ("Bearer a,b", "credentials_malformed"),
        ("Bearer a b", "credentials_malformed"),
        ("Bearer a\tb", "credentials_malformed"),
        ("Bearer " + "a" * 16_385, "token_too_large"),
    ],
)
def test_what_counts_as_credentials_is_stated_apart_from_the_code(
    authorization: str | None, reason: str | None
) -> None:
    assert at_request(authorization, None) == reason


def test_every_column_has_a_row_in_the_table_of_answers() -> None:
    assert {("aws", "http"), ("aws", "http-iam"), ("azure", "function")} <= set(ANSWERS)
    assert {("gcp", name) for name in PROXIES} <= set(ANSWERS)
