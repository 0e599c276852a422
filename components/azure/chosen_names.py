"""Whether the names that this environment takes on Azure are free.

Storage accounts, vaults and function apps have names that are one for all of Azure, and a deleted
vault keeps its name until it is purged (REST reference, "Check Name Availability" of each, and
"Vaults - Get Deleted"; the right to ask is a reader's).
"""

from collections.abc import Callable, Iterator
from typing import Final

from components.azure import names
from components.azure.manager import Manager
from components.azure.settings import AzureSettings
from components.collisions import ChosenName
from signet.errors import CouldNotCheck

Connect = Callable[[names.Endpoint | None], Manager]

_VAULTS: Final = "Microsoft.KeyVault", "Microsoft.KeyVault/vaults", "2024-11-01"
_ACCOUNTS: Final = "Microsoft.Storage", "Microsoft.Storage/storageAccounts", "2024-01-01"
_SITES: Final = "Microsoft.Web", "Microsoft.Web/sites", "2025-05-01"
_ANOTHER: Final = "choose another name: these names are one for all of Azure"


def chosen_names(
    settings: AzureSettings,
    environment: str,
    service: str,
    *,
    keys: bool,
    token_service: bool = False,
    connect: Connect = Manager.connect,
) -> Iterator[ChosenName]:
    """Give the names to ask about; `keys` is whether this environment's keys are made on Azure.

    `token_service` is whether its token service is.
    """

    def ask(kind: tuple[str, str, str], name: str) -> Callable[[], str | None]:
        return lambda: _asked(lambda: _taken(connect, settings, kind, name))

    given = settings.storage_account
    accounts = [
        ("storage account", given),
        (
            "storage account (of the code, computed from azureStorageAccount)",
            names.code_account(given),
        ),
    ]
    if token_service:
        what = "storage account (of the token service, computed from azureStorageAccount)"
        accounts.append((what, names.token_service_account(given)))
    for what, account in accounts:
        yield ChosenName(
            setting="azureStorageAccount",
            value=account,
            what=f"Azure: the {what}",
            resource_type="azure-native:storage:StorageAccount",
            recorded_as="name",
            taken=ask(_ACCOUNTS, account),
            remedy=_ANOTHER,
        )
    apps = [("function app", names.function_app(environment, service, given))]
    if token_service:
        apps.append(("token service's function app", names.token_service(environment, given)))
    for what, app in apps:
        yield ChosenName(
            setting="azureStorageAccount",
            value=app,
            what=f"Azure: the {what} (computed from azureStorageAccount)",
            resource_type="azure-native:web:WebApp",
            recorded_as="name",
            taken=ask(_SITES, app),
            remedy=_ANOTHER,
        )
    if keys:
        yield ChosenName(
            setting="azureVault",
            value=settings.vault,
            what="Azure: the Key Vault",
            resource_type="azure-native:keyvault:Vault",
            recorded_as="name",
            taken=ask(_VAULTS, settings.vault),
            remedy=f"{_ANOTHER}. A deleted vault keeps its name for up to 90 days: `az keyvault "
            f"recover --name {settings.vault}` brings it back, `az keyvault purge` frees the name "
            "where purge protection was never on",
        )


def _asked(ask: Callable[[], str | None]) -> str | None:
    from azure.core.exceptions import AzureError

    try:
        return ask()
    except (AzureError, OSError) as error:
        where = f"azure: {' '.join(str(error).split())[:300]}"
        raise CouldNotCheck("whether a name is free", where=where) from error


def _taken(
    connect: Connect, settings: AzureSettings, kind: tuple[str, str, str], name: str
) -> str | None:
    provider, resource_type, version = kind
    manager = connect(settings.endpoint)
    subscription = f"/subscriptions/{settings.subscription}/providers/{provider}"
    told = manager.post(
        f"{subscription}/checkNameAvailability", version, {"name": name, "type": resource_type}
    )
    if told.get("nameAvailable") is not False:
        return None
    if kind is _VAULTS:
        where = f"{subscription}/locations/{settings.location}/deletedVaults/{name}"
        if manager.get(where, version) is not None:
            return "was deleted, and keeps its name until it is purged"
    return f"is not to be had: {told.get('message') or told.get('reason')}"
