"""The settings that concern Azure alone: subscription, names, identities and the function's size.

Pure: `components.settings` hands over the reader, which collects the faults of all clouds.
"""

from dataclasses import dataclass
from typing import Final, Literal

from components.azure import names, roles
from components.setting_values import SettingReader
from components.surroundings import Surroundings

_GUID: Final = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_SERVICE: Final = r"none|attach:([\w().-]{1,90}/)?[a-zA-Z][a-zA-Z0-9-]{0,49}"
_ACTION_GROUP: Final = (
    rf"/subscriptions/{_GUID}/resourceGroups/[\w().-]{{1,90}}"
    r"/providers/[mM]icrosoft\.[iI]nsights/actionGroups/[^/?#&%]{1,260}"
)
_MEMORIES: Final = (512, 2048, 4096)
_LEAST_INSTANCES: Final = 40


@dataclass(frozen=True, kw_only=True)
class AzureSettings:
    """Everything that concerns Azure alone."""

    location: str
    subscription: str
    tenant: str
    resource_group: str
    vault: str
    key_sku: Literal["standard", "premium"]
    storage_account: str
    key_administrators: tuple[str, ...]
    """Object ids of who deploys: they manage keys and write documents, and can never sign."""
    issuer_principals: tuple[str, ...]
    """Object ids that may sign, besides the issuer's own identity."""
    function_memory: int
    function_most_instances: int
    function_ready_instances: int
    api_management: str
    """Name of a service that exists, empty for none."""
    api_management_group: str
    """The resource group that it is in; empty: the environment's own."""
    action_group: str
    """Id of an action group that alarms go to; empty: nobody is told."""
    endpoint: names.Endpoint | None
    """The sandbox's Azure; None outside it."""

    @property
    def role_seconds(self) -> int:
        """How long an app's new roles are waited for: the sandbox enforces none."""
        return 0 if self.endpoint is not None else roles.SETTLING_SECONDS

    @property
    def store_url(self) -> str:
        """Address below which the published documents are read."""
        return names.store_url(self.storage_account, self.endpoint)

    @property
    def account_url(self) -> str:
        """Address to which the documents are written."""
        return names.account_url(self.storage_account, self.endpoint)

    @property
    def vault_url(self) -> str:
        """Address of the vault's data plane."""
        return names.vault_url(self.vault, self.endpoint)


def read_azure(read: SettingReader, surroundings: Surroundings, environment: str) -> AzureSettings:
    """Return Azure's settings; faults are left in the reader."""
    ids = "write object ids (GUIDs); `az ad signed-in-user show --query id` prints one's own"
    administrators = read.strings("azureKeyAdministrators", _GUID, ids)
    principals = read.strings("azureIssuerPrincipals", _GUID, ids)
    if not administrators and read.known(["azureKeyAdministrators"]):
        read.fault("azureKeyAdministrators", "nobody could read keys or write documents", ids)
    memory = read.integer("azureFunctionMemory", _MEMORIES[0], _MEMORIES[-1])
    if memory not in _MEMORIES and read.known(["azureFunctionMemory"]):
        read.fault("azureFunctionMemory", "there is no such size", "use 512, 2048 or 4096")
    group, service = _api_management(read)
    port = surroundings.ports.get("azure")
    if surroundings.in_sandbox and port is None:
        read.fault(
            "clouds",
            "this sandbox has no Azure: it was started by an older version",
            "run `signet sandbox stop`, then `signet sandbox start`",
        )
    return AzureSettings(
        location=_required(read, "azureLocation", r"[a-z0-9]+", "write one such as westeurope"),
        subscription=_required(read, "azureSubscriptionId", _GUID, "`az account show` prints it"),
        tenant=_required(read, "azureTenantId", _GUID, "`az account show` prints it"),
        resource_group=read.text(
            "azureResourceGroup", names.GROUP_PATTERN, "use letters, digits, hyphens and dots"
        )
        or f"signet-{environment}",
        vault=_required(
            read,
            "azureVault",
            names.VAULT_PATTERN,
            "use 3 to 24 letters, digits and single hyphens, a letter first; unique in Azure",
        ),
        key_sku="premium"
        if read.choice("azureKeySku", ("standard", "premium")) == "premium"
        else "standard",
        storage_account=_required(
            read,
            "azureStorageAccount",
            names.ACCOUNT_PATTERN,
            "use 3 to 24 lower-case letters and digits; unique in Azure",
        ),
        key_administrators=administrators,
        issuer_principals=principals,
        function_memory=memory,
        function_most_instances=read.integer("azureFunctionMostInstances", _LEAST_INSTANCES, 1_000),
        function_ready_instances=read.integer("azureFunctionReadyInstances", 0, 100),
        api_management=service,
        api_management_group=group,
        action_group=read.text(
            "azureActionGroup",
            _ACTION_GROUP,
            "write the whole id, /subscriptions/.../actionGroups/<name>",
        ),
        endpoint=names.Endpoint(port=port) if surroundings.in_sandbox and port else None,
    )


def _required(read: SettingReader, key: str, pattern: str, remedy: str) -> str:
    value = read.text(key, pattern, remedy)
    if not value:
        read.fault(key, "it is missing", remedy)
    return value


def _api_management(read: SettingReader) -> tuple[str, str]:
    remedy = "write none, attach:<service>, or attach:<resource group>/<service>"
    value = read.text("azureApiManagement", _SERVICE, remedy)
    mode, _, rest = value.partition(":")
    if mode != "attach":
        return "", ""
    group, _, service = rest.rpartition("/")
    return group, service
