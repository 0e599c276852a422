"""The Google Cloud of the sandbox as the plugin's handlers see it: loopback only."""

from __future__ import annotations

import http.client
import json
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox.plugin.spec import Resource
from sandbox.plugin.values import Props, has_unknown

_SECONDS = 60.0
_OK, _MISSING = 200, 404
LABEL = "goog-pulumi-provisioned"
"""What the real provider adds to every resource that has labels."""


class Refused(Exception):
    """The fake's answer where it is an error."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"googleapi: Error {status}: {message}")
        self.status = status


@dataclass
class Gcp:
    """The fake's address, and the provider's own settings."""

    port: int
    project: str
    region: str
    labels: Mapping[str, str]

    def create(self, kind: str, name: str, inputs: Props, digest: str | None = None) -> Props:
        """Make a resource."""
        return self._ask("POST", kind, name, {"inputs": inputs, "digest": digest})

    def read(self, kind: str, name: str) -> Props | None:
        """Return a resource, None where it is gone."""
        try:
            return self._ask("GET", kind, name)
        except Refused as refused:
            if refused.status != _MISSING:
                raise
            return None

    def change(self, kind: str, name: str, inputs: Props, digest: str | None = None) -> Props:
        """Change a resource in place."""
        return self._ask("PATCH", kind, name, {"inputs": inputs, "digest": digest})

    def delete(self, kind: str, name: str) -> None:
        """Delete a resource; one that is gone is no error."""
        try:
            self._ask("DELETE", kind, name)
        except Refused as refused:
            if refused.status != _MISSING:
                raise

    def empty(self, bucket: str) -> None:
        """Delete every object of a bucket, as the provider does before a forced deletion."""
        self._ask("DELETE", "objects", bucket)

    def keep(self, content: bytes) -> str:
        """Hand an object's bytes over, and return the hash by which to name them."""
        return str(self._send("PUT", "/sandbox/data", content)["digest"])

    def _ask(self, method: str, kind: str, name: str, told: Props | None = None) -> Props:
        query = urllib.parse.urlencode({"name": name})
        body = b"" if told is None else json.dumps(told).encode()
        return self._send(method, f"/sandbox/{kind}?{query}", body)

    def _send(self, method: str, target: str, body: bytes) -> Props:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=_SECONDS)
        try:
            connection.request(method, target, body)
            answer = connection.getresponse()
            told: Props = json.loads(answer.read())
        finally:
            connection.close()
        if answer.status != _OK:
            raise Refused(answer.status, str((told.get("error") or {}).get("message", "")))
        return told


def configure(config: Props, environ: Mapping[str, str]) -> Gcp:
    """The fake of the sandbox whose folder the environment names; its port stands in its record."""
    record = json.loads((Path(environ["SIGNET_SANDBOX"]) / "sandbox.json").read_text("utf-8"))
    return Gcp(
        port=int(record["ports"]["gcp"]),
        project=config.get("project") or "",
        region=config.get("region") or "",
        labels=config.get("defaultLabels") or {},
    )


def with_defaults(cloud: Gcp | None, resource: Resource, inputs: Props) -> Props:
    """Fill in the provider's project, and merge its default labels into a resource's own."""
    if cloud is None:
        return inputs
    found = dict(inputs)
    if "project" in resource.inputs and not found.get("project"):
        found["project"] = cloud.project
    own = found.get("labels") or {}
    if cloud.labels and "labels" in resource.inputs and not has_unknown(own):
        found["labels"] = {**cloud.labels, **own}
    return found


def labels(inputs: Mapping[str, Any]) -> Props:
    """The outputs that tell labels."""
    own = dict(inputs.get("labels") or {})
    return {"labels": own, "effectiveLabels": {**own, LABEL: "true"}, "pulumiLabels": own}


def explain(error: Exception) -> str | None:
    """An error as a sentence, with what to do where the sandbox does not answer."""
    if isinstance(error, ConnectionError):
        return "the sandbox's Google Cloud does not answer; start it with `signet sandbox start`"
    return str(error) if isinstance(error, Refused) else None
