"""What an environment's tokens taken once are worth after its home moved to another cloud. Pure.

Used tokens are remembered beside the keys, in the cloud that signs, and are not taken along. So the
new home's token service takes no token that the old one may have seen: it is told the moment from
which its own memory is whole.
"""

from __future__ import annotations

from signet.key_ring import KeyRing


def memory_since(ring: KeyRing) -> int | None:
    """Return the epoch second since which the signing cloud remembers every used token.

    0 where the ring never moved; None while the old home's service may still exchange, so that
    nothing can be taken once yet. The old service is removed at the end of the run that flips: the
    first later run that saw that one completed (`handed_over_at`) vouches for it. A tainted key
    signs nothing from its taint on, and nobody got a token for what was used after it.
    """
    active = ring.active
    if active is None:
        return 0
    earlier = [
        each
        for each in ring.generations
        if each.number < active.number and each.activated_at is not None
    ]
    elsewhere = [each for each in earlier if each.cloud != active.cloud]
    if not elsewhere:
        return 0
    last = elsewhere[-1]
    return last.handed_over_at if last.handed_over_at is not None else last.tainted_at
