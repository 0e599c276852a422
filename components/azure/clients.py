"""Azure's own clients, for what the provider cannot do: keys' public halves and blobs' headers.

Every client signs in with Entra (`DefaultAzureCredential`); no shared key is ever used here.
"""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, TypeVar

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential
    from azure.keyvault.keys import KeyClient
    from azure.storage.blob import BlobClient

ROLE_PATIENCE: Final = 300.0
"""Seconds that a role assignment may take to be in force ("Troubleshoot Azure RBAC")."""

_PAUSE: Final = 10.0
_FORBIDDEN: Final = 403
_NETWORK: Final[dict[str, Any]] = {"connection_timeout": 3, "read_timeout": 10, "retry_total": 2}

T = TypeVar("T")


def credential() -> "TokenCredential":
    """Return the deployer's own identity."""
    from azure.identity import DefaultAzureCredential

    return DefaultAzureCredential()


def keys(vault_url: str) -> "KeyClient":
    """Return a client of one vault's keys."""
    from azure.keyvault.keys import KeyClient

    return KeyClient(vault_url=vault_url, credential=credential(), **_NETWORK)


def blob(account_url: str, container: str, name: str) -> "BlobClient":
    """Return a client of one blob."""
    from azure.storage.blob import BlobClient

    return BlobClient(account_url, container, name, credential=credential(), **_NETWORK)


def once_allowed(
    call: Callable[[], T],
    patience: float = ROLE_PATIENCE,
    sleep: Callable[[float], None] = time.sleep,
) -> T:
    """Call, and again while Azure answers 403: a role made a moment ago is not in force yet."""
    from azure.core.exceptions import HttpResponseError

    waited = 0.0
    while True:
        try:
            return call()
        except HttpResponseError as error:
            if error.status_code != _FORBIDDEN or waited >= patience:
                raise
        sleep(_PAUSE)
        waited += _PAUSE
