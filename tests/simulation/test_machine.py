"""Hypothesis drives the simulated environment as a state machine, and looks for a violation."""

from __future__ import annotations

from random import Random

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from signet.rotation_plan import AlarmCode
from tests.simulation.driver import FAULTS, Driver, new_driver

seeds = st.integers(0, 2**32)


class Environment(RuleBasedStateMachine):
    """One environment of one to three clouds; every step is a fault, or none, around a run."""

    driver: Driver

    @initialize(seed=seeds)
    def start(self, seed: int) -> None:
        self.driver = new_driver(seed, consumers=9)

    @rule(seed=seeds, fault=st.sampled_from(sorted(FAULTS)))
    def run_with_a_fault(self, seed: int, fault: str) -> None:
        self.driver.random.seed(seed)
        self.driver.run_with(fault)

    @rule(seed=seeds)
    def run_without_a_fault(self, seed: int) -> None:
        self.driver.random.seed(seed)
        self.driver.run_with("none")

    @invariant()
    def nothing_is_violated(self) -> None:
        if hasattr(self, "driver"):
            assert self.driver.world.violations == []

    def teardown(self) -> None:
        if hasattr(self, "driver") and not self.driver.world.violations:
            self.driver.calm()
            assert self.driver.world.violations == []


TestEnvironment = Environment.TestCase
TestEnvironment.settings = settings(
    max_examples=40,
    stateful_step_count=30,
    deadline=None,
    derandomize=True,  # the same search every time; make simulate looks further
    suppress_health_check=[HealthCheck.too_slow],
)


def test_a_forged_denial_beside_a_taint_that_was_broken_off_stops_the_run() -> None:
    state = Environment()
    state.start(seed=0)
    steps = [("KMS refuses", 0)] * 3 + [("store down", 0), ("denial forged", 0)]
    for fault, seed in [*steps, ("taint broken off", 1)]:
        state.run_with_a_fault(fault=fault, seed=seed)
    state.nothing_is_violated()
    stopped = state.driver.world.last_plan
    assert stopped is not None
    assert [stop.code for stop in stopped.stops] == [AlarmCode.DENIAL_UNKNOWN]
    state.teardown()


def test_the_same_seed_tells_the_same_story() -> None:
    first, second = (new_driver(7) for _ in range(2))
    for driver in (first, second):
        assert isinstance(driver.random, Random)
        for _ in range(20):
            driver.round()
    assert first.world.tally == second.world.tally
    assert first.world.ring == second.world.ring
