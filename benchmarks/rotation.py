"""How long a plan takes, and how fast simulated rotations go."""

from __future__ import annotations

import time
from statistics import median

from benchmarks.row import Row
from signet.confirmed import Confirmed, ValidatorReport, confirm
from signet.journal import Journal
from signet.observed import StoreReading
from signet.rotation import RingSpec, RotationPolicy, plan
from tests.simulation.driver import new_driver

DAY = 86_400
VALIDATORS = 300


def run(quick: bool) -> list[Row]:
    """Plan a three-cloud ring after two years of rotations; then simulate with faults."""
    rounds = 300 if quick else 3_000
    settled, flipping = _plan_times(rounds)
    rotations, took = _simulate(2 if quick else 12)
    limit = "one ring, 3 clouds, 300 validators, records as objects"
    return [
        Row(name="plan, nothing due", value=settled * 1e3, unit="ms", limit=1.0, note=limit),
        Row(name="plan with a flip, and its journal", value=flipping * 1e3, unit="ms", limit=1.0),
        Row(
            name="simulated rotations, one process",
            value=rotations / took * 60,
            unit="per CPU minute",
            limit=5_000,
            more_is_better=True,
            note=f"{rotations} with faults; make simulate uses two processes",
        ),
    ]


def _plan_times(rounds: int) -> tuple[float, float]:
    policy = RotationPolicy(
        environment="bench",
        rings=(RingSpec("environment", "https://issuer.example/bench"),),
        clouds=("aws", "azure", "gcp"),
        home="aws",
    )
    now = 1_800_000_000
    journal: Journal | None = None
    confirmed: Confirmed | None = None
    quiet: list[float] = []
    flips: list[float] = []
    for number in range(rounds):
        observed = {"environment": dict.fromkeys(policy.clouds, _reading(journal))}
        begun = time.perf_counter()
        made = plan(journal, confirmed, observed, policy, now)
        if made.journal is None:
            raise RuntimeError("the plan made no journal")
        text = made.journal.text
        took = time.perf_counter() - begun
        if any(step.after == "retiring" for step in made.transitions):
            flips.append(took)
        elif number > 2:  # noqa: PLR2004 - the first runs record
            quiet.append(took)
        journal, now = Journal.parse(text), now + DAY
        confirmed = _confirmed(journal, confirmed)
    return median(quiet), median(flips)


def _reading(journal: Journal | None) -> StoreReading:
    if journal is None:
        return StoreReading("absent")
    ring = journal.rings["environment"]
    kids = frozenset(f"kid-{g.number}" for g in ring.published)
    return StoreReading("read", ring.sequence, kids, ring.denied)


def _confirmed(journal: Journal, before: Confirmed | None) -> Confirmed:
    ring = journal.rings["environment"]
    return confirm(
        journal,
        before,
        token_lifetime=900,
        kids={"environment": {g.number: f"kid-{g.number}" for g in ring.generations if g.exists}},
        key_resources={},
        validators={
            f"validator-{number}": ValidatorReport(("environment",), "hash", "hash")
            for number in range(VALIDATORS)
        },
    )


def _simulate(environments: int) -> tuple[int, float]:
    rotations = 0
    begun = time.process_time()
    for seed in range(environments):
        driver = new_driver(seed, consumers=12)
        for _ in range(100):
            driver.round()
        rotations += driver.world.tally.rotations
    return rotations, time.process_time() - begun
