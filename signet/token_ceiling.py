"""How long a service's tokens may live, and how long tokens issued before may still be alive. Pure.

``tokenLifetime`` of a manifest binds issuers at once and validators with a delay: whoever lowers
it has live tokens that were issued longer, and a good token is never refused for a changed setting.
So the journal remembers, per service, the longest lifetime that may still be alive, and validators
take tokens of that length until the last such token has run out. The rule is the one by which a key
stays published: D + H + 2S after the start of the first run that saw the lowering completed, where
H is the remembered lifetime.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from signet.timings import Timings


@dataclass(frozen=True, slots=True, kw_only=True)
class Ceiling:
    """One service's lifetimes, in whole seconds. ``accepted`` is never below ``offered``."""

    offered: int
    """Longest life of tokens that are issued from now on."""
    accepted: int
    """Longest life that its validators take."""
    ends: int | None = None
    """Epoch seconds from which no token longer than ``offered`` is alive; None where nothing was
    lowered, and while no run has seen the lowering completed."""


def following(
    before: Mapping[str, Ceiling],
    offered: Mapping[str, int],
    timings: Timings,
    now: int | None,
    *,
    settled: bool,
) -> dict[str, Ceiling]:
    """Return the ceilings of the next journal, by service.

    ``offered`` is what the manifests ask for, ``timings`` what is in force in the services' rings,
    ``settled`` whether the journal of ``before`` was completely applied, and ``now`` the epoch
    second at which the run began: None where its clock is not to be trusted, which lowers nothing.
    A service that is no longer offered is forgotten.
    """
    return {
        name: _next(before.get(name), seconds, timings, now, settled=settled)
        for name, seconds in offered.items()
    }


def _next(
    before: Ceiling | None, offered: int, timings: Timings, now: int | None, *, settled: bool
) -> Ceiling:
    if before is None or offered >= before.accepted:
        return Ceiling(offered=offered, accepted=offered)
    if offered < before.offered:
        # Tokens of the length before this one are issued until this run is complete.
        return Ceiling(offered=offered, accepted=before.accepted)
    held = replace(before, offered=offered)
    if now is None:
        return held
    wait = replace(timings, token_lifetime=before.accepted).retire_wait
    if held.ends is None:
        return replace(held, ends=now + wait) if settled else held
    if now >= held.ends:
        return Ceiling(offered=offered, accepted=offered)
    # A clock that was wrong once may have set the end too far away, never too near.
    return replace(held, ends=min(held.ends, now + wait))
