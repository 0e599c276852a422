"""Finds an environment's Key Vault keys by their tags, recorded or not."""

import socket
import urllib.parse
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from components.adoption import FoundKey
from components.azure import clients
from components.azure.settings import AzureSettings
from components.azure.tags import ENVIRONMENT, GENERATION, RING
from signet.errors import CouldNotCheck

if TYPE_CHECKING:
    from azure.keyvault.keys import KeyClient

MOST_KEYS: Final = 200
"""More keys than this for one environment is a runaway, and the run stops."""


def find_keys(
    settings: AzureSettings,
    environment: str,
    connect: "Callable[[str], KeyClient]" = clients.keys,
) -> tuple[FoundKey, ...]:
    """Return every signing key that carries this environment's tags, oldest first.

    A key is known by its version, of which each has one. A vault that was never made has no
    address, and no keys. Raises CouldNotCheck when Azure does not answer or refuses.
    """
    from azure.core.exceptions import AzureError, ResourceNotFoundError

    vault = settings.vault_url
    if not _has_address(vault):
        return ()
    client = connect(vault)
    found: list[FoundKey] = []
    try:
        for listed in client.list_properties_of_keys():
            tags = listed.tags or {}
            if tags.get(ENVIRONMENT) != environment or GENERATION not in tags:
                continue
            found.extend(_versions(client, listed.name, tags))
            if len(found) > MOST_KEYS:
                raise CouldNotCheck(
                    f"more than {MOST_KEYS} keys carry the tags of {environment}",
                    where=f"azure: {vault}",
                    remedy="remove the ones that no journal knows before going on",
                )
    except ResourceNotFoundError:
        return ()
    except (AzureError, OSError) as error:
        raise CouldNotCheck(
            "which signing keys exist could not be found out, and making one more might repeat one",
            where=f"azure: {vault}: {' '.join(str(error).split())[:300]}",
            remedy="check credentials and network; the deployer needs keys/read on the vault",
        ) from error
    return tuple(sorted(found, key=lambda key: (key.created_at, key.id)))


def _versions(client: "KeyClient", name: str, tags: dict[str, str]) -> list[FoundKey]:
    return [
        _found(each, tags)
        for each in client.list_properties_of_key_versions(name)
        if each.version is not None
    ]


def _found(version: Any, tags: dict[str, str]) -> FoundKey:
    number = tags.get(GENERATION, "")
    return FoundKey(
        cloud="azure",
        id=str(version.version),
        ring=tags.get(RING, ""),
        generation=int(number) if number.isdecimal() else 0,
        status="enabled" if version.enabled else "disabled",
        created_at=int(version.created_on.timestamp()),
        name=str(version.name),
    )


def _has_address(url: str) -> bool:
    """Whether DNS knows the host. Raises CouldNotCheck where DNS itself does not answer."""
    host = urllib.parse.urlsplit(url).hostname or ""
    try:
        socket.getaddrinfo(host, 443, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        if error.errno == socket.EAI_NONAME:
            return False
        raise CouldNotCheck(
            "which signing keys exist could not be found out",
            where=f"azure: {host}: {error}",
            remedy="check the network, and run it again",
        ) from error
    return True
