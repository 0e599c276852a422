"""The address of a service: connections go to whichever revision serves now.

Cloud Run sends requests to a new revision only once it is ready, and lets the old one finish
("Rollbacks, gradual rollouts, and traffic migration"); without this, each deployment would show a
gap that no real one has.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections import Counter
from collections.abc import Callable

from sandbox.gcp.http import Refusal

_CHUNK = 64 * 1024
_SECONDS = 5.0


class Front:
    """One loopback port whose connections are relayed to another one, its target.

    Without a target the first connection asks `wake` for one: a service scales to zero.
    """

    def __init__(self, port: int, wake: Callable[[], int]) -> None:
        self._target: int | None = None
        self._wake = wake
        self._waking = threading.Lock()
        self._open: Counter[int] = Counter()
        self._changed = threading.Condition()
        self._listener = socket.create_server(("127.0.0.1", port), backlog=128)
        threading.Thread(target=self._accept, name=f"front-{port}", daemon=True).start()

    def switch(self, target: int, patience: float) -> None:
        """Send new connections to `target`; return when the old ones ended, or after `patience`."""
        with self._changed:
            before, self._target = self._target, target
            if before is not None:
                self._changed.wait_for(lambda: not self._open[before], patience)

    def close(self) -> None:
        """Take no further connection."""
        # A thread that waits in accept() keeps the port until it is woken.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                caller, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._relay, args=[caller], daemon=True).start()

    def _awake(self) -> int:
        """Return the target, counted as in use by one more. Raises what `wake` raises."""
        with self._waking:
            if self._target is None:
                # Not under `_changed`: whoever deploys meanwhile has to be able to switch.
                target = self._wake()
                with self._changed:
                    self._target = target
        with self._changed:
            self._open[self._target] += 1
            return self._target

    def _relay(self, caller: socket.socket) -> None:
        try:
            target = self._awake()
        except (OSError, Refusal):
            caller.close()
            return
        try:
            self._talk(caller, target)
        finally:
            with self._changed:
                self._open[target] -= 1
                self._changed.notify_all()

    def _talk(self, caller: socket.socket, target: int) -> None:
        with caller:
            try:
                service = socket.create_connection(("127.0.0.1", target), timeout=_SECONDS)
            except OSError:
                return
            with service:
                service.settimeout(None)
                for each in (caller, service):
                    each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                back = threading.Thread(target=_pump, args=[service, caller], daemon=True)
                back.start()
                _pump(caller, service)
                back.join()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    """Pass bytes on until the source ends, and tell the sink that it did."""
    with contextlib.suppress(OSError):
        while data := source.recv(_CHUNK):
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
