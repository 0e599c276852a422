"""What a reviewer is told of a manifest that trusts more than what is deployed."""

from dataclasses import replace
from typing import Any

import pytest

from components.environment import service_output
from signet.callers import Caller
from signet.service import Service, parse_service
from signet.token_service import caller_members
from signet.trust_changes import environment_widened, widened
from tests.unit.services.test_service import ORDERS

OTHER = "{name: b, identity: google, match: {sub: '1'}, scopes: [orders:read]}"


def service(text: str = ORDERS) -> Service:
    return parse_service(text, "services/orders.yaml")


def deployed() -> dict[str, Any]:
    return {"orders": service_output(service(), {})}


def test_what_is_deployed_already_is_not_told() -> None:
    assert widened(deployed(), [service()], 900) == []


def test_a_new_service_and_each_of_its_callers_are_told() -> None:
    lines = widened({}, [service()], 900)
    assert len(lines) == 2
    assert "a new service of team-orders" in lines[0]
    assert "a new caller orders-ci (GitHub" in lines[1]


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("tokenLifetime: 10m", "tokenLifetime: 11m", "tokens may live 660s (were 600s)"),
        ("tokenLifetime: 10m\n", "", "tokens may live 900s"),
        ("lifetime: 5m", "lifetime: 6m", "gets tokens of 360s (were 300s)"),
        ('"123"', '"124"', "another match"),
        ("identity: github", "identity: github\n    issuer: https://x.example/t", "another issuer"),
        (
            "    scopes: [orders:read]\n",
            "    scopes: [orders:read, orders:write]\n",
            "orders:write too",
        ),
        ("callers:\n", f"callers:\n  - {OTHER}\n", "a new caller b"),
        ("audience: https://orders", "audience: https://other", "another audience"),
        ("scopes: [orders:read]}", "roles: [orders]}", "no longer asks for orders:read"),
        ("path: /orders\n", "path: /more\n", "a new route POST /more"),
    ],
)
def test_whatever_trusts_more_is_told(old: str, new: str, says: str) -> None:
    assert old in ORDERS
    text = ORDERS.replace(old, new, 1)
    if "roles: [orders]" in new:
        text = text[: text.index("callers:")]
    assert any(says in line for line in widened(deployed(), [service(text)], 900))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("tokenLifetime: 10m", "tokenLifetime: 9m"),
        ("lifetime: 5m", "lifetime: 4m"),
        ("scopes: [orders:read]}", "scopes: [orders:read], roles: [r]}"),
        ("team-orders", "team-bills"),
    ],
)
def test_what_trusts_less_is_not_told(old: str, new: str) -> None:
    assert widened(deployed(), [service(ORDERS.replace(old, new, 1))], 900) == []


CALLER = service().callers[0]
ENVIRONMENT: dict[str, Any] = {
    "audience": "https://api.example.com",
    "requiredScope": "api:read",
    "tokenLifetime": 900.0,
    "environmentCallers": [caller_members(CALLER)],
}
"""Outputs of a stack, as the engine gives them back: numbers are floats."""


def test_an_environment_that_stays_as_it_is_tells_nothing() -> None:
    after = {**ENVIRONMENT, "tokenLifetime": 900}
    assert environment_widened(ENVIRONMENT, after, [CALLER]) == []
    assert environment_widened(ENVIRONMENT, {**after, "tokenLifetime": 600}, []) == []
    assert environment_widened({}, after, []) == []


@pytest.mark.parametrize(
    ("changes", "callers", "says"),
    [
        ({"tokenLifetime": 1_800}, [CALLER], "tokens may live 1800s (were 900s)"),
        ({"audience": "https://b.example"}, [CALLER], "another audience: https://b.example"),
        ({"requiredScope": ""}, [CALLER], "another required scope: none (was api:read)"),
        ({}, [CALLER, replace(CALLER, name="other")], "a new caller other (GitHub"),
        ({}, [replace(CALLER, scopes=("orders:read", "x"))], "may have x too"),
        ({}, [replace(CALLER, lifetime=600)], "gets tokens of 600s (were 300s)"),
        ({}, [replace(CALLER, issuer="https://x.example/t")], "another issuer"),
    ],
)
def test_whatever_an_environment_trusts_more_is_told(
    changes: dict[str, Any], callers: list[Caller], says: str
) -> None:
    (line,) = environment_widened(ENVIRONMENT, {**ENVIRONMENT, **changes}, callers)
    assert line.startswith("the environment: ")
    assert says in line
