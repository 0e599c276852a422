"""What a run shows, and how it sums itself up."""

import pytest

from signet.cli import run_options, run_view, stack_run
from signet.cli.run_view import RunView
from signet.engine.watch import Change


def change(op: str = "create", **more: object) -> Change:
    return Change(**{"op": op, "type": "aws:kms:Key", "name": "key", "urn": "u", **more})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("counts", "planned", "text"),
    [
        ({"create": 3, "same": 2}, False, "3 created, 2 unchanged"),
        ({"create": 3, "update": 1, "same": 0}, True, "3 to create, 1 to update"),
        ({"same": 52}, False, "no changes; 52 unchanged"),
        ({}, True, "no changes; 0 unchanged"),
        ({"replace": 1, "delete": 2}, False, "1 replaced, 2 deleted"),
    ],
)
def test_a_run_sums_itself_up(counts: dict[str, int], planned: bool, text: str) -> None:
    assert run_view.summary(counts, planned=planned) == text


def test_each_change_is_a_line_and_a_failed_one_says_so(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with RunView() as view:
        tell = view.tell()
        tell.started(change())
        tell.changed(change(seconds=2.4))
        tell.changed(change("update", properties=("policy", "tags"), seconds=0.2))
        tell.changed(change("delete", failed=True))
        tell.message("info", "the plan")
    assert capsys.readouterr().err.splitlines() == [
        "  + aws:kms:Key key  2 s",
        "  ~ aws:kms:Key key  [policy, tags]",
        "  - aws:kms:Key key  FAILED",
        "the plan",
    ]


def test_a_quiet_run_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with RunView(quiet=True, verbose=True) as view:
        tell = view.tell()
        tell.changed(change())
        tell.message("warning", "x")
        assert tell.raw is None
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", "")


def test_a_verbose_run_passes_on_all_that_the_engine_says(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with RunView(verbose=True) as view:
        raw = view.tell().raw
        assert raw is not None
        raw("Updating (local):")
    assert capsys.readouterr().err == "    Updating (local):\n"


def test_a_summary_shows_addresses_and_not_the_record(capsys: pytest.CaptureFixture[str]) -> None:
    stack_run.print_outputs(
        "local",
        {
            "issuer": "https://keys.example",
            "gateways": {"aws": {"http": "https://a", "rest-token": "https://b"}},
            "confirmed": "{...}",
            "leftovers": [],
        },
    )
    assert capsys.readouterr().out.splitlines() == [
        "  issuer    https://keys.example",
        "  gateways  aws http: https://a",
        "  gateways  aws rest-token: https://b",
    ]


@pytest.mark.parametrize(("text", "length"), [("0", 0), ("90s", 90), ("10m", 600), ("1h", 3600)])
def test_a_length_of_time_is_in_seconds(text: str, length: float) -> None:
    assert run_options.seconds(text) == length
