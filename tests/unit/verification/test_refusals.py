"""Every case of the table, through the batch format and through `verify`."""

import json

import pytest

from tests.cases.refusals import CASES
from tests.cases.table import Case
from validator_functions.verification.batch import decide_batch_line


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_each_case_is_decided_as_its_table_says(case: Case) -> None:
    line = case.line()
    answer = decide_batch_line(json.dumps(line))
    assert (answer["id"], answer["status"], answer["reason"]) == (case.id, case.status, case.reason)
    assert answer["allowed"] is (case.reason is None)
    if case.reason is not None or line.get("signature_only"):
        assert answer["claims"] is None
    else:
        assert answer["claims"]["sub"] == "service-orders"


def test_no_two_cases_have_one_name() -> None:
    names = [case.id for case in CASES]
    assert len(names) == len(set(names))
