"""What the fake Azure remembers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sandbox.fakes.memory import FakeMemory

_EMPTY: dict[str, Any] = {"resources": {}, "blobs": {}, "keys": {}, "retired": {}}


class Memory(FakeMemory):
    """Resources, blobs and keys, by the members of `_EMPTY`."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, "azure", _EMPTY, ["apps"])
