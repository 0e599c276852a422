"""`python3 -m validator_functions.cloud_run`: the service's command, in the bundle's own folder.

`PORT` is Cloud Run's ("Container runtime contract": listen on all addresses). `SIGNET_LISTEN`
narrows the address, as the sandbox does; `SIGNET_PROXY` names the kind of proxy that asks.
"""

import gc
import os
import signal
import sys

from ..verification.errors import SettingsError
from ..verification.validator import Validator
from .app import App, connect
from .server import Server

_EVERYWHERE = "0.0.0.0"  # noqa: S104 - Cloud Run's contract; only its own front end reaches it

_COLLECT_AFTER = 20_000
"""Objects more than before. A request leaves no cycles, and Python's 700 have the cache's verdicts
looked through every few dozen requests."""


def main() -> int:
    """Serve until SIGTERM; Cloud Run gives ten seconds then."""
    try:
        app = App(Validator.start(connect), os.environ.get("SIGNET_PROXY", "envoy"))
    except SettingsError as error:
        sys.stderr.write("; ".join(error.faults) + "\n")
        return 2
    server = Server(
        os.environ.get("SIGNET_LISTEN", _EVERYWHERE),
        int(os.environ.get("PORT", "8080")),
        app.handle,
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: server.stop())
    gc.freeze()  # what is loaded by now stays: no collection need look at it again
    gc.set_threshold(_COLLECT_AFTER)
    server.run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
