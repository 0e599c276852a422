"""The settings that rotation depends on, and the check that they can work at all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from signet.timings import Timings, duration

CLOUDS = ("aws", "azure", "gcp")
KEY_SIZES = {
    "RS256": (2048, 3072, 4096),
    "PS256": (2048, 3072, 4096),
    "ES256": (256,),
    "ES384": (384,),
}
"""Algorithms that can be asked for, each with its key sizes, the default first."""

LONGEST_TOKEN = 3_600
"""The design's cap on T."""
LARGEST_SKEW = 300


DEFAULT_TIMINGS = Timings(
    token_lifetime=900,
    jwks_max_age=300,
    cache_ceiling=300,
    stale_if_error=21_600,
    foreign_cache_age=86_400,
    clock_skew=60,
    issuer_lag=60,
)


@dataclass(frozen=True, slots=True)
class RingSpec:
    """One ring as the settings ask for it: the environment's own, or one service's."""

    name: str
    issuer: str
    algorithm: str | None = None
    """None: the environment's."""
    key_size: int | None = None
    """None: the environment's if the algorithm is the same, or else the algorithm's default."""


@dataclass(frozen=True, kw_only=True)
class RotationPolicy:
    """Everything that ``plan`` takes from settings. Durations are whole seconds.

    ``hold`` is how long a disabled KMS key is kept before it is given up to the KMS's own
    deletion (which has a waiting period of its own on top).
    """

    environment: str
    rings: tuple[RingSpec, ...]
    ending: tuple[RingSpec, ...] = ()
    """Rings whose service is gone and whose tokens have run out: their keys are withdrawn, and
    given up after the hold."""
    clouds: tuple[str, ...]
    home: str
    timings: Timings = DEFAULT_TIMINGS
    algorithm: str = "RS256"
    key_size: int | None = None
    """None: the algorithm's default, the first in ``KEY_SIZES``."""
    rotation_period: int = 30 * 86_400
    up_interval: int = 86_400
    retention: int = 86_400
    hold: int = 30 * 86_400

    def key_of(self, ring: RingSpec) -> tuple[str, int]:
        """Return algorithm and key size of the ring's next generation."""
        algorithm = ring.algorithm or self.algorithm
        size = ring.key_size
        if size is None and algorithm == self.algorithm:
            size = self.key_size
        if size is None:
            size = KEY_SIZES.get(algorithm, (0,))[0]
        return algorithm, size


@dataclass(frozen=True, slots=True)
class PolicyFault:
    """A setting that breaks a rule: the offending key, its value, and what would do."""

    key: str
    value: object
    problem: str
    smallest: object | None = None
    """The smallest good value (for a number), or None where there is no order."""

    @property
    def remedy(self) -> str:
        """What to write instead."""
        if self.smallest is None:
            return f"correct {self.key}"
        if isinstance(self.smallest, int) and self.key not in _PLAIN:
            return f"set {self.key} to {self.smallest}s ({duration(self.smallest)}) or more"
        return f"set {self.key} to {self.smallest}"


_PLAIN = frozenset({"keySize"})

_SETTING = {
    "token_lifetime": "tokenLifetime",
    "jwks_max_age": "jwksMaxAge",
    "cache_ceiling": "cacheCeiling",
    "stale_if_error": "staleIfError",
    "foreign_cache_age": "foreignCacheAge",
    "clock_skew": "clockSkew",
    "issuer_lag": "issuerLag",
}


def check_policy(policy: RotationPolicy) -> list[PolicyFault]:
    """Return every fault of the settings at once; an empty list means that they can work."""
    faults = [*_plain_faults(policy), *_ring_faults(policy)]
    durations_hold = not any(fault.key in _DURATIONS for fault in faults)
    return [*faults, *_rule_faults(policy)] if durations_hold else faults


_DURATIONS = frozenset({*_SETTING.values(), "rotationPeriod", "upInterval", "retention"})


def _plain_faults(policy: RotationPolicy) -> Iterator[PolicyFault]:
    for name, key in _SETTING.items():
        value = getattr(policy.timings, name)
        least = 1 if name == "token_lifetime" else 0
        if value < least:
            yield PolicyFault(key, value, f"is below {least} s", least)
    if policy.timings.token_lifetime > LONGEST_TOKEN:
        problem = f"a token may live {duration(LONGEST_TOKEN)} at most"
        yield PolicyFault("tokenLifetime", policy.timings.token_lifetime, problem)
    if policy.timings.clock_skew > LARGEST_SKEW:
        problem = f"no validator forgives more than {duration(LARGEST_SKEW)}"
        yield PolicyFault("clockSkew", policy.timings.clock_skew, problem)
    for key, value in (
        ("upInterval", policy.up_interval),
        ("rotationPeriod", policy.rotation_period),
    ):
        if value < 1:
            yield PolicyFault(key, value, "is below 1 s", 1)
    if policy.hold < 0:
        yield PolicyFault("kmsDeletionWindow", policy.hold, "is below 0 s", 0)
    if not policy.clouds or len(set(policy.clouds)) != len(policy.clouds):
        yield PolicyFault("clouds", ",".join(policy.clouds), "names no cloud, or one twice")
    for cloud in policy.clouds:
        if cloud not in CLOUDS:
            yield PolicyFault("clouds", cloud, f"is none of {', '.join(CLOUDS)}")
    if policy.home not in policy.clouds:
        yield PolicyFault("home", policy.home, f"is none of clouds ({', '.join(policy.clouds)})")


def _ring_faults(policy: RotationPolicy) -> Iterator[PolicyFault]:
    if not policy.rings:
        yield PolicyFault("issuer", "", "no key ring is asked for")
    for seen, ring in enumerate(policy.rings):
        earlier = policy.rings[:seen]
        if any(ring.name == other.name for other in earlier):
            yield PolicyFault("service", ring.name, "two key rings have this name")
        if any(ring.issuer == other.issuer for other in earlier):
            yield PolicyFault("issuer", ring.issuer, "two key rings have this issuer")
        parts = urlsplit(ring.issuer)
        if (
            parts.scheme not in ("https", "http")
            or not parts.netloc
            or parts.query
            or parts.fragment
        ):
            yield PolicyFault("issuer", ring.issuer, "is no URL without query and fragment")
        algorithm, size = policy.key_of(ring)
        sizes = KEY_SIZES.get(algorithm)
        if sizes is None:
            yield PolicyFault("algorithm", algorithm, f"is none of {', '.join(KEY_SIZES)}")
        elif size not in sizes:
            good = ", ".join(map(str, sizes))
            yield PolicyFault("keySize", size, f"{algorithm} takes {good}", sizes[0])


def _rule_faults(policy: RotationPolicy) -> Iterator[PolicyFault]:
    """Invariants 3, 4 and 5, as far as settings alone decide them."""
    timings, every = policy.timings, policy.up_interval
    contact = timings.jwks_max_age + timings.cache_ceiling
    if timings.stale_if_error < contact:
        problem = (
            "a validator tries to renew its contact only after jwksMaxAge + cacheCeiling"
            f" ({duration(contact)}), and would answer 503 before"
        )
        yield PolicyFault("staleIfError", timings.stale_if_error, problem, contact)
    if policy.retention < timings.retire_wait:
        problem = (
            "an old key would be withdrawn while its tokens live"
            f" (issuerLag + tokenLifetime + 2 x clockSkew = {duration(timings.retire_wait)})"
        )
        yield PolicyFault("retention", policy.retention, problem, timings.retire_wait)
    staged = _runs(every + timings.publish_wait, every) * every
    gone = every + _runs(max(policy.retention, timings.retire_wait), every) * every
    half = -(-gone // 2)
    least = max(staged, half)
    if policy.rotation_period < least:
        problem = (
            "a successor is ready only after"
            f" {duration(staged)} (read back after one upInterval, then"
            f" {duration(timings.publish_wait)} of caches, in whole upIntervals)"
            if staged >= half
            else f"an old key stays published for {duration(gone)}, and four keys are the most"
        )
        yield PolicyFault("rotationPeriod", policy.rotation_period, problem, least)


def _runs(seconds: int, every: int) -> int:
    return -(-seconds // every)
