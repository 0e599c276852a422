"""What the SDK is kept from telling the engine, by the SDK itself before a fake engine."""

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
