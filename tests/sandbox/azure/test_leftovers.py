"""What an interrupted run made on Azure is found by its id, against the fake's resource manager."""

from __future__ import annotations

from typing import Any

import pytest
from azure.core.exceptions import AzureError

from components.azure import leftovers
from components.azure.manager import Manager
from components.surroundings import Surroundings
from sandbox.azure.arm import SUBSCRIPTION
from signet.errors import CouldNotCheck
from signet.interrupted import Wanted
from tests.sandbox.azure.running import Running

OURS = {"signet:environment": "dev"}
GROUP = "signet-dev"
PROVIDER = {"subscriptionId": SUBSCRIPTION}
IN_GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}"


@pytest.fixture(autouse=True)
def here(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    found = Surroundings(stack="", in_sandbox=True, ports={"azure": running.port})
    monkeypatch.setattr(Surroundings, "observe", lambda _: found)


def look(kind: str, inputs: dict[str, Any], *recorded: str) -> Any:
    wanted = Wanted(
        type=kind,
        name="n",
        inputs=inputs,
        recorded=dict.fromkeys(recorded, ({},)),
        provider=PROVIDER,
    )
    return leftovers.find(wanted)


CASES: dict[str, tuple[dict[str, Any], str]] = {
    "azure-native:resources:ResourceGroup": ({}, IN_GROUP),
    "azure-native:managedidentity:UserAssignedIdentity": (
        {"resourceName": "i"},
        f"{IN_GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/i",
    ),
    "azure-native:storage:StorageAccount": (
        {"accountName": "acc", "kind": "StorageV2", "sku": {"name": "Standard_LRS"}},
        f"{IN_GROUP}/providers/Microsoft.Storage/storageAccounts/acc",
    ),
    "azure-native:operationalinsights:QueryPack": (
        {"queryPackName": "q"},
        f"{IN_GROUP}/providers/Microsoft.OperationalInsights/queryPacks/q",
    ),
    "azure-native:web:AppServicePlan": (
        {"name": "p"},
        f"{IN_GROUP}/providers/Microsoft.Web/serverfarms/p",
    ),
    "azure-native:operationalinsights:Workspace": (
        {"workspaceName": "w", "sku": {"name": "PerGB2018"}, "retentionInDays": 90},
        f"{IN_GROUP}/providers/Microsoft.OperationalInsights/workspaces/w",
    ),
    "azure-native:applicationinsights:Component": (
        {
            "resourceName": "a",
            "kind": "web",
            "applicationType": "web",
            "workspaceResourceId": f"{IN_GROUP}/providers/Microsoft.OperationalInsights"
            "/workspaces/w",
        },
        f"{IN_GROUP}/providers/Microsoft.Insights/components/a",
    ),
    "azure-native:monitor:ActionGroup": (
        {"actionGroupName": "g", "groupShortName": "signet", "enabled": True},
        f"{IN_GROUP}/providers/Microsoft.Insights/actionGroups/g",
    ),
}


@pytest.mark.parametrize("kind", CASES)
def test_what_was_made_is_found_by_its_id_and_its_tags(running: Running, kind: str) -> None:
    more, identity = CASES[kind]
    inputs = {"resourceGroupName": GROUP, "location": "westeurope", "tags": OURS, **more}
    assert look(kind, inputs) == []
    assert running.create(kind, inputs) == identity
    assert look(kind, inputs) == [identity]
    assert look(kind, inputs, identity) == []
    assert look(kind, {**inputs, "tags": {"signet:environment": "prod"}}) == []
    assert look(kind, {**inputs, "tags": {}}) == []


def test_what_has_no_tags_is_named_by_a_hash_of_ours(running: Running) -> None:
    inputs = {
        "scope": IN_GROUP,
        "roleAssignmentName": "5f4d1a52-6f0e-5b7e-9d1c-2f0a8f6b7c11",
        "roleDefinitionId": "r",
        "principalId": "p",
    }
    kind = "azure-native:authorization:RoleAssignment"
    assert look(kind, inputs) == []
    assert look(kind, inputs) != [running.create(kind, inputs)]
    (found,) = look(kind, inputs)
    assert found.endswith(inputs["roleAssignmentName"])


def test_a_stores_lifecycle_has_the_one_name_that_azure_takes(running: Running) -> None:
    account = {
        "resourceGroupName": GROUP,
        "location": "westeurope",
        "accountName": "acc",
        "kind": "StorageV2",
        "sku": {"name": "Standard_LRS"},
    }
    running.create("azure-native:storage:StorageAccount", account)
    kind = "azure-native:storage:ManagementPolicy"
    inputs = {
        "resourceGroupName": GROUP,
        "accountName": "acc",
        "managementPolicyName": "default",
        "policy": {"rules": []},
    }
    assert look(kind, inputs) == []
    made = running.create(kind, inputs)
    assert look(kind, inputs) == [made]
    assert made.endswith("/storageAccounts/acc/managementPolicies/default")


@pytest.mark.parametrize("kind", ["Document", "InForce", "KeyVersion"])
def test_what_is_written_over_only_read_or_waited_for_is_done_again(kind: str) -> None:
    assert look(f"pulumi-python:dynamic/signet:{kind}", {}) == []


def test_a_type_without_a_rule_cannot_be_looked_for() -> None:
    assert look("azure-native:network:VirtualNetwork", {}) is None


@pytest.mark.parametrize("state", ["Failed", "Running", None])
def test_a_deployment_that_did_not_succeed_is_named_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch, state: str | None
) -> None:
    told = {"properties": {"provisioningState": state}}
    monkeypatch.setattr(Manager, "get", lambda *_: told)
    inputs = {"resourceGroupName": GROUP, "deploymentName": "code-1"}
    with pytest.raises(CouldNotCheck, match=r"az deployment group delete --name code-1"):
        look("azure-native:resources:Deployment", inputs)
    told["properties"]["provisioningState"] = "Succeeded"
    assert look("azure-native:resources:Deployment", inputs) == [
        f"{IN_GROUP}/providers/Microsoft.Resources/deployments/code-1"
    ]


def test_an_azure_that_does_not_say_could_not_be_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise AzureError("no route")

    monkeypatch.setattr(Manager, "get", fail)
    with pytest.raises(CouldNotCheck, match=r"Azure does not say: no route"):
        look("azure-native:resources:ResourceGroup", {"resourceGroupName": GROUP, "tags": OURS})
