"""Google's REST APIs, for looking: a bucket, a service account, a Cloud Run service, by name.

Source: references of `storage.buckets.get`, `iam.projects.serviceAccounts.get`,
`run.projects.locations.services.get`, `projects.metrics.get`,
`logging.projects.locations.savedQueries.get`, and the lists of `alertPolicies`,
`notificationChannels` and `dashboards`.
An answer holds what tells whose it is, and little else.
"""

from __future__ import annotations

import json
import urllib.parse
from typing import Any, Final

from sandbox.fakes.http import Said, said_json
from sandbox.gcp.http import Refusal
from sandbox.gcp.memory import Memory

PREFIXES: Final = ("/v1/projects/", "/v2/projects/", "/v3/projects/")
BUCKETS: Final = "/storage/v1/b/"


class Reading:
    """Answers what the program asks before it makes anything."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    def bucket(self, name: str) -> Said:
        """Answer `buckets.get`."""
        found = self._found("bucket", name)
        return said_json(200, {"kind": "storage#bucket", "name": name, "labels": _labels(found)})

    def resource(self, path: str) -> Said:
        """Answer a request below one of `PREFIXES`."""
        name = path.lstrip("/").partition("/")[2]
        if "/serviceAccounts/" in name:
            found = self._found("account", name)
            return said_json(200, {"name": name, "displayName": found.get("displayName", "")})
        if "/services/" in name:
            return said_json(200, {"name": name, "labels": _labels(self._found("service", name))})
        if "/metrics/" in name:
            found = self._found("metric", urllib.parse.unquote(name.rpartition("/")[2]))
            return said_json(200, {"name": name, "description": found.get("description", "")})
        if "/savedQueries/" in name:
            found = self._found("savedQueries", f"projects/{name.removeprefix('projects/')}")
            return said_json(200, {"name": name, "description": found.get("description", "")})
        return said_json(200, self._listed(name))

    def _listed(self, name: str) -> dict[str, Any]:
        project, _, kind = name.rpartition("/")
        if kind not in ("alertPolicies", "notificationChannels", "dashboards"):
            raise Refusal(404, "NOT_FOUND", name)
        found = [
            {"name": key.partition(":")[2], **_told(kind, each["inputs"])}
            for key, each in self._memory.below(f"{kind}:{project}/").items()
        ]
        return {kind: found} if found else {}

    def _found(self, kind: str, name: str) -> dict[str, Any]:
        found = self._memory.get(f"{kind}:{name}")
        if found is None:
            raise Refusal(404, "NOT_FOUND", f"{kind} {name}")
        return dict(found["inputs"])


def _labels(inputs: dict[str, Any]) -> dict[str, str]:
    return dict(inputs.get("labels") or {})


def _told(kind: str, inputs: dict[str, Any]) -> dict[str, Any]:
    if kind == "dashboards":
        return {"displayName": json.loads(inputs["dashboardJson"]).get("displayName", "")}
    return {"displayName": inputs["displayName"], "userLabels": inputs.get("userLabels") or {}}
