"""An environment's alarms are found in one list of the fake's resource manager."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from components.azure import names
from components.azure.alarm_census import find_alarms
from sandbox.azure.arm import SUBSCRIPTION
from tests.sandbox.azure.running import Running

GROUP = "signet-dev"


def rule(name: str, group: str = GROUP) -> dict[str, Any]:
    return {
        "resourceGroupName": group,
        "ruleName": name,
        "location": "westeurope",
        "kind": "LogAlert",
        "scopes": [],
        "criteria": {"allOf": []},
    }


def test_the_rules_of_an_environments_group_are_found_and_nobody_elses(running: Running) -> None:
    settings: Any = SimpleNamespace(
        endpoint=names.Endpoint(port=running.port), subscription=SUBSCRIPTION, resource_group=GROUP
    )
    assert find_alarms(settings, "dev") == {}
    kind = "azure-native:monitor:ScheduledQueryRule"
    for told in (
        rule("signet-dev-refusals"),
        rule("signet-dev-orders-refusals"),
        rule("theirs"),
        rule("signet-dev-elsewhere", "another"),
    ):
        running.create(kind, told)
    assert set(find_alarms(settings, "dev")) == {
        "signet-dev-refusals",
        "signet-dev-orders-refusals",
    }
