"""One set-up at a time, for a folder that several may share."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tools.house.faults import SetupFault
from tools.house.progress import Progress


@contextmanager
def locked(path: Path, what: str) -> Iterator[None]:
    """Hold the lock file `path`; wait for another process that makes `what` right now.

    The kernel lets go of the lock when its holder ends, also by `kill -9`.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = path.open("a")
    except OSError as error:
        raise SetupFault(
            f"{path.parent} cannot be written ({error.strerror})",
            "make that folder writable, or set SIGNET_CACHE_DIR to one that is",
        ) from error
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            with Progress(f"Waiting for another set-up that makes {what}"):
                fcntl.flock(handle, fcntl.LOCK_EX)
        yield
