"""An HTTP/1.1 server of threads: ordinary requests are read by `ordinary`, all others by h11.

h11 reads strictly and has no native code. One thread for each connection of the proxy in front, up
to a limit; sizes and times are bounded.
`docs/decisions/0008-the-server-of-cloud-run.md` has what was measured against it.
"""

import socket
import struct
import threading
import time
from collections.abc import Callable
from contextlib import suppress

import h11

from . import ordinary
from .answers import Answer

Headers = tuple[tuple[str, str], ...]
Handle = Callable[[str, str, Headers], Answer]

_CONNECTIONS = 256
_HEADER_BYTES = 32 * 1024
_CHUNK = 64 * 1024
_IDLE_SECONDS = 75.0
"""Longer than proxies keep an idle connection (Envoy: 1 h, but it retries; nginx: 60 s)."""
_IDLE = struct.pack("ll", int(_IDLE_SECONDS), 0)
"""The kernel's `struct timeval`."""
_REQUEST_SECONDS = 10.0
_POLL_SECONDS = 0.5
_CONTINUE = h11.InformationalResponse(status_code=100, headers=[])


class Server:
    """Serves `handle` until `stop`; requests under way are then answered, for `grace` seconds."""

    def __init__(self, host: str, port: int, handle: Handle, *, grace: float = 8.0) -> None:
        self._handle = handle
        self._grace = grace
        self._ending = threading.Event()
        self._room = threading.BoundedSemaphore(_CONNECTIONS)
        self._busy: set[socket.socket] = set()
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._listener = socket.create_server((host, port), backlog=512)
        self._listener.settimeout(_POLL_SECONDS)

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self._listener.getsockname()[1])

    def stop(self) -> None:
        """Take no further connection, and let `run` return."""
        self._ending.set()

    def run(self) -> None:
        """Serve until told to stop."""
        while not self._ending.is_set():
            try:
                connection, _ = self._listener.accept()
            except TimeoutError:
                continue
            except OSError:
                break
            # The kernel's own timeouts: Python's would ask `poll` before each call.
            for direction in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
                connection.setsockopt(socket.SOL_SOCKET, direction, _IDLE)
            connection.setblocking(True)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._room.acquire()
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()
        self._listener.close()
        self._let_finish()

    def _let_finish(self) -> None:
        limit = time.monotonic() + self._grace
        while time.monotonic() < limit:
            with self._lock:
                for idle in self._open - self._busy:
                    with suppress(OSError):
                        idle.shutdown(socket.SHUT_RD)
                if not self._open:
                    return
            time.sleep(0.02)

    def _serve(self, connection: socket.socket) -> None:
        with self._lock:
            self._open.add(connection)
        try:
            with connection:
                self._talk(connection)
        except (OSError, h11.RemoteProtocolError, h11.LocalProtocolError):
            pass  # The peer is gone, or does not speak HTTP.
        finally:
            with self._lock:
                self._open.discard(connection)
                self._busy.discard(connection)
            self._room.release()

    def _talk(self, connection: socket.socket) -> None:
        while data := connection.recv(_CHUNK):
            asked = ordinary.read(data)
            if asked is None:
                if not self._talk_strictly(connection, data):
                    return
            else:
                with self._lock:
                    self._busy.add(connection)
                self._answer(connection, self._handle(*asked), head=asked[0] == "HEAD")
                with self._lock:
                    self._busy.discard(connection)
            if self._ending.is_set():
                return

    def _answer(self, connection: socket.socket, answer: Answer, *, head: bool) -> None:
        """Answer an ordinary request."""
        told = ordinary.write(answer, without_body=head, closing=self._ending.is_set())
        if told is None:
            raise h11.LocalProtocolError("an answer that no header can carry")
        connection.sendall(told)

    def _talk_strictly(self, connection: socket.socket, data: bytes) -> bool:
        """Read `data` and what follows by h11, until nothing is left of it; whether to go on."""
        http = h11.Connection(h11.SERVER, max_incomplete_event_size=_HEADER_BYTES)
        http.receive_data(data)
        while True:
            try:
                asked = self._next(connection, http)
            except h11.RemoteProtocolError as error:
                if http.our_state in (h11.IDLE, h11.SEND_RESPONSE):
                    self._send(connection, http, (error.error_status_hint, [], b""), head=False)
                return False
            if asked is None:
                return False
            with self._lock:
                self._busy.add(connection)
            method = asked.method.decode("ascii")
            headers = tuple(
                (name.decode("ascii"), value.decode("latin-1")) for name, value in asked.headers
            )
            answer = self._handle(method, asked.target.decode("ascii"), headers)
            self._send(connection, http, answer, head=method == "HEAD")
            with self._lock:
                self._busy.discard(connection)
            if http.our_state is not h11.DONE or http.their_state is not h11.DONE:
                return False
            if self._ending.is_set():
                return False
            http.start_next_cycle()
            if not http.trailing_data[0]:
                return True

    def _next(self, connection: socket.socket, http: h11.Connection) -> h11.Request | None:
        """The next request, its body read and dropped; None once the peer is done."""
        asked: h11.Request | None = None
        begun = time.monotonic()
        while True:
            event = http.next_event()
            if event is h11.NEED_DATA:
                if time.monotonic() - begun > _REQUEST_SECONDS:
                    return None
                http.receive_data(connection.recv(_CHUNK))
            elif isinstance(event, h11.Request):
                asked = event
                if http.they_are_waiting_for_100_continue:
                    connection.sendall(_told(http, _CONTINUE))
            elif isinstance(event, h11.EndOfMessage):
                return asked
            elif isinstance(event, h11.ConnectionClosed) or event is h11.PAUSED:
                return None

    def _send(
        self, connection: socket.socket, http: h11.Connection, answer: Answer, *, head: bool
    ) -> None:
        status, headers, body = answer
        if not headers:
            headers = [("content-length", "0"), ("connection", "close")]
        elif self._ending.is_set():
            headers = [*headers, ("connection", "close")]
        parts = _told(http, h11.Response(status_code=status, headers=headers))
        if body and not head:
            parts += _told(http, h11.Data(data=body))
        connection.sendall(parts + _told(http, h11.EndOfMessage()))


def _told(http: h11.Connection, event: h11.Event) -> bytes:
    return http.send(event) or b""
