"""How often one caller, and one instance as a whole, may have a token. Clocks are passed in.

A bucket belongs to one instance. What a whole deployment can do at once is the instances that it
may have (a setting of the cloud) times these numbers, which is what keeps a KMS quota.
"""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Rate:
    """`per_second` on average, `burst` at once."""

    per_second: float
    burst: int


class TokenBuckets:
    """One bucket for each name; names come from settings, so there are only so many."""

    def __init__(self, rate: Rate) -> None:
        self._rate = rate
        self._levels: dict[str, tuple[float, float]] = {}
        self._lock = threading.Lock()

    def take(self, name: str, monotonic: float) -> int:
        """Take one; return 0, or the whole seconds after which another try is worth while."""
        rate = self._rate
        with self._lock:
            level, at = self._levels.get(name, (float(rate.burst), monotonic))
            level = min(float(rate.burst), level + max(0.0, monotonic - at) * rate.per_second)
            if level >= 1.0:
                self._levels[name] = (level - 1.0, monotonic)
                return 0
            self._levels[name] = (level, monotonic)
        return max(1, math.ceil((1.0 - level) / rate.per_second))
