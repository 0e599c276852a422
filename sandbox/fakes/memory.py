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


class _Section(dict[str, Any]):
    """A part of the record in a draft: entries are copied when they are taken by their name."""

    def __init__(self, entries: Mapping[str, Any]) -> None:
        super().__init__(entries)
        self.touched: set[str] = set()

    def __getitem__(self, name: str) -> Any:
        if name not in self.touched:
            self[name] = copy.deepcopy(super().__getitem__(name))
        return super().__getitem__(name)

    def __setitem__(self, name: str, value: Any) -> None:
        self.touched.add(name)
        super().__setitem__(name, value)

    def get(self, name: str, default: Any = None) -> Any:
        """Return an entry, as `[name]` does."""
        if name not in self:
            return default
        return self[name]

    def setdefault(self, name: str, default: Any = None) -> Any:
        """Return an entry, put there if it is missing."""
        if name not in self:
            self[name] = default
        return self[name]


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
        self._lines: dict[str, dict[str, str]] = {}
        """By section and entry: its line in the file. Hundreds of services make megabytes of them,
        and to write all of them anew for each change would take longer than all else."""

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
        """Give the whole record for writing; an exception leaves it as it was.

        An entry of a section is copied when it is first taken by its name; what `items` and
        `values` show is for reading alone.
        """
        with self._lock:
            draft = {
                name: _Section(part) if isinstance(part, dict) else part
                for name, part in self._told.items()
            }
            yield draft
            _replace(self._path, self._written(draft))
            self._told = {
                name: dict(part) if isinstance(part, dict) else part for name, part in draft.items()
            }

    def _written(self, draft: Mapping[str, Any]) -> bytes:
        """Return the record as JSON; only entries that a draft touched are written anew."""
        parts = []
        for name in sorted(draft):
            part = draft[name]
            known = self._lines.setdefault(name, {})
            if not isinstance(part, dict):
                parts.append(f"{json.dumps(name)}: {json.dumps(part)}")
                continue
            touched = part.touched if isinstance(part, _Section) else set(part)
            lines = {
                key: known[key]
                if key in known and key not in touched
                else f"{json.dumps(key)}: {json.dumps(value, sort_keys=True)}"
                for key, value in part.items()
            }
            self._lines[name] = lines
            inside = ",\n".join(lines[key] for key in sorted(lines))
            parts.append(f"{json.dumps(name)}: {{\n{inside}\n}}")
        return ("{" + ",\n".join(parts) + "}\n").encode()

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
