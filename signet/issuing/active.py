"""Which key signs: the active generation of the last completely applied journal. Pure.

That is what the confirmed record says, and never what the journal intends: a journal may be ahead
of validators that a failed or targeted run has left behind. Of the journal only facts are used
that never change for a generation (its issuer and its algorithm), and denials, which only take
away.
"""

from __future__ import annotations

from dataclasses import dataclass

from signet.confirmed import Confirmed
from signet.errors import Fault, SettingsError
from signet.issuing.errors import KeyUnusable
from signet.journal import Journal
from signet.key_ring import ENVIRONMENT_RING


@dataclass(frozen=True, kw_only=True)
class ActiveKey:
    """What an issuer needs to know of the key that it signs with.

    `key_reference` is the cloud's own name for the KMS key, `longest_lifetime` the longest token
    lifetime in seconds that every validator accepts.
    """

    ring: str
    generation: int
    issuer: str
    kid: str
    algorithm: str
    cloud: str
    key_reference: str
    longest_lifetime: int


def active_key(
    stack: str,
    journal: Journal | None,
    confirmed: Confirmed | None,
    *,
    ring: str = ENVIRONMENT_RING,
) -> ActiveKey:
    """Return the key that `ring` signs with.

    Raises SettingsError where no run has been completely applied or the ring is unknown, and
    KeyUnusable where the key has been denied since.
    """
    if journal is None or confirmed is None:
        raise SettingsError([_nothing_applied(stack)])
    number = confirmed.active.get(ring)
    intended = journal.rings.get(ring)
    if number is None or intended is None:
        raise SettingsError([_unknown_ring(stack, ring, confirmed)])
    kid = confirmed.kid(ring, number)
    resource = confirmed.key_resources.get(ring, {}).get(number)
    generation = intended.generation(number)
    lifetime = confirmed.token_lifetime.get(ring)
    if kid is None or resource is None or generation is None or lifetime is None:
        raise SettingsError([_nothing_applied(stack)])
    if kid in intended.denied:
        raise KeyUnusable(
            f"the active key of ring {ring!r} is denied: no validator accepts its tokens",
            where=f"stack {stack}, generation {number}",
            remedy=f"run `signet up {stack}`, which puts its successor to work",
        )
    return ActiveKey(
        ring=ring,
        generation=number,
        issuer=intended.issuer,
        kid=kid,
        algorithm=generation.algorithm,
        cloud=resource.cloud,
        key_reference=resource.id,
        longest_lifetime=lifetime,
    )


def _nothing_applied(stack: str) -> Fault:
    return Fault(
        key="stack",
        value=stack,
        problem="no run has been completely applied to it yet, so no key is confirmed to sign",
        remedy=f"run `signet up {stack}` until it ends without an error",
    )


def _unknown_ring(stack: str, ring: str, confirmed: Confirmed) -> Fault:
    known = ", ".join(sorted(confirmed.active)) or "none"
    return Fault(
        key="ring",
        value=ring,
        problem=f"stack {stack} has no such key ring with a confirmed active key",
        remedy=f"its rings: {known}; a ring just added needs `signet up {stack}` first",
    )
