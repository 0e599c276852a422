"""Loopback ports."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Container

# Below the range from which Linux takes ports for outgoing connections (32768 and up), so that a
# kept port is not lost to a passing connection.
_LOWEST, _HIGHEST = 20000, 32000
_ATTEMPTS = 200


def is_free(port: int) -> bool:
    """Whether a server could listen there now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def allot(taken: Container[int] = ()) -> int:
    """A free port. Chosen at random, so that two sandboxes of one machine rarely meet."""
    for _ in range(_ATTEMPTS):
        port = _LOWEST + secrets.randbelow(_HIGHEST - _LOWEST)
        if port not in taken and is_free(port):
            return port
    raise OSError(f"no free port found between {_LOWEST} and {_HIGHEST}")
