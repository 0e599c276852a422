"""Runs a `signet` command in this process and kills it, and the engine with it, at a chosen moment.

    python -m tests.drills.killing MOMENT NUMBER DELAY VICTIMS -- up local

MOMENT is `started` (the engine has begun an operation on a resource and may hear no answer) or
`changed` (it has recorded one). At the NUMBERth, after DELAY seconds, VICTIMS get SIGKILL: `both`
the engine and this process, `engine` or `command` alone. After `started` it waits on until the
state has an operation as begun: a kill is to hit the middle of one and not the moment between two.
"""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from signet.cli import main
from signet.cli.run_view import RunView
from signet.engine.process import EngineCommand
from signet.engine.watch import Change
from tests.drills import census
from tests.drills.harness import use_checkout

Notice = Callable[[RunView, Change], None]


def kill(victims: str, engines: list[EngineCommand]) -> None:
    """End the victims at once, as a crash of the machine would."""
    if victims in ("both", "engine"):
        pid = engines[-1].pid
        if pid is None:
            raise RuntimeError("the engine was never started")
        os.kill(pid, signal.SIGKILL)
    if victims in ("both", "command"):
        os.kill(os.getpid(), signal.SIGKILL)


def arm(moment: str, number: int, delay: float, victims: str, stack: str) -> None:
    """Watch the run's own notices, and strike."""
    state = Path(os.environ["SIGNET_STATE_DIR"])
    engines: list[EngineCommand] = []
    make = EngineCommand.__init__
    notice: Notice = getattr(RunView, f"_{moment}")
    count = 0

    def made(self: EngineCommand, found: object) -> None:
        make(self, found)  # type: ignore[arg-type]
        engines.append(self)

    def strike() -> None:
        time.sleep(delay)
        while moment == "started" and not census.unsettled(state, stack):
            time.sleep(0.01)  # ends with the run, as this thread does
        kill(victims, engines)

    def noticed(self: RunView, change: Change) -> None:
        nonlocal count
        count += 1
        if count == number:
            threading.Thread(target=strike, daemon=True).start()
        notice(self, change)

    EngineCommand.__init__ = made  # type: ignore[method-assign]
    setattr(RunView, f"_{moment}", noticed)


if __name__ == "__main__":
    asked, arguments = sys.argv[1:5], sys.argv[6:]
    use_checkout()
    arm(asked[0], int(asked[1]), float(asked[2]), asked[3], stack=arguments[-1])
    sys.exit(main.main(arguments))
