"""The program as the engine runs it inline: its error is kept, and what it declared comes first."""

import asyncio
from collections.abc import Awaitable, Callable

from pulumi.errors import RunError
from pulumi.runtime.settings import SETTINGS

from signet.errors import SignetError

Program = Callable[[], None]


class Guarded:
    """The program, with the error that it raised kept: the engine passes on only its text."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self.error: SignetError | None = None
        self.__name__ = "program"

    def __call__(self) -> Awaitable[None]:
        """Run it. Raises RunError for an error of ours; the rest happens while it is awaited."""
        try:
            self._program()
        except SignetError as error:
            self.error = error
            raise RunError(str(error)) from error
        return _settled()


async def _settled() -> None:
    """Wait until the engine has answered about every resource, whatever it answered.

    A resource whose inputs come from one that failed raises in the SDK, which ends the program as
    soon as it looks, and the engine then begins nothing more: what other clouds still had to do
    would depend on chance (`pulumi.runtime.stack.wait_for_rpcs`, 3.259). It looks after this, so
    the program still ends with that error, and so nothing that it did not come to is deleted.
    """
    while True:
        await asyncio.sleep(0)  # what was declared begins to ask
        asked = [rpc for rpc in SETTINGS.rpc_manager.rpcs if isinstance(rpc, asyncio.Future)]
        if all(rpc.done() for rpc in asked):
            return
        await asyncio.wait(asked)
