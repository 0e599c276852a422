"""Azure Resource Manager's own protocol, for looking: resources by id, and which names are free.

Source: REST reference of Azure Resource Manager, "Check Name Availability" of Storage, Key Vault
and App Service, "Vaults - Get Deleted", "Scheduled Query Rules - List By Resource Group". A
resource's answer holds its id, tags and provisioning state, and none of its properties; a list is
one page. Versions of the API are not looked at.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sandbox.azure.http import Refusal
from sandbox.azure.identity import Identity
from sandbox.azure.memory import Memory
from sandbox.fakes.http import Asked, Said, said_json

PREFIX: Final = "/subscriptions/"
AUDIENCE: Final = "https://management.azure.com"
_OF_A_LIST: Final = 2
"""Parts of a path behind `providers`: a namespace and a type, without a name."""
_KEPT: Final = {
    "Microsoft.Storage/storageAccounts": "account",
    "Microsoft.KeyVault/vaults": "vault",
    "Microsoft.Web/sites": "app",
}
"""By the type whose names are unique in Azure: how this fake's keys of them begin."""


class Management:
    """Answers what the program asks before it makes anything."""

    def __init__(self, memory: Memory, identity: Identity) -> None:
        self._memory, self._identity = memory, identity

    def answer(self, asked: Asked) -> Said:
        """Answer a request below `/subscriptions/`."""
        if not self._identity.require(asked, AUDIENCE):
            raise Refusal(401, "AuthenticationFailed", "the Authorization header is missing")
        if not asked.query.get("api-version"):
            raise Refusal(400, "MissingApiVersionParameter")
        if asked.method == "POST" and asked.path.lower().endswith("/checknameavailability"):
            return said_json(200, self._availability(asked.json()))
        if asked.method != "GET":
            raise Refusal(405, "MethodNotAllowed", f"{asked.method} {asked.path}")
        if "/deletedVaults/" in asked.path:
            return self._deleted(asked.path.rpartition("/")[2])
        if len(asked.path.lower().partition("/providers/")[2].split("/")) == _OF_A_LIST:
            return self._list(asked.path)
        return self._resource(asked.path)

    def _availability(self, told: dict[str, Any]) -> dict[str, Any]:
        name, kind = str(told.get("name", "")), str(told.get("type", ""))
        if kind not in _KEPT:
            raise Refusal(400, "InvalidResourceType", kind)
        key = f"{_KEPT[kind]}:{name}"
        with self._memory.looked_at() as known:
            taken = key in known["resources"] or key in known["retired"]
        if not taken:
            return {"nameAvailable": True}
        said = f"The name '{name}' is already in use."
        return {"nameAvailable": False, "reason": "AlreadyExists", "message": said}

    def _deleted(self, name: str) -> Said:
        with self._memory.looked_at() as known:
            was = known["retired"].get(f"vault:{name}")
        if was is None:
            raise Refusal(404, "DeletedVaultNotFound", name)
        return said_json(200, {"name": name, "properties": {"vaultId": was}})

    def _list(self, path: str) -> Said:
        with self._memory.looked_at() as known:
            found = [
                _told(each)
                for each in known["resources"].values()
                if str(each["id"]).lower().rpartition("/")[0] == path.lower()
            ]
        return said_json(200, {"value": found})

    def _resource(self, path: str) -> Said:
        with self._memory.looked_at() as known:
            found = next(
                (
                    each
                    for each in known["resources"].values()
                    if str(each["id"]).lower() == path.lower()
                ),
                None,
            )
        if found is None:
            raise Refusal(404, "ResourceNotFound", path)
        return said_json(200, _told(found))


def _told(found: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": found["id"],
        "name": str(found["id"]).rpartition("/")[2],
        "tags": found["inputs"].get("tags") or {},
        "properties": {"provisioningState": "Succeeded"},
    }
