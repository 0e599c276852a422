"""What the fake Azure remembers: resources and blobs in one JSON file, contents in files beside it.

The private keys of the fake Key Vault are files of their own, readable by their owner alone; they
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
_EMPTY: dict[str, Any] = {
    "schema": _SCHEMA,
    "resources": {},
    "blobs": {},
    "keys": {},
    "retired": {},
}


class Memory:
    """The fake's whole state. `change` is the only way to write; a kill leaves old or new."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.RLock()
        self._path = folder / "state" / "azure.json"
        for part in ("state", "content", "keys", "apps", "logs"):
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

    @contextmanager
    def looked_at(self) -> Iterator[dict[str, Any]]:
        """Give the state for reading."""
        with self._lock:
            yield self._told

    @contextmanager
    def change(self) -> Iterator[dict[str, Any]]:
        """Give the state for writing; an exception leaves it as it was."""
        with self._lock:
            draft = copy.deepcopy(self._told)
            yield draft
            _replace(self._path, json.dumps(draft, indent=1, sort_keys=True).encode())
            self._told = draft

    def keep(self, content: bytes) -> str:
        """Keep a blob's bytes, and return the hash by which `content` finds them."""
        digest = hashlib.sha256(content).hexdigest()
        path = self._folder / "content" / digest
        if not path.is_file():
            _replace(path, content)
        return digest

    def content(self, digest: str) -> bytes:
        """Return kept bytes."""
        return (self._folder / "content" / digest).read_bytes()

    def keep_key(self, name: str, pem: bytes) -> None:
        """Keep a private key of the fake."""
        path = self._folder / "keys" / f"{name}.pem"
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(pem)

    def key(self, name: str) -> bytes:
        """Return a private key of the fake."""
        return (self._folder / "keys" / f"{name}.pem").read_bytes()

    def forget_key(self, name: str) -> None:
        """Remove a private key of the fake."""
        (self._folder / "keys" / f"{name}.pem").unlink(missing_ok=True)


def _replace(path: Path, data: bytes) -> None:
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=".draft-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        Path(draft).replace(path)
    finally:
        Path(draft).unlink(missing_ok=True)
