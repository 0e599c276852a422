"""New roles of an app are waited for once, with a bound, before its code goes there."""

from __future__ import annotations

import time
from typing import Any

import pytest

from components.azure import roles
from components.azure.in_force import InForceProvider
from tests.components.azure.test_declared import deployed  # noqa: F401
from tests.components.mocked import plain

ROLES = ["/roles/blobs", "/roles/queues"]


def test_it_waits_when_it_is_made_and_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    made = InForceProvider().create({"roles": ROLES, "seconds": 120.0})
    assert slept == [120.0]
    assert made.outs == {"roles": ROLES, "seconds": 120.0}


@pytest.mark.parametrize(
    ("news", "again"),
    [
        ({"roles": ROLES, "seconds": 120}, False),
        ({"roles": ROLES, "seconds": 0}, False),
        ({"roles": [*ROLES, "/roles/tables"], "seconds": 120}, True),
    ],
)
def test_only_other_roles_are_waited_for_again(news: dict[str, Any], again: bool) -> None:
    told = InForceProvider().diff("x", {"roles": ROLES, "seconds": 120}, news)
    assert told.changes is again
    assert told.replaces == (["roles"] if again else [])


def test_the_code_goes_there_after_the_wait_and_the_app_does_not_wait(
    deployed: Any,  # noqa: F811
) -> None:
    found = deployed()
    wait = found.one("environment-azure-validator-in-force")
    assert plain(wait.inputs)["seconds"] == roles.SETTLING_SECONDS
    assert 0 < roles.SETTLING_SECONDS <= 300
    granted = [
        each.urn
        for each in found.of("azure-native:authorization:RoleAssignment")
        if each.name.startswith("environment-azure-validator-")
    ]
    assert len(plain(wait.inputs)["roles"]) == len(granted) == 3
    assert set(granted) <= wait.depends_on
    assert wait.urn in found.one("environment-azure-validator-deployment").depends_on
    assert wait.urn not in found.one("environment-azure-validator-app").depends_on
