"""What an attacker on loopback does to a server, at rates that are stated; ends by itself.

`python -m tests.load.attack` is a process of its own, as attackers are. It reads lines of `PORT
SECONDS`, attacks in every way at once for so long, and writes what it sent as one line of JSON. It
gives way to server and asker, because attackers do not run on their machine.
"""

import json
import os
import socket
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from tests.cases.forge import Signer, b64, compact, good_claims
from tests.load.service import request

RATES = {"unknown keys": 200, "huge headers": 50, "many headers": 50, "malformed": 100}
"""A second, each on a connection of its own."""
SLOW_CLIENTS = 32
"""Each holds a connection, and sends an octet a second."""
_YIELDS = 5

_NONSENSE = (
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 200,
    b"GET /authorize HTTP/9.9\r\n\r\n",
    b"GET  /authorize\r\nHost: a\r\n\r\n",
    b"POST /authorize HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
    b"GET /authorize HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: x, chunked\r\n\r\nzz\r\n",
    b"GET /authorize HTTP/1.1\r\nHost : a\r\n\r\n",
)


def main() -> None:
    """Attack what is named on standard input, until it ends."""
    os.nice(_YIELDS)
    makers = {
        "unknown keys": _unknown_keys(Signer("RS256")),
        "huge headers": _huge,
        "many headers": _many,
        "malformed": lambda number: _NONSENSE[number % len(_NONSENSE)],
    }
    for line in sys.stdin:
        port, seconds = line.split()
        print(json.dumps(attack(int(port), float(seconds), makers)), flush=True)


def attack(port: int, seconds: float, makers: dict[str, Callable[[int], bytes]]) -> dict[str, int]:
    """Attack in every way at once; how many of each kind were sent."""
    end = time.monotonic() + seconds
    slow = [threading.Thread(target=_drip, args=(port, end)) for _ in range(SLOW_CLIENTS)]
    for thread in slow:
        thread.start()
    with ThreadPoolExecutor(len(makers)) as pool:
        floods = {
            kind: pool.submit(_flood, port, end, RATES[kind], make) for kind, make in makers.items()
        }
        sent = {kind: flood.result() for kind, flood in floods.items()}
    for thread in slow:
        thread.join()
    return sent


def _unknown_keys(stranger: Signer) -> Callable[[int], bytes]:
    rest = stranger.token(good_claims()).partition(".")[2]

    def make(number: int) -> bytes:
        header = b64(compact(stranger.header(kid=f"{number:043d}")))
        return request(f"{header}.{rest}")

    return make


def _huge(number: int) -> bytes:
    size = 40_000 + number % 1_000
    return b"GET /authorize/orders/7 HTTP/1.1\r\nHost: a\r\nX-Filler: " + b"x" * size + b"\r\n\r\n"


def _many(number: int) -> bytes:
    lines = b"".join(b"x-%d: a\r\n" % line for line in range(2_000 + number % 100))
    return b"GET /authorize/orders/7 HTTP/1.1\r\nHost: a\r\n" + lines + b"\r\n"


def _flood(port: int, end: float, rate: float, make: Callable[[int], bytes]) -> int:
    number, begun = 0, time.monotonic()
    while (now := time.monotonic()) < end:
        if number > (now - begun) * rate:
            time.sleep(1 / rate)
            continue
        number += 1
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5) as line:
            line.sendall(make(number))
            line.recv(4_096)
    return number


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
    main()
