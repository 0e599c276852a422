"""What the SDK does for each resource and nobody needs, left out for a run.

- About ten lines for debugging, each a call that the program waits for, which the engine throws
  away unless it was started with `--debug` (`pulumi.log.debug`). Ours never is.
- The stack of the program's calls, with the paths of this machine's files, which the engine keeps
  in the state: half of its bytes, and it writes the whole state twice for every resource that it
  makes (`backend.SnapshotManager`, 3.259).
- The search for garbage in cycles. The SDK keeps every resource, output and task until the
  program's end, and the search goes through all of them again whenever there are a quarter more:
  up to two fifths of the program's time with 30 services. What it would have found stays.

Plain `pulumi up` is as it always was: nothing here changes what a program declares.
"""

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from pulumi import log
from pulumi.runtime import resource
from pulumi.runtime.proto import source_pb2

_REPLACED: Final[tuple[tuple[Any, str, Callable[..., Any]], ...]] = (
    (log, "debug", lambda *_, **__: None),
    (resource, "_get_stack_trace", source_pb2.StackTrace),
)


@contextmanager
def light() -> Iterator[None]:
    """Leave all three out for as long as a program runs.

    Raises AttributeError where the SDK no longer has what is replaced.
    """
    found = [(module, name, getattr(module, name)) for module, name, _ in _REPLACED]
    searched = gc.isenabled()
    for module, name, less in _REPLACED:
        setattr(module, name, less)
    gc.disable()
    try:
        yield
    finally:
        if searched:
            gc.enable()
        for module, name, whole in found:
            setattr(module, name, whole)
