"""The fake's resources: what Azure Resource Manager would keep, check and do for each type.

The plugin speaks to this over `POST /arm/<verb>`, a protocol of our own and not Azure's. Inputs are
kept as the SDK sends them.
"""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from sandbox.azure.apps import Apps
from sandbox.azure.blobs import Blobs
from sandbox.azure.http import Refusal
from sandbox.azure.memory import Memory
from sandbox.azure.vaults import Vaults
from sandbox.fakes.http import Asked, Said, said_json

TENANT = "00000000-0000-4000-8000-000000000001"
SUBSCRIPTION = "00000000-0000-4000-8000-000000000002"
_MISSING, _CONFLICT, _BAD = 404, 409, 400
_API = "sandbox"

Props = dict[str, Any]


class Arm:
    """Resources by their key: a name that Azure keeps unique, or else the id."""

    def __init__(
        self, memory: Memory, blobs: Blobs, vaults: Vaults, apps: Apps, *, port: int, secret: str
    ) -> None:
        self._memory, self._blobs, self._vaults, self._apps = memory, blobs, vaults, apps
        self._port, self._secret = port, secret
        self._outputs: Mapping[str, Callable[[Props], Props]] = {
            "azure-native:managedidentity:UserAssignedIdentity": _identity,
            "azure-native:keyvault:Key": self._key_outputs,
            "azure-native:web:WebApp": self._app_outputs,
            "azure-native:applicationinsights:Component": _component,
            "azure-native:operationalinsights:Workspace": _workspace,
            "azure-native:storage:StorageAccount": self._account_outputs,
            "azure-native:storage:Blob": self._blob_outputs,
        }

    def answer(self, asked: Asked) -> Said:
        """Answer one call of the plugin."""
        if asked.headers.get("x-sandbox") != self._secret:
            raise Refusal(401, "Unauthorized", "only the sandbox's own plugin speaks here")
        told = asked.json()
        verb = asked.path.rpartition("/")[2]
        if verb == "sas":
            return said_json(200, {"token": self._sas(told["account"], told["path"], told["end"])})
        kind, identity, inputs = told["type"], told["id"], told.get("inputs") or {}
        if verb == "create":
            self._create(kind, identity, inputs)
        elif verb == "update":
            self._update(kind, identity, inputs)
        elif verb == "delete":
            self._delete(kind, identity)
            return said_json(200, {})
        return said_json(200, self._read(kind, identity))

    def _create(self, kind: str, identity: str, inputs: Props) -> None:
        key = key_of(kind, identity)
        with self._memory.drafted() as told:
            if key in told["resources"]:
                # The real provider reads first, and refuses to take over what is there.
                raise Refusal(_CONFLICT, "AlreadyExists", f"{identity} exists already")
            self._refuse_deleted(told, kind, identity)
            told["resources"][key] = {
                "type": kind,
                "id": identity,
                "inputs": inputs,
                "made": str(uuid.uuid4()),
                "principal": str(uuid.uuid4()),
                "secret": secrets.token_hex(16),
            }
        try:
            self._act(kind, identity, inputs, {})
        except BaseException:
            with self._memory.drafted() as told:
                told["resources"].pop(key, None)
            raise

    def _update(self, kind: str, identity: str, inputs: Props) -> None:
        key = key_of(kind, identity)
        with self._memory.drafted() as told:
            if key not in told["resources"]:
                raise Refusal(_MISSING, "ResourceNotFound", identity)
            before = told["resources"][key]["inputs"]
            told["resources"][key]["inputs"] = inputs
        self._act(kind, identity, inputs, before)

    def _read(self, kind: str, identity: str) -> Props:
        with self._memory.looked_at() as told:
            found = told["resources"].get(key_of(kind, identity))
        if found is None or found["type"] != kind:
            return {}
        common = {"name": identity.rpartition("/")[2], "type": kind, "azureApiVersion": _API}
        tell = self._outputs.get(kind)
        more = tell(found) if tell is not None else {}
        return {"id": found["id"], "props": {**common, **found["inputs"], **more}}

    def _delete(self, kind: str, identity: str) -> None:
        key, name = key_of(kind, identity), identity.rpartition("/")[2]
        with self._memory.drafted() as told:
            found = told["resources"].pop(key, None)
            if found and kind.endswith(":Vault") and _protected(found):
                told["retired"][key] = found["id"]
            if found and kind.endswith((":StorageAccount", ":BlobContainer")):
                place = key.partition(":")[2] + "/"
                told["blobs"] = {n: b for n, b in told["blobs"].items() if not n.startswith(place)}
        if found is None:
            return
        if kind.endswith(":Key"):
            self._vaults.delete(name)
        elif kind.endswith(":Vault") and not _protected(found):
            self._vaults.purge(name)
        elif kind.endswith(":WebApp"):
            self._apps.remove(name)

    def _refuse_deleted(self, told: Props, kind: str, identity: str) -> None:
        if kind.endswith(":Vault") and key_of(kind, identity) in told["retired"]:
            raise Refusal(
                _CONFLICT,
                "ConflictError",
                "A vault with the same name already exists in deleted state.",
            )

    def _act(self, kind: str, identity: str, inputs: Props, before: Props) -> None:
        """What follows from a resource beyond being kept."""
        name = identity.rpartition("/")[2]
        if kind.endswith(":Key") and not before:
            vault = str(inputs["vaultName"])
            self._vaults.create(name, vault, inputs["properties"], inputs.get("tags") or {})
        elif kind.endswith(":WebApp") and before:
            self._apps.restart(name)
        elif kind.endswith(":Deployment"):
            self._one_deploy(inputs)

    def _one_deploy(self, inputs: Props) -> None:
        """Carry out the one template that this fake understands."""
        properties = inputs["properties"]
        given = {n: p["value"] for n, p in (properties.get("parameters") or {}).items()}
        for part in properties["template"]["resources"]:
            app, _, what = str(part["name"]).partition("/")
            if part["type"] != "Microsoft.Web/sites/extensions" or what != "onedeploy":
                raise Refusal(_BAD, "InvalidTemplate", f"{part['type']} {part['name']}")
            uri = str(part["properties"]["packageUri"])
            if uri.startswith("[parameters('"):
                uri = str(given[uri.removeprefix("[parameters('").removesuffix("')]")])
            fetched = self._blobs.answer(Asked("GET", _target(uri), {}))
            self._apps.deploy(app, fetched.body)

    def _sas(self, account: str, path: str, until: str) -> str:
        return f"se={until}&sig={self._blobs.signature(account, path, until)}"

    def _key_outputs(self, found: Props) -> Props:
        name = found["id"].rpartition("/")[2]
        with self._memory.looked_at() as told:
            key = told["keys"].get(name) or {"version": "", "enabled": False}
        asked = found["inputs"]["properties"]
        return {
            "keyUri": self._vaults.uri(name),
            "keyUriWithVersion": self._vaults.uri(name, key["version"]),
            "attributes": {"enabled": key["enabled"]},
            "kty": asked["kty"],
            "keySize": asked.get("keySize"),
            "curveName": asked.get("curveName"),
            "keyOps": asked.get("keyOps"),
        }

    def _app_outputs(self, found: Props) -> Props:
        name = found["id"].rpartition("/")[2]
        host = f"{name}.azurewebsites.localhost:{self._port}"
        return {"defaultHostName": host, "hostNames": [host], "state": "Running"}

    def _account_outputs(self, found: Props) -> Props:
        name = found["id"].rpartition("/")[2]
        return {"primaryEndpoints": {"blob": f"http://127.0.0.1:{self._port}/{name}/"}}

    def _blob_outputs(self, found: Props) -> Props:
        given = found["inputs"]
        place = f"{given['accountName']}/{given['containerName']}/{given['blobName']}"
        return {"url": f"http://127.0.0.1:{self._port}/{place}", "name": given["blobName"]}


def key_of(kind: str, identity: str) -> str:
    """Return what a resource is known by: names that are unique in all of Azure stand alone."""
    parts = identity.split("/")
    if kind.endswith(":StorageAccount"):
        return f"account:{parts[-1]}"
    if kind.endswith(":BlobContainer"):
        return f"container:{parts[-5]}/{parts[-1]}"
    if kind.endswith(":WebApp"):
        return f"app:{parts[-1]}"
    if kind.endswith(":Vault"):
        return f"vault:{parts[-1]}"
    return identity.lower()


def _protected(found: Props) -> bool:
    return found["inputs"]["properties"].get("enablePurgeProtection") is True


def _target(uri: str) -> str:
    rest = uri.partition("://")[2]
    return "/" + rest.partition("/")[2]


def _identity(found: Props) -> Props:
    return {"clientId": found["made"], "principalId": found["principal"], "tenantId": TENANT}


def _component(found: Props) -> Props:
    told = f"InstrumentationKey={found['made']}"
    return {"connectionString": told, "instrumentationKey": found["made"], "appId": found["made"]}


def _workspace(found: Props) -> Props:
    return {"customerId": found["made"]}
