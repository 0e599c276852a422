"""What the SDK is kept from, by the SDK itself before a fake engine."""

import gc
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from pulumi import log
from pulumi.runtime import resource
from pulumi.runtime.settings import SETTINGS

from signet.engine.light_sdk import light


class _Thing:
    """Calls as a resource's constructors do: three of them, one above the other."""

    def __init__(self, above: int) -> None:
        self.told = resource._get_stack_trace() if not above else _Thing(above - 1).told


def test_a_light_run_tells_the_engine_neither_debug_lines_nor_where_the_program_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    said: list[str] = []
    monkeypatch.setattr(
        SETTINGS, "engine", SimpleNamespace(Log=lambda line: said.append(line.message))
    )
    with light():
        log.debug("serialized property")
        log.warn("a key is old")
        frames = len(_Thing(above=2).told.frames)
    assert (said, frames) == (["a key is old"], 0)


def test_after_a_light_run_the_sdk_is_whole_again_even_if_the_run_failed() -> None:
    before = log.debug, resource._get_stack_trace
    with pytest.raises(ValueError, match="boom"), light():
        raise ValueError("boom")
    assert (log.debug, resource._get_stack_trace) == before
    assert len(_Thing(above=2).told.frames) > 0


@pytest.fixture
def searching() -> Iterator[None]:
    """The interpreter's search for garbage, as it was, whatever a test does with it."""
    was = gc.isenabled()
    yield
    (gc.enable if was else gc.disable)()


@pytest.mark.usefixtures("searching")
@pytest.mark.parametrize("was", [True, False], ids=["searching", "not searching"])
def test_no_garbage_is_searched_for_in_a_light_run_and_afterwards_as_before(was: bool) -> None:
    (gc.enable if was else gc.disable)()
    with light():
        assert not gc.isenabled()
    assert gc.isenabled() is was
