"""A smaller simulation in which validators run the product's own ``KeySource``."""

from __future__ import annotations

import pytest

from tests.simulation.consumers import Mode
from tests.simulation.driver import FAULTS, new_driver
from tests.simulation.real_consumers import RealConsumer

BY_INTRUDERS = {
    "set forged",
    "denial forged",
    "store rolled back",
    "store rolled back and slow",
    "newest state lost",
}
"""Faults whose excuses need to know which document a consumer holds; the model has those."""
HONEST = {name: weight for name, weight in FAULTS.items() if name not in BY_INTRUDERS}


@pytest.mark.parametrize("seed", range(6))
def test_the_real_key_source_refuses_no_good_token_and_accepts_no_tainted_one(seed: int) -> None:
    driver = new_driver(seed, consumers=9, weights=HONEST, consumer_type=RealConsumer)
    for _ in range(30):
        driver.round()
        assert driver.world.violations == []
    driver.calm()
    assert driver.world.violations == []
    assert driver.world.tally.rotations
    real = [c for c in driver.world.consumers if c.mode is not Mode.FOREIGN]
    assert all(isinstance(c, RealConsumer) and c.source is not None for c in real)
