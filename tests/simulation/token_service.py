"""A world with a deployed token service: it signs with what its last deployment told it.

It reads no record: its settings reach it in the run itself, after every validator and before the
record is written (`components.token_service`). Its deployment may fail, be left out by `--target`,
or be the last thing that a killed run did; until it is repeated it goes on signing as it did,
however long that takes. What it signs is judged like every other token.
"""

from __future__ import annotations

from typing import Any

from components.confirming import issuing, with_issuer
from signet.confirmed import Confirmed
from tests.simulation.world import RING, World

NAME = "token-service"


class TokenServiceWorld(World):
    """The environment, its other issuers, and one deployed issuer."""

    naive = False
    """Sabotage: report of a deployment that it happened, whether it did or not."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        self.told: tuple[str, int] | None = None
        """The `kid` that it signs with, and for how many seconds a token lives."""
        self.deployments = 0
        super().__init__(*arguments, **named)

    def tell_issuers(self, confirmed: Confirmed) -> Confirmed | None:
        """Deploy it, most of the time."""
        before = self.state.confirmed
        number = issuing(confirmed, before)[RING]
        kid = confirmed.kid(RING, number)
        assert kid is not None
        wanted = (kid, confirmed.token_lifetime[RING])
        chance = 1.0 if self.told is None else self.random.random()
        if chance < 0.1:
            return None
        if chance >= 0.25:
            self._issue(self.now)
            self.deployments += self.told != wanted
            self.told = wanted
            self._issue(self.now)
        if 0.9 < chance < 1.0:
            return None
        reported = wanted if self.naive else self.told
        return with_issuer(confirmed, before, NAME, str(wanted), str(reported))

    def _issue(self, until: int) -> None:
        super()._issue(until)
        if self.told is None:
            return
        kid, lifetime = self.told
        key = self.kms.get(self.kids_made[kid])
        if key is None or not key.enabled or key.kid != kid:
            return
        token = (kid, lifetime, self.issuer_name)
        alive = until + lifetime + self.policy.timings.clock_skew // 2
        self.live[token] = max(self.live.get(token, 0), alive)
