"""Names and addresses on Azure, computed from settings alone. Pure.

Limits: "Naming rules and restrictions for Azure resources" (storage accounts 3 to 24 lower-case
letters and digits; vaults 3 to 24; sites 2 to 60; all three unique in the whole of Azure).
"""

import hashlib
import uuid
from dataclasses import dataclass
from typing import Final

ACCOUNT_PATTERN: Final = r"[a-z0-9]{3,24}"
VAULT_PATTERN: Final = r"(?=.{3,24}\Z)[a-zA-Z](-?[a-zA-Z0-9])*"
GROUP_PATTERN: Final = r"[\w().-]{0,89}[\w()-]"
CONTAINER: Final = "keys"
"""Of the published documents; a part of the default issuer."""
CODE_CONTAINER: Final = "bundles"
APP_CONTAINER: Final = "app"
USED_CONTAINER: Final = "used-tokens"

_ACCOUNT_MOST: Final = 24
_CODE_SUFFIX: Final = "code"
_EXCHANGE_SUFFIX: Final = "exchange"
_APP_MOST: Final = 55
"""With room for `-plan` and `-logs` in 60 and 63."""
_DIGITS: Final = 6
# Fixed for good: role assignments are named by it, and a new name would be a second assignment.
_NAMESPACE: Final = uuid.UUID("5f4d1a52-6f0e-5b7e-9d1c-2f0a8f6b7c11")


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """The sandbox's Azure: one loopback port, over HTTP and TLS."""

    port: int

    @property
    def plain(self) -> str:
        """What consumers of public documents read from."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def secure(self) -> str:
        """What Microsoft's clients, which insist on TLS, are given."""
        return f"https://127.0.0.1:{self.port}"


def store_url(account: str, endpoint: Endpoint | None) -> str:
    """Return the address below which the published documents are read."""
    return container_url(account, CONTAINER, endpoint)


def container_url(account: str, container: str, endpoint: Endpoint | None) -> str:
    """Return the address of a container for requests that need no client of Microsoft's."""
    if endpoint is not None:
        return f"{endpoint.plain}/{account}/{container}"
    return f"{account_url(account, None)}/{container}"


def account_url(account: str, endpoint: Endpoint | None) -> str:
    """Return the address to which a client of Blob Storage writes."""
    if endpoint is not None:
        return f"{endpoint.secure}/{account}"
    return f"https://{account}.blob.core.windows.net"


def vault_url(vault: str, endpoint: Endpoint | None) -> str:
    """Return the address of a vault's data plane."""
    return endpoint.secure if endpoint is not None else f"https://{vault}.vault.azure.net"


def code_account(account: str) -> str:
    """Return the name of the storage account that holds code, which keeps shared keys.

    As long a part of the other account's name as fits, and digits of all of it where that is cut.
    """
    return _account_beside(account, _CODE_SUFFIX)


def token_service_account(account: str) -> str:
    """Return the name of the storage account that the token service alone is let into: its code, so
    that no validator's identity can change it, and used tokens."""
    return _account_beside(account, _EXCHANGE_SUFFIX)


def app_container(service: str) -> str:
    """Return the container of one app's host; the environment's own came before the others."""
    return APP_CONTAINER if service == "environment" else f"{APP_CONTAINER}-{service}"


def function_app(environment: str, service: str, account: str) -> str:
    """Return a function app's name, unique in Azure because the storage account's name is."""
    whole = f"signet-{environment}-{service}-{_digits(account)}"
    if len(whole) <= _APP_MOST:
        return whole
    return f"{whole[: _APP_MOST - _DIGITS - 1].rstrip('-')}-{_digits(whole)}"


def token_service(environment: str, account: str) -> str:
    """Return the name of the function app that exchanges tokens, which no service's can be."""
    return f"signet-{_digits(account)}-{environment}-token-service"


def issuer_identity(environment: str, ring: str) -> str:
    """Return the name of the identity that signs for a ring."""
    return f"signet-{environment}-{ring}-issuer"


def validator_identity(environment: str, ring: str) -> str:
    """Return the name of what the validators of a ring run as."""
    return f"signet-{environment}-{ring}-validator"


def group_id(subscription: str, group: str) -> str:
    """Return the Azure Resource Manager id of a resource group."""
    return f"/subscriptions/{subscription}/resourceGroups/{group}"


def identity_id(subscription: str, group: str, name: str) -> str:
    """Return the Azure Resource Manager id of a managed identity."""
    where = group_id(subscription, group)
    return f"{where}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/{name}"


def gateway(environment: str, service: str) -> str:
    """Return what a policy fragment is called; an empty service stands for the environment's."""
    return f"signet-{environment}-{service}" if service else f"signet-{environment}"


def key_name(environment: str, ring: str, generation: int) -> str:
    """Return the name of one generation's key: its own, never reused, never a second version."""
    return f"{environment}-{ring}-{generation}"


def key_id(subscription: str, group: str, vault: str, key: str) -> str:
    """Return the Azure Resource Manager id of a key."""
    where = group_id(subscription, group)
    return f"{where}/providers/Microsoft.KeyVault/vaults/{vault}/keys/{key}"


def guid(*parts: str) -> str:
    """Return the fixed GUID of a role or of an assignment: the same parts, the same name."""
    return str(uuid.uuid5(_NAMESPACE, "/".join(parts)))


def _account_beside(account: str, suffix: str) -> str:
    room = _ACCOUNT_MOST - len(suffix)
    if len(account) <= room:
        return f"{account}{suffix}"
    return f"{account[: room - _DIGITS]}{_digits(account)}{suffix}"


def _digits(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]
