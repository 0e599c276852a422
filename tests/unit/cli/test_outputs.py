"""`signet outputs --running`: what the validators say of themselves, and the answer to it."""

from __future__ import annotations

from typing import Any

import pytest

from signet.cli import outputs
from signet.doctor.facts import FunctionReport

OURS, THEIRS, SETTINGS = "a" * 64, "b" * 64, "c" * 64
CLOUDS = ("aws", "azure", "gcp")
RECORDED = {
    f"environment-{cloud}": {"bundleSha256": OURS, "settingsSha256": SETTINGS} for cloud in CLOUDS
}


def said(cloud: str, **changes: Any) -> FunctionReport:
    told: dict[str, Any] = {"ready": True, "bundle_sha256": OURS, "settings_sha256": SETTINGS}
    return FunctionReport(name=f"environment-{cloud}", cloud=cloud, **(told | changes))


SILENT = {"ready": None, "bundle_sha256": "", "settings_sha256": "", "detail": "timed out"}


@pytest.mark.parametrize(
    ("last", "code", "problem"),
    [
        ({}, 0, ""),
        ({"bundle_sha256": THEIRS}, 1, "not the bundle that was deployed last"),
        ({"settings_sha256": THEIRS}, 1, "not the settings that were deployed last"),
        ({"ready": False}, 1, "not ready: its log says why"),
        (SILENT, 3, "did not answer: timed out"),
    ],
)
def test_the_answer_follows_what_the_last_of_three_says(
    last: dict[str, Any], code: int, problem: str
) -> None:
    reports = [said("aws"), said("azure"), said("gcp", **last)]
    told, came_to = outputs.compared(RECORDED, reports)
    assert came_to == code
    assert [row["problem"] for row in told] == ["", "", problem]


def test_the_same_old_bundle_everywhere_is_not_the_one_that_was_deployed() -> None:
    reports = [said(cloud, bundle_sha256=THEIRS) for cloud in CLOUDS]
    assert outputs.compared(RECORDED, reports)[1] == 1


def test_no_validator_that_answers_could_not_be_checked() -> None:
    assert outputs.compared({}, [])[1] == 3
    assert outputs.compared(RECORDED, [said("aws", **SILENT)])[1] == 3


def test_a_person_is_told_the_one_hash_or_how_many_there_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    outputs.show_running(RECORDED, [said(cloud) for cloud in CLOUDS])
    assert f"one bundle everywhere: {OURS}" in capsys.readouterr().out
    outputs.show_running(RECORDED, [said("aws"), said("gcp", bundle_sha256=THEIRS)])
    assert "2 different bundles" in capsys.readouterr().out
