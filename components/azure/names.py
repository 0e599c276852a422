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

_ACCOUNT_MOST: Final = 24
_CODE_SUFFIX: Final = "code"
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
    if endpoint is not None:
        return f"{endpoint.plain}/{account}/{CONTAINER}"
    return f"{account_url(account, None)}/{CONTAINER}"


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
    room = _ACCOUNT_MOST - len(_CODE_SUFFIX)
    if len(account) <= room:
        return f"{account}{_CODE_SUFFIX}"
    return f"{account[: room - _DIGITS]}{_digits(account)}{_CODE_SUFFIX}"


def app_container(service: str) -> str:
    """Return the container of one app's host; the environment's own came before the others."""
    return APP_CONTAINER if service == "environment" else f"{APP_CONTAINER}-{service}"


def function_app(environment: str, service: str, account: str) -> str:
    """Return a function app's name, unique in Azure because the storage account's name is."""
    whole = f"signet-{environment}-{service}-{_digits(account)}"
    if len(whole) <= _APP_MOST:
        return whole
    return f"{whole[: _APP_MOST - _DIGITS - 1].rstrip('-')}-{_digits(whole)}"


def gateway(environment: str, service: str) -> str:
    """Return what a policy fragment is called; an empty service stands for the environment's."""
    return f"signet-{environment}-{service}" if service else f"signet-{environment}"


def key_name(environment: str, ring: str, generation: int) -> str:
    """Return the name of one generation's key: its own, never reused, never a second version."""
    return f"{environment}-{ring}-{generation}"


def key_id(subscription: str, group: str, vault: str, key: str) -> str:
    """Return the Azure Resource Manager id of a key."""
    where = f"/subscriptions/{subscription}/resourceGroups/{group}"
    return f"{where}/providers/Microsoft.KeyVault/vaults/{vault}/keys/{key}"


def guid(*parts: str) -> str:
    """Return the fixed GUID of a role or of an assignment: the same parts, the same name."""
    return str(uuid.uuid5(_NAMESPACE, "/".join(parts)))


def _digits(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]
