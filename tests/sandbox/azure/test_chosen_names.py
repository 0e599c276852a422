"""Whether names are free on Azure, against the fake's resource manager."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from azure.core.exceptions import AzureError

from components.azure import names
from components.azure.chosen_names import chosen_names
from components.azure.manager import Manager
from components.collisions import ChosenName
from components.settings import parse
from components.surroundings import Surroundings
from sandbox.azure.arm import SUBSCRIPTION, TENANT
from signet.errors import CouldNotCheck
from tests.sandbox.azure.running import Running

VAULT = {
    "resourceGroupName": "signet-dev",
    "vaultName": "signet-dev",
    "location": "westeurope",
    "properties": {
        "tenantId": TENANT,
        "sku": {"family": "A", "name": "standard"},
        "enablePurgeProtection": True,
    },
}


def asked(running: Running, *, keys: bool = True) -> Mapping[str, ChosenName]:
    raw = {
        "clouds": '["azure"]',
        "home": "azure",
        "audience": "a",
        "azureLocation": "westeurope",
        "azureSubscriptionId": SUBSCRIPTION,
        "azureTenantId": TENANT,
        "azureVault": "signet-dev",
        "azureStorageAccount": "signetdevkeys",
        "azureKeyAdministrators": '["00000000-0000-4000-8000-000000000004"]',
    }
    here = Surroundings(stack="dev", in_sandbox=True, ports={"azure": running.port})
    settings = parse(raw, here).azure
    assert settings is not None
    return {each.value: each for each in chosen_names(settings, "dev", "environment", keys=keys)}


def test_the_names_that_are_one_for_all_of_azure_are_asked_about(running: Running) -> None:
    found = asked(running)
    app = names.function_app("dev", "environment", "signetdevkeys")
    assert list(found) == ["signetdevkeys", "signetdevkeyscode", app, "signet-dev"]
    assert {each.taken() for each in found.values()} == {None}
    assert "signet-dev" not in asked(running, keys=False)


def test_an_account_that_somebody_has_is_taken(running: Running) -> None:
    inputs: dict[str, Any] = {"kind": "StorageV2", "sku": {"name": "Standard_LRS"}}
    inputs |= {"resourceGroupName": "theirs", "accountName": "signetdevkeys"}
    running.create("azure-native:storage:StorageAccount", inputs)
    told = asked(running)["signetdevkeys"].taken()
    assert told == "is not to be had: The name 'signetdevkeys' is already in use."


def test_a_vault_that_is_there_and_one_that_was_deleted_are_told_apart(running: Running) -> None:
    kind = "azure-native:keyvault:Vault"
    identity = running.create(kind, VAULT)
    vault = asked(running)["signet-dev"]
    assert vault.taken() == "is not to be had: The name 'signet-dev' is already in use."
    running.delete(kind, identity)
    assert vault.taken() == "was deleted, and keeps its name until it is purged"
    assert "az keyvault recover --name signet-dev" in vault.remedy


def test_an_azure_that_does_not_answer_could_not_be_checked(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise AzureError("no route")

    monkeypatch.setattr(Manager, "post", fail)
    with pytest.raises(CouldNotCheck):
        asked(running)["signetdevkeys"].taken()
