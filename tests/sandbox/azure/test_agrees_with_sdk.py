"""The plugin's tables against the installed SDK, so that they agree with more than themselves."""

from __future__ import annotations

import importlib
import inspect
import types
from typing import Any

import pytest

from sandbox.azure import provider
from tests.sandbox.test_agrees_with_sdk import agree, annotations, camel, required, snake

pytestmark = pytest.mark.filterwarnings("ignore:.* in favor of :DeprecationWarning")

PROVIDER = provider()
RESOURCES = sorted(PROVIDER.resources)

# Inputs that the SDK leaves optional, because the real provider makes up a name, and that our
# program always gives; and parts that the sandbox's variant of a type cannot do without.
STRICTER = {
    "azure-native:apimanagement:PolicyFragment": {"id"},
    "azure-native:applicationinsights:Component": {"applicationType", "resourceName"},
    "azure-native:authorization:RoleAssignment": {"roleAssignmentName"},
    "azure-native:authorization:RoleDefinition": {"roleDefinitionId", "roleName"},
    "azure-native:keyvault:Key": {"keyName"},
    "azure-native:keyvault:Vault": {"vaultName"},
    "azure-native:managedidentity:UserAssignedIdentity": {"resourceName"},
    "azure-native:operationalinsights:Workspace": {"workspaceName"},
    "azure-native:resources:Deployment": {"deploymentName"},
    "azure-native:resources:ResourceGroup": {"resourceGroupName"},
    "azure-native:storage:Blob": {"blobName", "source"},
    "azure-native:storage:BlobContainer": {"containerName"},
    "azure-native:storage:StorageAccount": {"accountName"},
    "azure-native:web:AppServicePlan": {"name", "sku"},
    "azure-native:web:WebApp": {"functionAppConfig", "name"},
}

# What the SDK takes as anything: the template of a deployment, and its parameters.
LOOSE = ("properties.template:", "properties.parameters[].value:")


def sdk_module(token: str) -> types.ModuleType:
    _, package, name = token.split(":")
    return importlib.import_module(f"pulumi_azure_native.{package}.{snake(name)}")


def sdk_class(token: str) -> Any:
    return getattr(sdk_module(token), token.rsplit(":", 1)[-1])


def sdk_args(token: str) -> Any:
    module, name = sdk_module(token), token.rsplit(":", 1)[-1]
    return getattr(module, f"{name}InitArgs", None) or getattr(module, f"{name}Args")


@pytest.mark.parametrize("token", RESOURCES)
def test_every_input_is_one_of_the_sdks_and_of_its_type(token: str) -> None:
    found = agree(PROVIDER.resources[token].inputs, sdk_args(token), token)
    # An enum of the SDK's travels as a string.
    assert [one for one in found if "<enum '" not in one and not any(a in one for a in LOOSE)] == []


@pytest.mark.parametrize("token", RESOURCES)
def test_what_is_required_is_required_by_the_sdk_too(token: str) -> None:
    table = {name for name, prop in PROVIDER.resources[token].inputs.items() if prop.required}
    assert table - required(sdk_args(token)) == STRICTER.get(token, set())


@pytest.mark.parametrize("token", RESOURCES)
def test_every_output_is_one_of_the_sdks(token: str) -> None:
    sdk = {
        getattr(value.fget, "_pulumi_name", name)
        for name, value in vars(sdk_class(token)).items()
        if isinstance(value, property)
    }
    assert PROVIDER.resources[token].outputs - sdk == set()


@pytest.mark.parametrize("token", RESOURCES)
def test_the_sdk_sends_this_very_token(token: str) -> None:
    assert sdk_class(token).pulumi_type == token


@pytest.mark.parametrize("token", sorted(PROVIDER.functions))
def test_a_functions_arguments_and_results_are_the_sdks(token: str) -> None:
    function = PROVIDER.functions[token]
    name = token.rsplit(":", 1)[-1]
    module_name = "list_storage_account_service_sas" if "SAS" in name else snake(name)
    module = importlib.import_module(
        f"pulumi_azure_native.{token.split(':')[1]}.{module_name}",
    )
    result = getattr(module, f"{name[0].upper()}{name[1:]}Result")
    results = {
        getattr(value.fget, "_pulumi_name", key)
        for key, value in vars(result).items()
        if isinstance(value, property)
    }
    assert function.outputs == results
    parameters = inspect.signature(getattr(module, module_name)).parameters
    assert set(function.inputs) <= {camel(key) for key in parameters if key != "opts"}


def test_the_plugin_reports_the_sdks_version() -> None:
    import pulumi_azure_native

    version = pulumi_azure_native._utilities.get_version()  # type: ignore[attr-defined]
    assert version == PROVIDER.version


def test_the_providers_settings_are_the_sdks() -> None:
    from pulumi_azure_native.provider import ProviderArgs

    assert set(PROVIDER.config) <= set(annotations(ProviderArgs))
