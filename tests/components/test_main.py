"""`__main__.py`: what plain `pulumi up` runs, and how it tells a person what is wrong."""

import runpy

import pulumi
import pytest

from signet.errors import Fault, SettingsError
from signet.paths import repo_root

MAIN = str(repo_root() / "__main__.py")


def test_it_runs_the_program_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[str] = []
    monkeypatch.setattr("components.program.main", lambda: ran.append("program"))
    runpy.run_path(MAIN, run_name="__main__")
    assert ran == ["program"]


def test_a_fault_is_told_in_words_without_a_stack_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong() -> None:
        raise SettingsError([Fault(key="signet:x", problem="it is missing", remedy="set it")])

    monkeypatch.setattr("components.program.main", wrong)
    with pytest.raises(pulumi.RunError, match=r"signet:x: it is missing\n    set it") as told:
        runpy.run_path(MAIN, run_name="__main__")
    assert told.value.__suppress_context__
