"""Finds what an interrupted run made on Azure and could not record: by its id, which is computed.

Every name is chosen, so the id of what was being made is known; what bears a chosen name must bear
our tags too. What has no tags is named by a hash of ours or lies in something of ours. The
provider refuses to make what is there, so nothing is left to "make it again" but where a second
creation is the same as the first. Read-only; `signet.engine.leftovers` decides.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from components.azure import clients, names
from components.azure.manager import Manager
from components.leftovers import carries, unanswered
from components.surroundings import Surroundings
from signet.interrupted import Wanted

Inputs = Mapping[str, Any]

_FORBIDDEN: Final = 403
_GROUP: Final = "/subscriptions/{subscription}/resourceGroups/{resourceGroupName}"


@dataclass(frozen=True)
class Azure:
    """Where to look."""

    manager: Manager
    subscription: str
    endpoint: names.Endpoint | None


Look = Callable[[Azure, Inputs], Iterator[str]]


def find(wanted: Wanted) -> Sequence[str] | None:
    """Return the ids of unrecorded resources that fit, at most one.

    None when this type has no rule. Raises CouldNotCheck when Azure does not answer.
    """
    from azure.core.exceptions import AzureError

    look = RULES.get(wanted.type)
    if look is None:
        return None
    port = Surroundings.observe("").ports.get("azure")
    endpoint = names.Endpoint(port=port) if port else None
    subscription = str(wanted.provider.get("subscriptionId", ""))
    try:
        azure = Azure(Manager.connect(endpoint), subscription, endpoint)
        return [each for each in look(azure, wanted.inputs) if each not in wanted.recorded]
    except (AzureError, OSError) as error:
        raise unanswered(wanted, "Azure", error) from error


def _put_again(_azure: Azure, _inputs: Inputs) -> Iterator[str]:
    yield from ()


def _by_id(path: str, version: str, *, tagged: bool) -> Look:
    """Return a rule: `path` names inputs, and `version` is the API's that the provider uses."""

    def look(azure: Azure, inputs: Inputs) -> Iterator[str]:
        identity = path.format(subscription=azure.subscription, **inputs)
        found = azure.manager.get(identity, version)
        if found is not None and (not tagged or carries(found.get("tags"), inputs.get("tags"))):
            yield identity

    return look


def _in_group(path: str, version: str, *, tagged: bool = True) -> Look:
    return _by_id(f"{_GROUP}/providers/{path}", version, tagged=tagged)


def _scoped(path: str, version: str) -> Look:
    return _by_id(f"{{scope}}/providers/Microsoft.Authorization/{path}", version, tagged=False)


def _deployment(azure: Azure, inputs: Inputs) -> Iterator[str]:
    """One that did not come to a good end deployed nothing, and Azure keeps its name."""
    from azure.core.exceptions import AzureError

    path = f"{_GROUP}/providers/Microsoft.Resources/deployments/{{deploymentName}}"
    identity = path.format(subscription=azure.subscription, **inputs)
    found = azure.manager.get(identity, "2024-03-01")
    if found is None:
        return
    state = (found.get("properties") or {}).get("provisioningState")
    if state != "Succeeded":
        raise AzureError(
            f"the deployment {inputs['deploymentName']} is there and {state}; wait for it, or "
            f"remove it: az deployment group delete --name {inputs['deploymentName']} "
            f"--resource-group {inputs['resourceGroupName']}"
        )
    yield identity


def _blob(azure: Azure, inputs: Inputs) -> Iterator[str]:
    """A bundle, named by its hash: what bears the name is the same bytes."""
    from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

    account, container, name = (inputs[key] for key in ("accountName", "containerName", "blobName"))
    client = clients.blob(names.account_url(account, azure.endpoint), container, name)
    try:
        client.get_blob_properties()
    except ResourceNotFoundError:
        return
    except HttpResponseError as error:
        if error.status_code == _FORBIDDEN:
            return  # Who deploys need not read code. If it is there, the provider will say so.
        raise
    group = _GROUP.format(subscription=azure.subscription, **inputs)
    place = f"{account}/blobServices/default/containers/{container}/blobs/{name}"
    yield f"{group}/providers/Microsoft.Storage/storageAccounts/{place}"


RULES: Final[Mapping[str, Look]] = {
    "azure-native:apimanagement:PolicyFragment": _in_group(
        "Microsoft.ApiManagement/service/{serviceName}/policyFragments/{id}",
        "2024-05-01",
        tagged=False,
    ),
    "azure-native:applicationinsights:Component": _in_group(
        "Microsoft.Insights/components/{resourceName}", "2020-02-02"
    ),
    "azure-native:applicationinsights:Workbook": _in_group(
        "Microsoft.Insights/workbooks/{resourceName}", "2023-06-01"
    ),
    "azure-native:authorization:RoleAssignment": _scoped(
        "roleAssignments/{roleAssignmentName}", "2022-04-01"
    ),
    "azure-native:authorization:RoleDefinition": _scoped(
        "roleDefinitions/{roleDefinitionId}", "2022-05-01-preview"
    ),
    "azure-native:keyvault:Key": _in_group(
        "Microsoft.KeyVault/vaults/{vaultName}/keys/{keyName}", "2024-11-01"
    ),
    "azure-native:keyvault:Vault": _in_group("Microsoft.KeyVault/vaults/{vaultName}", "2024-11-01"),
    "azure-native:managedidentity:UserAssignedIdentity": _in_group(
        "Microsoft.ManagedIdentity/userAssignedIdentities/{resourceName}", "2023-01-31"
    ),
    "azure-native:monitor:ActionGroup": _in_group(
        "Microsoft.Insights/actionGroups/{actionGroupName}", "2024-10-01-preview"
    ),
    "azure-native:monitor:ScheduledQueryRule": _in_group(
        "Microsoft.Insights/scheduledQueryRules/{ruleName}", "2025-01-01-preview"
    ),
    "azure-native:operationalinsights:Query": _in_group(
        "Microsoft.OperationalInsights/queryPacks/{queryPackName}/queries/{id}",
        "2023-09-01",
        tagged=False,
    ),
    "azure-native:operationalinsights:QueryPack": _in_group(
        "Microsoft.OperationalInsights/queryPacks/{queryPackName}", "2023-09-01"
    ),
    "azure-native:operationalinsights:Workspace": _in_group(
        "Microsoft.OperationalInsights/workspaces/{workspaceName}", "2023-09-01"
    ),
    "azure-native:resources:Deployment": _deployment,
    "azure-native:resources:ResourceGroup": _by_id(_GROUP, "2024-03-01", tagged=True),
    "azure-native:storage:Blob": _blob,
    "azure-native:storage:BlobContainer": _in_group(
        "Microsoft.Storage/storageAccounts/{accountName}/blobServices/default"
        "/containers/{containerName}",
        "2024-01-01",
        tagged=False,
    ),
    "azure-native:storage:ManagementPolicy": _in_group(
        "Microsoft.Storage/storageAccounts/{accountName}/managementPolicies/{managementPolicyName}",
        "2024-01-01",
        tagged=False,
    ),
    "azure-native:storage:StorageAccount": _in_group(
        "Microsoft.Storage/storageAccounts/{accountName}", "2024-01-01"
    ),
    "azure-native:web:AppServicePlan": _in_group("Microsoft.Web/serverfarms/{name}", "2025-05-01"),
    "azure-native:web:WebApp": _in_group("Microsoft.Web/sites/{name}", "2025-05-01"),
    # A document is written over, a key's version is only read, and a wait is waited again.
    "pulumi-python:dynamic/signet:Document": _put_again,
    "pulumi-python:dynamic/signet:InForce": _put_again,
    "pulumi-python:dynamic/signet:KeyVersion": _put_again,
}
"""API versions: those that the installed provider's own types use."""
