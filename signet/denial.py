"""What a taint writes to the stores, before and without the pipeline.

The break-glass command disables the KMS key, then rewrites every reachable set with this, and
goes on doing so until its own run has completed: a run that was under way may have written over
it. Pure; the command supplies what it read and does the writing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from signet.key_ring import KeyRing
from signet.observed import StoreReading
from signet.rotation_evidence import LARGEST_JUMP
from signet.timings import Timings
from validator_functions.verification.keys import thumbprint


@dataclass(frozen=True, slots=True)
class Assertion:
    """The set that denies a key: the same everywhere, under a number that validators take."""

    sequence: int
    kids: frozenset[str]
    denied: frozenset[str]
    clouds: tuple[str, ...]
    """The clouds whose reachable store does not deny the key yet."""


def assertion(
    ring: KeyRing, kids: Mapping[int, str], stores: Mapping[str, StoreReading], kid: str
) -> Assertion:
    """Return what to write so that ``kid`` is denied in every store that can be reached.

    ``ring`` and ``kids`` (generation -> ``kid``) are the record's: the set is never built on what a
    store holds, because an older or forged one would gain a new number that way, and validators
    would drop good keys for it. Denials that a store shows are carried along: never un-deny.
    """
    read = {cloud: found for cloud, found in stores.items() if found.status == "read"}
    limit = ring.sequence + LARGEST_JUMP
    numbers = [found.sequence or 0 for found in read.values()]
    highest = max([ring.sequence, *(number for number in numbers if number < limit)])
    denied = ring.denied | {kid}
    for found in read.values():
        denied |= found.denied & frozenset(kids.values())
    known = {kids[g.number] for g in ring.published if g.number in kids}
    todo = [c for c, found in stores.items() if found.status != "unverified"]
    return Assertion(
        sequence=highest + 1,
        kids=frozenset(known) - denied,
        denied=denied,
        clouds=tuple(sorted(c for c in todo if c not in read or kid not in read[c].denied)),
    )


@dataclass(frozen=True, slots=True)
class RefusalTimes:
    """How long a validator may go on accepting a denied key's tokens, in seconds."""

    store_reachable: int
    """From the moment its store holds the new set: A + C."""
    out_of_contact: int
    """E: for an instance that reaches no store and is not deployed again, from its last contact."""
    foreign: int
    """F: for consumers that are not ours."""
    token_lifetime: int
    """T: after this long every token of the key has expired anyway."""


def refusal_times(timings: Timings) -> RefusalTimes:
    """Return what the timings in force promise.

    "Settings redeployed" is no setting: it is over when `up` is. An instance that starts cold and
    reaches nothing counts E from its own start, so that there is no bound for it.
    """
    return RefusalTimes(
        store_reachable=timings.jwks_max_age + timings.cache_ceiling,
        out_of_contact=timings.stale_if_error,
        foreign=timings.foreign_cache_age,
        token_lifetime=timings.token_lifetime,
    )


_MEMBERS = {"RSA": ("kty", "n", "e"), "EC": ("kty", "crv", "x", "y")}


def proven(
    found: Iterable[Mapping[str, object]], algorithms: Mapping[str, str]
) -> dict[str, dict[str, str]]:
    """Return the public keys among `found` that are ours for certain, by `kid`.

    Wherever a key comes from, its thumbprint (RFC 7638) proves that it is the recorded one; what
    the thumbprint does not cover is taken from the record. `algorithms` has those, by `kid`.
    """
    keys: dict[str, dict[str, str]] = {}
    for jwk in found:
        names = _MEMBERS.get(str(jwk.get("kty")))
        if names is None or not all(isinstance(jwk.get(name), str) for name in names):
            continue
        members = {name: str(jwk[name]) for name in names}
        kid = thumbprint(members)
        if kid in algorithms:
            keys[kid] = {**members, "alg": algorithms[kid], "kid": kid, "use": "sig"}
    return keys
