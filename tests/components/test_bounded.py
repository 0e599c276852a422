"""Questions to clouds: side by side, and never longer than they may take."""

import threading
import time
from pathlib import Path

import pytest

from components.bounded import ask_all, wait_for
from components.key_audit import append
from components.observe import CloudReader, observe
from signet.errors import CouldNotCheck
from signet.observed import StoreReading


def test_one_that_hangs_holds_up_nobody_longer_than_the_limit() -> None:
    released = threading.Event()
    started = time.monotonic()
    answers = ask_all({"slow": lambda: released.wait(20), "quick": lambda: True})
    wait_for(answers.values(), 0.3)
    assert time.monotonic() - started < 2
    assert answers["quick"].result()
    with pytest.raises(TimeoutError):
        answers["slow"].result()
    released.set()


def test_what_a_question_raised_comes_out_of_its_answer() -> None:
    def wrong() -> None:
        raise LookupError("gone")

    answers = ask_all({"aws": wrong})
    wait_for(answers.values(), 5)
    with pytest.raises(LookupError):
        answers["aws"].result()


def test_three_stores_that_hang_are_unverified_within_one_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("components.observe._SECONDS", 0.3)
    released = threading.Event()

    def slow(_: str) -> StoreReading:
        released.wait(20)
        return StoreReading("absent")

    reader = CloudReader(store=slow, keys=tuple)
    started = time.monotonic()
    seen = observe(dict.fromkeys(("aws", "azure", "gcp"), reader))
    assert time.monotonic() - started < 2
    released.set()
    assert {r.status for r in seen.stores["environment"].values()} == {"unverified"}


@pytest.mark.parametrize("hangs", [True, False])
def test_keys_that_are_not_listed_stop_an_ordinary_run_and_are_told_otherwise(hangs: bool) -> None:
    released = threading.Event()

    def keys() -> tuple[()]:
        if hangs:
            released.wait(20)
        raise CouldNotCheck("no answer", where="aws: refused")

    reader = CloudReader(store=lambda _: StoreReading("absent"), keys=keys)
    with pytest.raises(CouldNotCheck):
        observe({"aws": reader}, key_seconds=0.2)
    seen = observe({"aws": reader}, key_seconds=0.2, despite_keys=True)
    released.set()
    assert seen.unlisted["aws"].startswith("aws: ")


def test_audit_lines_are_appended_whole_and_kept_from_others(tmp_path: Path) -> None:
    path = tmp_path / "audit" / "dev.keys.jsonl"
    said: list[str] = []
    for line in ('{"event":"a"}', '{"event":"b"}'):
        append("dev", [line], say=said.append, warn=pytest.fail, path=path)
    assert path.read_text() == '{"event":"a"}\n{"event":"b"}\n'
    assert path.stat().st_mode & 0o777 == 0o600
    assert said == ['audit: {"event":"a"}', 'audit: {"event":"b"}']


def test_an_audit_file_that_cannot_be_written_is_told_and_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "audit").write_text("in the way")
    told: list[str] = []
    append("dev", ["{}"], say=None, warn=told.append, path=tmp_path / "audit" / "x.jsonl")
    assert "cannot be written" in told[0]
    assert told[0].endswith("{}")
