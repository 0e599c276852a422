"""What the sandbox's plugin asks of the fake: resources by kind and name, as a program wrote them.

This is no API of Google's. The rules are: a create never takes an existing resource for the wanted
one (but an object is written over, and a binding is what it was), key rings and keys can never be
deleted, and a bucket must be empty first.
"""

from __future__ import annotations

import hashlib
import time
from typing import Any

from sandbox.fakes.http import Asked, Said, said_json
from sandbox.gcp.http import Refusal
from sandbox.gcp.kms import Kms
from sandbox.gcp.memory import Memory
from sandbox.gcp.run import Services
from sandbox.gcp.storage import stored

PREFIX = "/sandbox/"
_KINDS = frozenset(
    {
        *("ring", "key", "version", "account", "bucket", "object", "binding", "service"),
        *(
            "metric",
            "alertPolicies",
            "notificationChannels",
            "dashboards",
            "savedQueries",
        ),  # kept, and nothing more
    }
)
_PUT = frozenset({"binding", "object"})
"""Kinds of which Google takes a second creation as the first again."""


class Admin:
    """Creates, reads, changes and deletes resources."""

    def __init__(self, memory: Memory, kms: Kms, services: Services) -> None:
        self._memory = memory
        self._kms = kms
        self._services = services

    def answer(self, asked: Asked) -> Said:
        """Answer `METHOD /sandbox/<kind>?name=...`; an object's bytes go to `/sandbox/data`.

        `DELETE /sandbox/objects?name=<bucket>` empties a bucket.
        """
        kind = asked.raw_path.removeprefix(PREFIX)
        if kind == "data" and asked.method == "PUT":
            return said_json(200, {"digest": self._memory.keep(asked.body)})
        name = asked.query.get("name", "")
        if kind == "objects" and asked.method == "DELETE" and name:
            with self._memory.change() as resources:
                for place in self._memory.below(f"object:{name}/"):
                    resources.pop(place, None)
            return said_json(200, {})
        if kind not in _KINDS or not name:
            raise Refusal(404, "NOT_FOUND", f"{asked.method} {asked.target}")
        if asked.method == "POST":
            return said_json(200, self._create(kind, name, asked.json()))
        if asked.method == "GET":
            return said_json(200, self._read(kind, name))
        if asked.method == "PATCH":
            return said_json(200, self._change(kind, name, asked.json()))
        if asked.method == "DELETE":
            self._delete(kind, name)
            return said_json(200, {})
        raise Refusal(405, "METHOD_NOT_ALLOWED", asked.method)

    def _create(self, kind: str, name: str, told: dict[str, Any]) -> dict[str, Any]:
        if kind == "version":
            with self._memory.change() as resources:
                name = self._kms.make_version(resources, name)
            if told["inputs"].get("state") == "DISABLED":
                self._kms.set_state(name, "DISABLED")
            return self._read(kind, name)
        with self._memory.change() as resources:
            if f"{kind}:{name}" in resources and kind not in _PUT:
                raise Refusal(409, "ALREADY_EXISTS", f"{kind} {name} already exists.")
            made = resources[f"{kind}:{name}"] = {"inputs": told["inputs"], "created": _now()}
            self._complete(kind, name, made, told, resources)
        if kind == "service":
            self._try_service(name)
        return self._read(kind, name)

    def _complete(
        self,
        kind: str,
        name: str,
        made: dict[str, Any],
        told: dict[str, Any],
        resources: dict[str, Any],
    ) -> None:
        if kind == "key":
            if f"ring:{name.rpartition('/cryptoKeys/')[0]}" not in resources:
                raise Refusal(404, "NOT_FOUND", f"the KeyRing of {name} was not found")
            if not told["inputs"].get("skipInitialVersionCreation"):
                self._kms.make_version(resources, name)
        if kind == "object":
            bucket = name.partition("/")[0]
            if f"bucket:{bucket}" not in resources:
                raise Refusal(404, "NOT_FOUND", f"The specified bucket does not exist: {bucket}")
            content = self._memory.content(told["digest"])
            made["stored"] = stored(self._memory, told["inputs"], content, time.time())

    def _try_service(self, name: str) -> None:
        try:
            self._services.deploy(name)
        except Refusal:
            with self._memory.change() as resources:
                resources.pop(f"service:{name}", None)
            raise

    def _read(self, kind: str, name: str) -> dict[str, Any]:
        found = self._memory.get(f"{kind}:{name}")
        if found is None:
            raise Refusal(404, "NOT_FOUND", f"{kind} {name}")
        if kind == "service":
            found["port"] = self._services.port(name)
        if kind == "account":
            found["uniqueId"] = str(int(hashlib.sha256(name.encode()).hexdigest()[:16], 16))
        return {"name": name, **found}

    def _change(self, kind: str, name: str, told: dict[str, Any]) -> dict[str, Any]:
        if kind == "version":
            self._kms.set_state(name, str(told["inputs"].get("state") or "ENABLED"))
            return self._read(kind, name)
        before = self._memory.get(f"{kind}:{name}")
        if before is None:
            raise Refusal(404, "NOT_FOUND", f"{kind} {name}")
        with self._memory.change() as resources:
            found = resources[f"{kind}:{name}"]
            found["inputs"] = told["inputs"]
            if kind == "object" and told.get("digest"):
                self._complete(kind, name, found, told, resources)
            elif kind == "object":
                content = self._memory.content(found["stored"]["content"])
                found["stored"] = stored(self._memory, told["inputs"], content, time.time())
        if kind == "service":
            try:
                self._services.deploy(name)
            except Refusal:
                with self._memory.change() as resources:
                    resources[f"service:{name}"] = before
                self._services.deploy(name)  # the revision before keeps all traffic
                raise
        return self._read(kind, name)

    def _delete(self, kind: str, name: str) -> None:
        if kind in ("ring", "key"):
            for place in self._memory.below(f"version:{name}/"):
                self._destroy(place.removeprefix("version:"))
            return
        if kind == "version":
            self._destroy(name)
            return
        held = list(self._memory.below(f"object:{name}/")) if kind == "bucket" else []
        if held and not self._read(kind, name)["inputs"].get("forceDestroy"):
            raise Refusal(409, "FAILED_PRECONDITION", f"The bucket {name} is not empty.")
        if kind == "service":
            self._services.remove(name)
        with self._memory.change() as resources:
            for place in [*held, f"{kind}:{name}"]:
                resources.pop(place, None)

    def _destroy(self, version: str) -> None:
        found = self._memory.get(f"version:{version}")
        if found is not None and found["state"] != "DESTROY_SCHEDULED":
            self._kms.set_state(version, "DESTROY_SCHEDULED")


def _now() -> int:
    return int(time.time())
