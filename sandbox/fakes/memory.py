"""What a fake cloud remembers: a record in one JSON file, contents and keys in files beside it.

Private keys are files of their own, readable by their owner alone; they never stand in the JSON
file, and nothing hands them out.
"""

from __future__ import annotations

import copy
import hashlib
import json
import os
import tempfile
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_SCHEMA = 1


class FakeMemory:
    """A fake's whole state. `drafted` is the only way to write; a kill leaves old or new."""

    def __init__(
        self, folder: Path, name: str, empty: Mapping[str, Any], folders: Iterable[str]
    ) -> None:
        """`name` is the file's, `empty` its members at first, `folders` further ones to make."""
        self._folder = folder
        self._lock = threading.RLock()
        self._path = folder / "state" / f"{name}.json"
        for part in ("state", "content", "keys", "logs", *folders):
            (folder / part).mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
        self._told = self._load({"schema": _SCHEMA, **empty})

    @property
    def folder(self) -> Path:
        """Where everything is kept."""
        return self._folder

    def _load(self, empty: Mapping[str, Any]) -> dict[str, Any]:
        try:
            told: dict[str, Any] = json.loads(self._path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return copy.deepcopy(dict(empty))
        if told.get("schema") != _SCHEMA:
            msg = f"{self._path} is of another version of this fake"
            raise ValueError(msg)
        return told

    @contextmanager
    def looked_at(self) -> Iterator[dict[str, Any]]:
        """Give the whole record for reading."""
        with self._lock:
            yield self._told

    @contextmanager
    def drafted(self) -> Iterator[dict[str, Any]]:
        """Give the whole record for writing; an exception leaves it as it was."""
        with self._lock:
            draft = copy.deepcopy(self._told)
            yield draft
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

    def keep_key(self, name: str, pem: bytes) -> None:
        """Keep a private key of the fake."""
        handle = os.open(self._key(name), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(pem)

    def key(self, name: str) -> bytes:
        """Return a private key of the fake, for signing with it."""
        return self._key(name).read_bytes()

    def forget_key(self, name: str) -> None:
        """Remove a private key of the fake."""
        self._key(name).unlink(missing_ok=True)

    def _key(self, name: str) -> Path:
        # Hashed, because a key version's name of Google's holds slashes.
        return self._folder / "keys" / f"{hashlib.sha256(name.encode()).hexdigest()}.pem"


def _replace(path: Path, data: bytes) -> None:
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=".draft-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        Path(draft).replace(path)
    finally:
        Path(draft).unlink(missing_ok=True)
