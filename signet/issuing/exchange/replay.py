"""Which platform tokens were used already, where a rule takes each of them once.

A store only grows, and adding is one conditional write: of any number of instances that add the
same key at once, exactly one is told that it was first. A memory keeps that promise within one
process alone, so a deployment never has one.
"""

from __future__ import annotations

import hashlib
import threading
from typing import Protocol

from signet.errors import CouldNotCheck


class ReplayUnchecked(CouldNotCheck):
    """The store did not say whether a token is new: the exchange is refused with 503."""

    kind = "replay_unchecked"


class ReplayStore(Protocol):
    """Remembers that a token was used."""

    def first_use(self, key: str, expires_at: int) -> bool:
        """Remember `key` until `expires_at` (epoch seconds) at least; False if it was there.

        Raises ReplayUnchecked.
        """


class MemoryReplayStore:
    """For tests, and for a single process that says so. It forgets only what has run out."""

    def __init__(self) -> None:
        self._used: dict[str, int] = {}
        self._lock = threading.Lock()

    def first_use(self, key: str, expires_at: int) -> bool:
        """See `ReplayStore`."""
        with self._lock:
            if key in self._used:
                return False
            self._used[key] = expires_at
            return True


def replay_key(issuer: str, token_id: str) -> str:
    """Return the name of a token in the store: a hash, because ids may be long and odd."""
    return hashlib.sha256(f"{len(issuer)}:{issuer}{token_id}".encode()).hexdigest()
