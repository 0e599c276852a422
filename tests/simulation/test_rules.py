"""Each rule has a reason: without it the simulation finds a failure, with it none."""

from __future__ import annotations

import pytest

from signet.rotation import ALL_RULES, Rule
from tests.simulation.sabotage import SABOTAGES, failure_without, violations_of


def test_every_rule_has_its_sabotage() -> None:
    assert set(SABOTAGES) == set(Rule)


@pytest.mark.parametrize("rule", list(Rule))
def test_without_the_rule_the_failure_that_it_prevents_happens(rule: Rule) -> None:
    found = failure_without(rule)
    assert found is not None
    assert found.kind == SABOTAGES[rule].failure


@pytest.mark.parametrize("rule", list(Rule))
def test_with_all_rules_the_same_faults_break_nothing(rule: Rule) -> None:
    for seed in range(2):
        assert violations_of(rule, ALL_RULES, seed) == []
