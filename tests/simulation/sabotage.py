"""Each rule switched off: which faults to play, and the failure that has to show."""

from __future__ import annotations

from dataclasses import dataclass, replace

from signet.rotation import ALL_RULES, RingSpec, RotationPolicy, Rule, Timings, check_policy
from tests.simulation.driver import ISSUER, new_driver
from tests.simulation.world import RING, Violation

REFUSED = "good token refused"
ROUNDS = 60


@dataclass(frozen=True, slots=True)
class Sabotage:
    """How to show what a rule is for: faults with their weights, and the kinds of failure."""

    faults: dict[str, float]
    failure: str
    fault_rate: float = 0.6


SABOTAGES: dict[Rule, Sabotage] = {
    Rule.COMPLETE_FIRST: Sabotage({"validator broken for long": 1}, REFUSED, 0.15),
    Rule.READ_BACK_EVERYWHERE: Sabotage(
        {"store write fails for long": 1, "rotation by request": 3}, REFUSED
    ),
    Rule.READ_BACK_NOW: Sabotage({"store rolled back and slow": 1}, "flip unread"),
    Rule.READ_BACK_RESTARTS: Sabotage({"store rolled back and slow": 1}, REFUSED, 0.3),
    Rule.PUBLISH_WAIT: Sabotage({"rotation by request": 1}, REFUSED),
    Rule.VALIDATORS_CONFIRM: Sabotage({"validator broken for long": 1}, REFUSED, 0.2),
    Rule.HANDOVER_SEEN: Sabotage({"validator not deployed": 1, "run repeated at once": 1}, REFUSED),
    Rule.RETIRE_WAIT: Sabotage({"run repeated at once": 1}, REFUSED),
    Rule.HIGH_WATER: Sabotage({"older checkout": 1}, REFUSED),
    Rule.SEQUENCE_GUARD: Sabotage({"older state restored": 1}, REFUSED, 0.2),
    Rule.CONTINUE_ABOVE: Sabotage({"set forged": 1}, "consumer lost", 0.3),
    Rule.REPAIR: Sabotage({"store rolled back": 1}, "no rotation", 0.2),
    Rule.DENIALS_NEED_KMS: Sabotage({"denial forged": 1}, "issuing", 0.2),
    Rule.DENIALS_ADOPTED: Sabotage({"taint broken off": 1}, "taint unfinished", 0.2),
    Rule.KMS_AGREES: Sabotage({"taint during a run": 1}, "taint forgotten", 0.3),
    Rule.STAGE_NEXT: Sabotage({"run repeated at once": 1}, "no rotation", 0.1),
    Rule.FOUR_PUBLISHED: Sabotage(
        {"emergency rotation": 1, "run repeated at once": 1}, "too many keys", 0.95
    ),
    Rule.NUMBERS_NEVER_REUSED: Sabotage({"newest state lost": 1}, "number reused", 0.2),
    Rule.ISSUER_FROZEN: Sabotage({"older checkout": 1}, REFUSED),
    Rule.CLOCK_GUARD: Sabotage({"clock wrong": 1}, REFUSED, 0.3),
}
"""One for every rule; ``test_rules`` asserts that none is missing."""


def policy_for_sabotage() -> RotationPolicy:
    """Return settings with long caches and long tokens in three clouds."""
    timings = Timings(3_600, 300, 300, 21_600, 86_400, 10, 60)
    policy = RotationPolicy(
        environment="sim",
        rings=(RingSpec(RING, ISSUER),),
        clouds=("aws", "azure", "gcp"),
        home="aws",
        timings=timings,
        up_interval=timings.publish_wait // 3,
        rotation_period=1,
        retention=timings.retire_wait,
        hold=timings.publish_wait,
    )
    (fault,) = check_policy(policy)
    assert isinstance(fault.smallest, int)
    return replace(policy, rotation_period=fault.smallest)


def violations_of(rule: Rule, rules: frozenset[Rule], seed: int) -> list[Violation]:
    """Play the rule's faults on one environment under ``rules``, up to the first violation."""
    sabotage = SABOTAGES[rule]
    driver = new_driver(
        seed,
        consumers=18,
        rules=rules,
        weights=sabotage.faults,
        fault_rate=sabotage.fault_rate,
        policy=policy_for_sabotage(),
    )
    for _ in range(ROUNDS):
        driver.round()
        if driver.world.violations:
            return driver.world.violations
    driver.calm()
    return driver.world.violations


def failure_without(rule: Rule, *, seeds: int = 60) -> Violation | None:
    """Play the rule's faults without the rule until its failure shows; None if it never does."""
    for seed in range(seeds):
        for violation in violations_of(rule, ALL_RULES - {rule}, seed):
            if violation.kind == SABOTAGES[rule].failure:
                return violation
    return None
