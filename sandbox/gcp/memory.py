"""What the fake Google Cloud remembers: resources in one JSON file, contents in files beside it.

The private keys of the fake Cloud KMS are files of their own, readable by their owner alone; they
never stand in the JSON file, and nothing hands them out.
"""

from __future__ import annotations

import copy
import hashlib
import json
import os
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_SCHEMA = 1
_EMPTY: dict[str, Any] = {"schema": _SCHEMA, "ports": {}, "resources": {}}


class Memory:
    """The fake's whole state. `change` is the only way to write; a kill leaves old or new."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.RLock()
        self._path = state_file(folder)
        for part in ("state", "content", "keys", "services", "logs"):
            (folder / part).mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
        self._told = self._load()

    @property
    def folder(self) -> Path:
        """Where everything is kept."""
        return self._folder

    def _load(self) -> dict[str, Any]:
        try:
            told: dict[str, Any] = json.loads(self._path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return copy.deepcopy(_EMPTY)
        if told.get("schema") != _SCHEMA:
            msg = f"{self._path} is of another version of this fake"
            raise ValueError(msg)
        return told

    def get(self, place: str) -> dict[str, Any] | None:
        """Return a copy of one resource, None where there is none."""
        with self._lock:
            found: dict[str, Any] | None = self._told["resources"].get(place)
            return copy.deepcopy(found)

    def below(self, prefix: str) -> dict[str, dict[str, Any]]:
        """Return copies of all resources whose place begins so."""
        with self._lock:
            found = self._told["resources"].items()
            return {place: copy.deepcopy(each) for place, each in found if place.startswith(prefix)}

    @contextmanager
    def change(self) -> Iterator[dict[str, Any]]:
        """Give all resources for writing; an exception leaves them as they were."""
        with self._lock:
            draft = copy.deepcopy(self._told)
            yield draft["resources"]
            self._write(draft)

    def port(self, name: str, allot: int) -> int:
        """Return the port that is kept under a name; the first time it is `allot`."""
        with self._lock:
            if name not in self._told["ports"]:
                draft = copy.deepcopy(self._told)
                draft["ports"][name] = allot
                self._write(draft)
            return int(self._told["ports"][name])

    def ports(self) -> set[int]:
        """Return all ports that are taken."""
        with self._lock:
            return set(self._told["ports"].values())

    def _write(self, draft: dict[str, Any]) -> None:
        _replace(self._path, json.dumps(draft, indent=1, sort_keys=True).encode())
        self._told = draft

    def keep(self, content: bytes) -> str:
        """Keep an object's bytes, and return the hash by which `content` finds them."""
        digest = hashlib.sha256(content).hexdigest()
        path = self._folder / "content" / digest
        if not path.is_file():
            _replace(path, content)
        return digest

    def content(self, digest: str) -> bytes:
        """Return kept bytes."""
        return (self._folder / "content" / digest).read_bytes()

    def keep_key(self, version: str, pem: bytes) -> None:
        """Keep a private key of the fake."""
        handle = os.open(self._key(version), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(pem)

    def key(self, version: str) -> bytes:
        """Return a private key of the fake, for signing with it."""
        return self._key(version).read_bytes()

    def _key(self, version: str) -> Path:
        name = hashlib.sha256(version.encode()).hexdigest()
        return self._folder / "keys" / f"{name}.pem"


def state_file(folder: Path) -> Path:
    """Where the fake's record of resources and ports is."""
    return folder / "state" / "gcp.json"


def _replace(path: Path, data: bytes) -> None:
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=".draft-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        Path(draft).replace(path)
    finally:
        Path(draft).unlink(missing_ok=True)
