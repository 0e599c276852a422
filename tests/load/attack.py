"""What an attacker on loopback does to the server, at a rate that is stated; ends by itself.

`python -m tests.load.attack PORT SECONDS`: runs beside the good traffic, in a process of its own.
"""

import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from tests.cases.forge import Signer, b64, compact, good_claims
from tests.load.service import request

UNKNOWN_KEYS = 200
HUGE_HEADERS = 50
MALFORMED = 100
SLOW_CLIENTS = 32
"""The first three a second; slow clients hold a connection each, and send an octet a second."""

_NONSENSE = (
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 200,
    b"GET /authorize HTTP/9.9\r\n\r\n",
    b"GET  /authorize\r\nHost: a\r\n\r\n",
    b"POST /authorize HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
    b"GET /authorize HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: x, chunked\r\n\r\nzz\r\n",
    b"GET /authorize HTTP/1.1\r\nHost : a\r\n\r\n",
)


def main(port: int, seconds: float) -> None:
    """Attack in every way at once until the time is over."""
    end = time.monotonic() + seconds
    stranger = Signer("RS256")
    floods = [
        (UNKNOWN_KEYS, _unknown_keys(stranger)),
        (HUGE_HEADERS, _huge),
        (MALFORMED, lambda number: _NONSENSE[number % len(_NONSENSE)]),
    ]
    threads = [
        threading.Thread(target=_flood, args=(port, end, rate, make)) for rate, make in floods
    ]
    threads += [threading.Thread(target=_drip, args=(port, end)) for _ in range(SLOW_CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _unknown_keys(stranger: Signer) -> Callable[[int], bytes]:
    rest = stranger.token(good_claims()).partition(".")[2]

    def make(number: int) -> bytes:
        header = b64(compact(stranger.header(kid=f"{number:043d}")))
        return request(f"{header}.{rest}")

    return make


def _huge(number: int) -> bytes:
    size = 40_000 + number % 1_000
    return b"GET /authorize/orders/7 HTTP/1.1\r\nHost: a\r\nX-Filler: " + b"x" * size + b"\r\n\r\n"


def _flood(port: int, end: float, rate: float, make: Callable[[int], bytes]) -> None:
    number, begun = 0, time.monotonic()
    while (now := time.monotonic()) < end:
        if number > (now - begun) * rate:
            time.sleep(1 / rate)
            continue
        number += 1
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5) as line:
            line.sendall(make(number))
            line.recv(4_096)


def _drip(port: int, end: float) -> None:
    text = b"GET /authorize/orders/7 HTTP/1.1\r\nHost: a\r\nX-Slow: " + b"x" * 1_000_000
    while time.monotonic() < end:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5) as line:
            for octet in text:
                if time.monotonic() >= end:
                    return
                line.sendall(bytes([octet]))
                time.sleep(1.0)


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]))
