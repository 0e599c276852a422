"""Patterns on claims: full match, bounded, and never across a part."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signet.claim_match import LONGEST_PATTERN, LONGEST_VALUE, Wanted, claim_at, matches


@pytest.mark.parametrize(
    ("pattern", "value", "fits"),
    [
        ("refs/heads/*", "refs/heads/main", True),
        ("refs/heads/*", "refs/heads/", True),
        ("refs/heads/*", "refs/heads/a/b", False),
        ("refs/heads/*", "xrefs/heads/a", False),
        ("refs/heads/*", "refs/heads/a\n", True),
        ("release-*-final", "release-1-final", True),
        ("release-*-final", "release-final", False),
        ("a*b*c", "aXXbYYc", True),
        ("a*b*c", "aXXc", False),
        ("a*b*c", "abc", True),
        ("a*a", "a", False),
        ("*", "anything", True),
        ("*", "any/thing", False),
        (".*", "xx", False),
        ("[a-z]*", "abc", False),
        ("a?", "ab", False),
    ],
)
def test_a_pattern_fits_whole_values_within_parts(pattern: str, value: str, fits: bool) -> None:
    assert matches(pattern, value) is fits


@given(st.text(alphabet="ab/", max_size=12), st.text(alphabet="ab*/", max_size=8))
def test_patterns_agree_with_a_regular_expression(value: str, pattern: str) -> None:
    import re

    expression = "[^/]*".join(re.escape(literal) for literal in pattern.split("*"))
    assert matches(pattern, value) is (re.fullmatch(expression, value) is not None)


def test_the_worst_pattern_takes_no_time() -> None:
    pattern, value = "*a" * (LONGEST_PATTERN // 2), "a" * (LONGEST_VALUE - 1) + "b"
    started = time.perf_counter()
    assert not matches(pattern, value)
    assert time.perf_counter() - started < 0.1


@pytest.mark.parametrize(
    ("value", "accepted"),
    [
        ("true", True), (True, True), (1, False), ("True", False), (None, False), (["true"], False),
        ({"true": 1}, False), ("x" * (LONGEST_VALUE + 1), False),
    ],
)  # fmt: skip
def test_only_scalars_are_compared(value: object, accepted: bool) -> None:
    assert Wanted(("true",)).accepts(value) is accepted


def test_nested_claims_are_found_or_absent() -> None:
    claims = {"a": {"b": {"c": 1}}, "x": "text"}
    assert claim_at(claims, ("a", "b", "c")) == 1
    assert claim_at(claims, ("a", "z", "c")) is None
    assert claim_at(claims, ("x", "y")) is None
