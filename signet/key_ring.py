"""A key ring: generations of signing keys under one issuer, and the states they pass through.

::

    prepared ---> active ---> retiring ---> retired ---> deleted
        |            |            |            |            ^
        +------------+------------+------------+--> tainted +

``prepared``  published, does not sign        ``retired``  unpublished, KMS key disabled
``active``    signs; exactly one              ``deleted``  KMS key given up after a hold
``retiring``  published, no longer signs      ``tainted``  unpublished, denied for ever
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import reduce
from typing import Final

from signet.timings import Timings

ENVIRONMENT_RING: Final = "environment"
"""The ring of every service that has none of its own."""


class State(StrEnum):
    """Where a generation stands in its life."""

    PREPARED = "prepared"
    ACTIVE = "active"
    RETIRING = "retiring"
    RETIRED = "retired"
    DELETED = "deleted"
    TAINTED = "tainted"


PUBLISHED = frozenset({State.PREPARED, State.ACTIVE, State.RETIRING})
"""States whose public key stands in the published set."""

KEPT = frozenset({State.RETIRED, State.TAINTED})
"""States whose KMS key still exists, disabled, although nothing publishes it."""

MOST_PUBLISHED = 4
"""Invariant 5: no ring publishes more keys than this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """One asymmetric KMS key, named by a number that is never used again.

    All times are epoch seconds at the start of the run that made the transition.
    ``cloud``, ``algorithm`` and ``key_size`` are those the key was made with; a changed
    setting takes effect with the next generation.
    """

    number: int
    cloud: str
    algorithm: str
    key_size: int
    state: State
    timings: Timings
    """High-water mark of every timing in force while this generation was published."""
    prepared_at: int
    activated_at: int | None = None
    retiring_at: int | None = None
    handed_over_at: int | None = None
    """Start of the first later run that saw the flip away from this key completed."""
    retired_at: int | None = None
    tainted_at: int | None = None
    deleted_at: int | None = None
    read_back: Mapping[str, int] = field(default_factory=dict)
    """Per cloud: when the published set was first read back with this key in it."""

    @property
    def published(self) -> bool:
        """Whether the public key stands in the published set."""
        return self.state in PUBLISHED

    @property
    def enabled(self) -> bool:
        """Whether the KMS key may sign: everything published, nothing else."""
        return self.published

    @property
    def exists(self) -> bool:
        """Whether a KMS key is to exist for it."""
        return self.state is not State.DELETED


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRing:
    """The generations under one issuer, with the number of the set that publishes them."""

    name: str
    issuer: str
    sequence: int
    next_generation: int
    generations: tuple[Generation, ...]
    denied: frozenset[str] = frozenset()
    """``kid`` values that no validator may ever accept again; only grows."""
    undecided: frozenset[str] = frozenset()
    """Members of ``denied`` that nothing proves: a taint of another key carried them along, so as
    not to un-deny them, and every ordinary run stops until an operator decides."""
    rejected: frozenset[str] = frozenset()
    """Denials seen in a store that an operator declared forged and that may still stand there."""
    sequence_floor: int = 0
    """A number that the sequence has yet to reach, in steps that validators take; 0 if none."""

    @property
    def published(self) -> tuple[Generation, ...]:
        """The generations in the published set, oldest first.

        One whose denial is undecided is among them, although the set leaves it out meanwhile.
        """
        return tuple(g for g in self.generations if g.published)

    @property
    def active(self) -> Generation | None:
        """The generation that signs; None only for a ring whose service is gone."""
        return next((g for g in self.generations if g.state is State.ACTIVE), None)

    @property
    def prepared(self) -> Generation | None:
        """The staged successor (the newest, should there be several)."""
        staged = [g for g in self.generations if g.state is State.PREPARED]
        return staged[-1] if staged else None

    @property
    def closed(self) -> bool:
        """Whether nothing of the ring is left but its numbers and its denials."""
        return not any(g.exists for g in self.generations)

    def generation(self, number: int) -> Generation | None:
        """Return the generation of that number, or None."""
        return next((g for g in self.generations if g.number == number), None)

    def in_force(self, current: Timings) -> Timings:
        """Return the timings that validators of this ring must honour.

        The largest of the settings and of every published generation's high-water mark, so
        that a lowered ``token_lifetime`` or ``clock_skew`` never refuses a live token.
        """
        return reduce(Timings.joined, (g.timings for g in self.published), current)
