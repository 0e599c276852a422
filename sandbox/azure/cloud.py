"""The fake Azure as the plugin's handlers see it: one loopback address, one small protocol."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox.azure.arm import SUBSCRIPTION, TENANT
from sandbox.plugin.spec import Resource
from sandbox.plugin.values import UNKNOWN, Props, has_unknown

_SECONDS = 60.0
_OK = 200


class AzureError(Exception):
    """An answer of the fake that is no success."""


@dataclass
class Azure:
    """Where the fake is, and whose subscription this provider works in."""

    port: int
    secret: str
    subscription: str = SUBSCRIPTION
    tenant: str = TENANT

    def arm(self, verb: str, told: Mapping[str, Any]) -> Props:
        """Call the fake's resource manager."""
        body = json.dumps(dict(told)).encode()
        return dict(json.loads(self._ask("POST", f"/arm/{verb}", {}, body)))

    def put_blob(self, place: str, content: bytes, kind: str, token: str) -> None:
        """Upload one blob."""
        headers = {
            "Authorization": f"Bearer {token}",
            "x-ms-blob-type": "BlockBlob",
            "x-ms-blob-content-type": kind,
        }
        self._ask("PUT", f"/{place}", headers, content)

    def token(self, resource: str) -> str:
        """Return a token of the plugin's own identity."""
        path = f"/msi/token?api-version=2019-08-01&resource={resource}"
        told = json.loads(self._ask("GET", path, {"x-identity-header": self.secret}, b""))
        return str(told["access_token"])

    def _ask(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> bytes:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=_SECONDS)
        try:
            connection.request(method, target, body, {"x-sandbox": self.secret, **headers})
            answer = connection.getresponse()
            told = answer.read()
        finally:
            connection.close()
        if answer.status >= 300:  # noqa: PLR2004 - anything that is no success
            raise AzureError(_message(answer.status, told))
        return told


def _message(status: int, body: bytes) -> str:
    try:
        error = json.loads(body)["error"]
        return f"{status} {error['code']}: {error['message']}"
    except (ValueError, KeyError, TypeError):
        return f"{status}"


def configure(config: Props, environ: Mapping[str, str]) -> Azure:
    """The Azure of the sandbox whose folder the environment names."""
    told = json.loads((Path(environ["SIGNET_SANDBOX"]) / "sandbox.json").read_text("utf-8"))
    return Azure(
        port=int(told["ports"]["azure"]),
        secret=str(told["id"]),
        subscription=config.get("subscriptionId") or SUBSCRIPTION,
        tenant=config.get("tenantId") or TENANT,
    )


def prepare(_cloud: Azure | None, _resource: Resource, inputs: Props) -> Props:
    """Write an app's identities as Azure tells them: by id, and not as the SDK's list of ids."""
    identity = inputs.get("identity")
    named = identity.get("userAssignedIdentities") if isinstance(identity, dict) else None
    if not isinstance(named, list):
        return inputs
    # While an id is unknown, so is the whole: the SDK could not read a list back at preview.
    by_id: Any = UNKNOWN if has_unknown(named) else {each: {} for each in named}
    return {**inputs, "identity": {**(identity or {}), "userAssignedIdentities": by_id}}


def explain(error: Exception) -> str | None:
    """An error as a sentence, with what to do where the sandbox does not answer."""
    if isinstance(error, AzureError):
        return str(error)
    if isinstance(error, ConnectionError):
        return "the sandbox's Azure does not answer; start it with `signet sandbox start`"
    return None
