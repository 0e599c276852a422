"""The two waits, high-water marks, and how durations are said."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signet.rotation_policy import DEFAULT_TIMINGS
from signet.timings import NAMES, Timings, duration, moment

seconds = st.integers(0, 10**6)
timings = st.builds(Timings, **dict.fromkeys(NAMES, seconds))


def test_the_defaults_wait_a_day_and_two_minutes_before_a_flip() -> None:
    assert DEFAULT_TIMINGS.publish_wait == 86_400 + 120


def test_without_foreign_caches_the_wait_is_our_own_caches() -> None:
    assert Timings(15, 2, 2, 5, 0, 1, 2).publish_wait == 2 + 2 + 5 + 2


def test_local_fast_keeps_an_old_key_for_nineteen_seconds() -> None:
    assert Timings(15, 2, 2, 5, 0, 1, 2).retire_wait == 19


@given(timings, timings)
def test_joined_timings_are_never_smaller_than_either(one: Timings, other: Timings) -> None:
    joined = one.joined(other)
    assert joined == other.joined(one)
    assert joined.publish_wait >= max(one.publish_wait, other.publish_wait)
    assert joined.retire_wait >= max(one.retire_wait, other.retire_wait)
    assert joined.joined(one) == joined


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0, "0 s"),
        (59, "59 s"),
        (900, "15 min"),
        (86_520, "1 d 2 min"),
        (90_061, "1 d 1 h"),
        (-61, "-1 min 1 s"),
    ],
)
def test_a_duration_is_said_with_two_units(value: int, said: str) -> None:
    assert duration(value) == said


def test_a_moment_is_said_in_utc() -> None:
    assert moment(1_800_000_000) == "2027-01-15 08:00:00 UTC"
