"""Settings that cannot work are refused, each with its key, its value and what would do."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signet.rotation import RingSpec, RotationPolicy, Timings, check_policy
from tests.unit.rotation.runs import DAY, POLICY, START, Runs

FAST = replace(
    POLICY,
    timings=Timings(15, 2, 2, 5, 0, 1, 2),
    rotation_period=120,
    up_interval=30,
    retention=19,
    hold=60,
)


@pytest.mark.parametrize("policy", [POLICY, FAST], ids=["defaults", "local-fast"])
def test_the_shipped_settings_are_good(policy: RotationPolicy) -> None:
    assert check_policy(policy) == []


def _timings(**fields: int) -> RotationPolicy:
    return replace(POLICY, timings=replace(POLICY.timings, **fields))


ISSUER = POLICY.rings[0].issuer
CASES = [
    (replace(POLICY, rotation_period=2 * DAY), "rotationPeriod", 3 * DAY),
    (replace(FAST, rotation_period=59), "rotationPeriod", 60),
    (replace(POLICY, retention=1_000), "retention", 60 + 900 + 120),
    (replace(FAST, retention=18), "retention", 19),
    (replace(POLICY, retention=90 * DAY), "rotationPeriod", 91 * DAY // 2),
    (_timings(stale_if_error=599), "staleIfError", 600),
    (_timings(token_lifetime=3_601), "tokenLifetime", None),
    (_timings(token_lifetime=0), "tokenLifetime", 1),
    (_timings(clock_skew=301), "clockSkew", None),
    (_timings(cache_ceiling=-1), "cacheCeiling", 0),
    (replace(POLICY, up_interval=0), "upInterval", 1),
    (replace(POLICY, hold=-1), "kmsDeletionWindow", 0),
    (replace(POLICY, clouds=()), "clouds", None),
    (replace(POLICY, clouds=("aws", "aws")), "clouds", None),
    (replace(POLICY, clouds=("aws", "oracle")), "clouds", None),
    (replace(POLICY, home="oracle"), "home", None),
    (replace(POLICY, rings=()), "issuer", None),
    (replace(POLICY, rings=(POLICY.rings[0], RingSpec("orders", ISSUER))), "issuer", None),
    (
        replace(POLICY, rings=(POLICY.rings[0], RingSpec("environment", "https://b/"))),
        "service",
        None,
    ),
    (replace(POLICY, rings=(RingSpec("environment", "issuer.example"),)), "issuer", None),
    (replace(POLICY, algorithm="HS256"), "algorithm", None),
    (replace(POLICY, key_size=1_024), "keySize", None),
    (replace(POLICY, rings=(RingSpec("environment", ISSUER, "RS256", 1_024),)), "keySize", 2_048),
]


@pytest.mark.parametrize(("policy", "key", "smallest"), CASES)
def test_a_fault_names_its_key_and_the_smallest_good_value(
    policy: RotationPolicy, key: str, smallest: int | None
) -> None:
    faults = {fault.key: fault for fault in check_policy(policy)}
    assert key in faults
    if smallest is not None:
        assert faults[key].smallest == smallest
        assert str(smallest) in faults[key].remedy


def test_all_faults_are_told_at_once() -> None:
    bad = replace(POLICY, home="oracle", algorithm="none", hold=-1, retention=1)
    assert {fault.key for fault in check_policy(bad)} == {
        "home", "algorithm", "kmsDeletionWindow", "retention",
    }  # fmt: skip


small = st.integers(0, 400)
policies = st.builds(
    lambda t, a, c, e, f, s, d, period, every, keep: replace(
        POLICY,
        timings=Timings(t, a, c, e, f, s, d),
        rotation_period=period,
        up_interval=every,
        retention=keep,
        hold=period,
    ),
    *[st.integers(1, 400), *[small] * 4, st.integers(0, 300), small],
    st.integers(1, 3_000),
    st.integers(60, 400),
    st.integers(0, 3_000),
)


def _with(policy: RotationPolicy, key: str, value: object) -> RotationPolicy:
    assert isinstance(value, int)
    if key == "retention":
        return replace(policy, retention=value)
    if key == "staleIfError":
        return replace(policy, timings=replace(policy.timings, stale_if_error=value))
    assert key == "rotationPeriod"
    return replace(policy, rotation_period=value)


def _keys(policy: RotationPolicy) -> set[str]:
    return {fault.key for fault in check_policy(policy)}


def _mended(policy: RotationPolicy) -> RotationPolicy:
    """Follow the remedies, the period last, because it depends on the others."""
    for key in ("staleIfError", "retention", "rotationPeriod"):
        for fault in check_policy(policy):
            if fault.key == key:
                policy = _with(policy, key, fault.smallest)
    return policy


@given(policies)
def test_the_smallest_good_value_is_good_and_one_less_is_not(policy: RotationPolicy) -> None:
    for fault in check_policy(policy):
        assert isinstance(fault.smallest, int)
        assert fault.key not in _keys(_with(policy, fault.key, fault.smallest))
        assert fault.key in _keys(_with(policy, fault.key, fault.smallest - 1))


@settings(max_examples=40)
@given(policies)
def test_settings_that_follow_the_remedies_rotate_on_time_for_ever(policy: RotationPolicy) -> None:
    policy = _mended(policy)
    assert check_policy(policy) == []
    runs = Runs(policy=policy, now=START)
    flips: list[int] = []
    every = policy.up_interval
    longest = -(-policy.rotation_period // every) * every
    for _ in range(4 * longest // every + 4):
        made = runs.up(after=every)
        assert not made.alarms
        assert 1 < len(runs.ring.published) <= 4
        if any(step.after == "retiring" for step in made.transitions):
            flips.append(runs.now)
    assert all(later - earlier <= longest for earlier, later in pairwise(flips))
    assert len(flips) >= 3
