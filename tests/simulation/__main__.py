"""``make simulate``: rotations by the thousand, under faults, and each rule's reason to exist.

Prints rotations, tokens, faults injected and violations (0), then for each rule the failure that
was found without it. Exits 1 on a violation, or on a rule without which nothing fails.
"""

from __future__ import annotations

import argparse
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from itertools import count

from signet.rotation import ALL_RULES, Rule
from signet.timings import duration
from tests.simulation.driver import FAULTS, new_driver
from tests.simulation.sabotage import SABOTAGES, failure_without
from tests.simulation.world import Tally, Violation

ROUNDS = 100
"""Runs of one environment before its faults end."""
MANY, FEW = 300, 9
"""Consumers: one environment in fifty has many."""


def episode(seed: int) -> tuple[int, Tally, list[Violation]]:
    """Play one environment to its end, with all rules."""
    consumers = MANY if seed % 50 == 0 else FEW + seed % 10
    driver = new_driver(seed, consumers=consumers, rules=ALL_RULES)
    for _ in range(ROUNDS):
        driver.round()
        if driver.world.violations:
            break
    else:
        driver.calm()
    return seed, driver.world.tally, driver.world.violations


def campaign(rotations: int, first: int, workers: int) -> tuple[Tally, list[tuple[int, Violation]]]:
    """Play environments until so many rotations were made."""
    total, violations = Tally(), list[tuple[int, Violation]]()
    seeds = count(first)
    show = sys.stderr.isatty()
    with ProcessPoolExecutor(workers) as pool:
        while total.rotations < rotations:
            batch = [next(seeds) for _ in range(workers * 8)]
            for seed, tally, found in pool.map(episode, batch, chunksize=4):
                total.add(tally)
                violations += [(seed, violation) for violation in found]
            if show:
                print(f"\r{total.rotations} rotations", end="", file=sys.stderr, flush=True)
    if show:
        print("\r" + " " * 30 + "\r", end="", file=sys.stderr)
    return total, violations


def main() -> int:
    """Run the campaign and the sabotage; print the numbers."""
    parser = argparse.ArgumentParser(prog="make simulate", description=__doc__)
    parser.add_argument("--rotations", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0, help="first environment")
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    started = time.perf_counter()
    total, violations = campaign(given.rotations, given.seed, given.workers)
    took = time.perf_counter() - started
    print(f"rotations        {total.rotations:>12,} in {took:.1f} s ({total.runs:,} runs)")
    print(f"tokens checked   {total.tokens:>12,}")
    print(f"  refused as the plan had announced, or by an intruder's doing {total.excused:,}")
    print(f"  could not be checked for want of contact                     {total.unavailable:,}")
    print(f"faults injected  {sum(total.faults.values()):>12,}")
    for name in FAULTS:
        print(f"  {name:<32} {total.faults[name]:>8,}")
    print(f"violations       {len(violations):>12,}")
    for seed, violation in violations[:20]:
        where = f"environment {seed}, after {duration(violation.at)}"
        print(f"  {where}: {violation.kind}: {violation.text}")
    print("\nwithout this rule                     the simulation finds")
    unexplained = 0
    for rule in Rule:
        found = failure_without(rule)
        unexplained += found is None
        text = "NOTHING" if found is None else f"{found.kind}: {found.text}"
        print(f"  {rule.name.lower():<35} {text[:110]}")
    print(f"{len(SABOTAGES)} rules, {unexplained} without a failure")
    return 1 if violations or unexplained else 0


if __name__ == "__main__":
    sys.exit(main())
