"""Asks a server over kept connections, and reads what CPU time the server spent meanwhile."""

import socket
import time
from collections.abc import Sequence
from contextlib import ExitStack


def cpu_seconds(pid: int) -> float:
    """What a process has run so far, all threads and those that ended, to the nanosecond.

    Linux's CPU clock of another process (clock_getcpuclockid(3), which Python has not): its number
    is made as `MAKE_PROCESS_CPUCLOCK(pid, CPUCLOCK_SCHED)` of the kernel's `posix-timers.h`.
    """
    return time.clock_gettime((~pid << 3) | 2)


def ask(port: int, requests: Sequence[bytes], connections: int = 8) -> list[int]:
    """Send all requests, `connections` at a time, each on a connection of its own; the statuses."""
    statuses = []
    with ExitStack() as stack:
        sockets = [
            stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=30))
            for _ in range(connections)
        ]
        for each in sockets:
            each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for at in range(0, len(requests), connections):
            batch = requests[at : at + connections]
            for connection, request in zip(sockets, batch, strict=False):
                connection.sendall(request)
            statuses += [
                read_answer(connection) for connection, _ in zip(sockets, batch, strict=False)
            ]
    return statuses


def read_answer(connection: socket.socket) -> int:
    """The status of one answer, its body read to the end (by `Content-Length`)."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = connection.recv(65_536)
        if not more:
            raise ConnectionError("closed before an answer")
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    _, found, rest = head.lower().partition(b"content-length:")
    left = int(rest.split(b"\r\n", 1)[0]) - len(body) if found else 0
    while left > 0:
        left -= len(connection.recv(left))
    return int(head.split(b" ", 2)[1])
