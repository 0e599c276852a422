"""What a taint writes to the stores, before and without the pipeline.

The break-glass command disables the KMS key, then rewrites every reachable set with this, and
goes on doing so until its own run has completed: a run that was under way may have written over
it. Pure; the command supplies what it read and does the writing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from signet.key_ring import KeyRing
from signet.observed import StoreReading
from signet.rotation_evidence import LARGEST_JUMP


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
