"""The program as the engine runs it inline."""

import asyncio

import pytest
from pulumi.errors import RunError
from pulumi.runtime.settings import SETTINGS

from signet.engine.guarded import Guarded
from signet.errors import RunFailed


def test_a_program_ends_when_every_question_was_answered_the_failed_one_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(SETTINGS.rpc_manager, "rpcs", [])
    monkeypatch.setattr(SETTINGS.rpc_manager, "unhandled_exception", None)
    answered: list[str] = []

    async def fails() -> None:
        raise ValueError("boom")

    async def takes_its_time() -> None:
        await asyncio.sleep(0.05)
        answered.append("the other cloud")

    def program() -> None:
        for name, question in (("one", fails), ("other", takes_its_time)):
            asyncio.ensure_future(SETTINGS.rpc_manager.do_rpc(name, question)())  # noqa: RUF006

    async def run() -> None:
        await Guarded(program)()

    asyncio.run(run())
    assert answered == ["the other cloud"]
    assert isinstance(SETTINGS.rpc_manager.unhandled_exception, ValueError)


def test_an_error_of_ours_is_kept_and_ends_the_program_at_once() -> None:
    def program() -> None:
        raise RunFailed("the plan stops")

    guarded = Guarded(program)
    with pytest.raises(RunError):
        guarded()
    assert isinstance(guarded.error, RunFailed)
