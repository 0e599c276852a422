"""API Management's policies, from the operation outwards: does our fragment run first?"""

import pytest

from signet.probing.declared_policies import api_management_faults, includes

OURS = '<include-fragment fragment-id="signet-prod" />'
OTHER = '<include-fragment fragment-id="signet-dev" />'


def policy(inbound: str) -> str:
    return f"<policies><inbound>{inbound}</inbound><backend /></policies>"


@pytest.mark.parametrize(
    ("inbound", "told"),
    [
        (f"{OURS}<base />", None),
        (f"<base />{OURS}", None),
        ('<include-fragment fragment-id="signet-prod-native"/><base />', None),
        ("<base />", "no policy's <inbound> includes signet-prod"),
        (OTHER, "has neither signet-prod or signet-prod-native nor <base />"),
        (f"{OTHER}{OURS}", "does not stand first"),
        (f"<cache-lookup />{OURS}", "does not stand first"),
        (f"<choose><when condition='@(1 < 2)'>{OURS}</when></choose>", "does not stand first"),
        # What is commented out does nothing.
        (f"<!-- {OURS} --><base />", "no policy's <inbound> includes"),
        (f"<!-- <cache-lookup /> -->{OURS}", None),
        ("<rewrite-uri template='/x' /><base />", "what stands before <base />"),
        ("", "has neither"),
    ],
)
def test_an_apis_policy_asks_before_it_does_anything_else(inbound: str, told: str | None) -> None:
    found = api_management_faults([policy(inbound)], ["signet-prod", "signet-prod-native"])
    assert len(found) == (told is not None)
    assert told is None or told in found[0]


def test_what_is_included_for_other_sections_guards_nothing() -> None:
    outside = f"<policies><inbound /><outbound>{OURS}</outbound></policies>"
    assert api_management_faults([outside], ["signet-prod"])
    assert not includes(outside, ["signet-prod"])
    assert not includes(None, ["signet-prod"])
    assert includes(policy(f"<base />{OURS}"), ["signet-prod"])


@pytest.mark.parametrize(
    ("levels", "told"),
    [
        # Of an operation, of its API, and of all APIs.
        ([None, policy(OURS), None], None),
        ([None, None, policy(OURS)], None),
        ([policy("<base />"), policy("<base />"), policy(OURS)], None),
        ([policy("<base /><set-header />"), policy(OURS), None], None),
        ([policy("<set-header />"), policy(OURS), None], "nor <base />"),
        ([None, policy("<set-header />"), policy(OURS)], "nor <base />"),
        ([policy("<set-header /><base />"), policy(OURS), None], "what stands before <base />"),
        ([None, None, None], "no policy's <inbound> includes"),
    ],
)
def test_an_inner_policy_counts_before_an_outer_one(
    levels: list[str | None], told: str | None
) -> None:
    found = api_management_faults(levels, ["signet-prod"])
    assert len(found) == (told is not None)
    assert told is None or told in found[0]
