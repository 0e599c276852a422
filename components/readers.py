"""Who reads documents where they are private: what the validators of each ring run as.

A reader is called by its ring, so that a service which comes or goes changes nobody else's right.
They were counted before, one for each validator: an environment of then keeps its rights, if its
services are the same in that run.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi

from components.moved import once_called
from signet.key_ring import ENVIRONMENT_RING


@dataclass(frozen=True, kw_only=True)
class Reader:
    """One ring's."""

    ring: str
    who: pulumi.Input[str]
    """As the cloud names it in a right."""
    counted: int
    """Its number when each validator was counted, in the order in which they are declared."""

    def name(self, store: str) -> str:
        """Return what its right in a store is called."""
        return f"{store}-reader-{0 if self.ring == ENVIRONMENT_RING else self.ring}"

    def options(self, store: str, opts: pulumi.ResourceOptions) -> pulumi.ResourceOptions:
        """Return the options of its right, which stays what it was."""
        if self.ring == ENVIRONMENT_RING:
            return opts
        return once_called(opts, f"{store}-reader-{self.counted}")


def first_of_each(rings: Sequence[str]) -> dict[str, int]:
    """Return where each ring's first validator stands among all; `rings` is each one's ring."""
    return {ring: rings.index(ring) for ring in rings}
