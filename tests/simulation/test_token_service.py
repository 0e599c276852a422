"""The rotation drills with the token service as the issuer: no good token is ever refused."""

from __future__ import annotations

import pytest

from tests.simulation.driver import FAULTS, new_driver
from tests.simulation.token_service import TokenServiceWorld


class Naive(TokenServiceWorld):
    """Confirms every deployment of the token service, whether it happened or not."""

    naive = True


def played(seed: int, world_type: type[TokenServiceWorld], rounds: int = 40) -> TokenServiceWorld:
    driver = new_driver(seed, consumers=9, world_type=world_type)
    for _ in range(rounds):
        driver.round()
        if driver.world.violations:
            break
    else:
        driver.calm()
    assert isinstance(driver.world, world_type)
    return driver.world


@pytest.mark.parametrize("seed", range(12))
def test_a_deployed_issuer_signs_no_token_that_a_consumer_refuses(seed: int) -> None:
    assert set(FAULTS) >= {"run killed", "validator left out by target", "key tainted"}
    world = played(seed, TokenServiceWorld)
    assert world.violations == []
    assert world.deployments
    assert world.tally.rotations


def test_without_its_own_report_in_the_record_good_tokens_are_refused() -> None:
    kinds = {v.kind for seed in range(60) for v in played(seed, Naive, rounds=60).violations}
    assert "good token refused" in kinds
