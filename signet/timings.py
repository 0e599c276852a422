"""The timings that the rotation rules are made of, and how a duration is said.

All values are whole seconds. The letters are the design's:

==  =======================  ==============================================================
T   ``token_lifetime``       longest life of a token
A   ``jwks_max_age``         ``max-age`` of the published set
C   ``cache_ceiling``        longest that a validator keeps a fetched set
E   ``stale_if_error``       how long a validator goes on without contact
F   ``foreign_cache_age``    longest cache of a consumer that is not ours
S   ``clock_skew``           largest difference between any two clocks
D   ``issuer_lag``           an issuer re-reads which key signs within this time
==  =======================  ==============================================================
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import UTC, datetime


@dataclass(frozen=True, slots=True)
class Timings:
    """The seven timings in force at one moment, in seconds."""

    token_lifetime: int
    jwks_max_age: int
    cache_ceiling: int
    stale_if_error: int
    foreign_cache_age: int
    clock_skew: int
    issuer_lag: int

    @property
    def publish_wait(self) -> int:
        """W: from a key's read-back in every cloud to the earliest signature made with it."""
        own = self.jwks_max_age + self.cache_ceiling + self.stale_if_error
        return max(own, self.foreign_cache_age) + 2 * self.clock_skew

    @property
    def retire_wait(self) -> int:
        """D + T + 2S: from a flip seen completed until no token of the old key can be alive."""
        return self.issuer_lag + self.token_lifetime + 2 * self.clock_skew

    def joined(self, other: Timings) -> Timings:
        """Return the larger of each timing: the high-water mark of two moments."""
        if self == other:
            return self
        return Timings(**{name: max(getattr(self, name), getattr(other, name)) for name in NAMES})


NAMES: tuple[str, ...] = tuple(field.name for field in fields(Timings))
"""The names of the timings, in the order of the table above."""

_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


def duration(seconds: int) -> str:
    """Say a duration with its two largest units: ``1 d 2 h``, ``15 min``, ``0 s``."""
    sign, left = ("-", -seconds) if seconds < 0 else ("", seconds)
    parts: list[str] = []
    for size, unit in _UNITS:
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count} {unit}")
        if len(parts) == 2:  # noqa: PLR2004 - two units are enough for an operator
            break
    return sign + (" ".join(parts) or "0 s")


def moment(seconds: int) -> str:
    """Say an epoch time as UTC: ``2026-11-22 19:46:30 UTC``."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
