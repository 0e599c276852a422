"""What the fake Google Cloud remembers."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sandbox.fakes.memory import FakeMemory

_EMPTY: dict[str, Any] = {"ports": {}, "resources": {}}


class Memory(FakeMemory):
    """Resources by their place, and the ports of services."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, "gcp", _EMPTY, ["services"])

    def get(self, place: str) -> dict[str, Any] | None:
        """Return a copy of one resource, None where there is none."""
        with self.looked_at() as told:
            found: dict[str, Any] | None = told["resources"].get(place)
            return copy.deepcopy(found)

    def below(self, prefix: str) -> dict[str, dict[str, Any]]:
        """Return copies of all resources whose place begins so."""
        with self.looked_at() as told:
            found = told["resources"].items()
            return {place: copy.deepcopy(each) for place, each in found if place.startswith(prefix)}

    @contextmanager
    def change(self) -> Iterator[dict[str, Any]]:
        """Give all resources for writing; an exception leaves them as they were."""
        with self.drafted() as draft:
            yield draft["resources"]

    def port(self, name: str, allot: int) -> int:
        """Return the port that is kept under a name; the first time it is `allot`."""
        with self.looked_at() as told:
            if name in told["ports"]:
                return int(told["ports"][name])
            with self.drafted() as draft:
                draft["ports"][name] = allot
            return allot

    def ports(self) -> set[int]:
        """Return all ports that are taken."""
        with self.looked_at() as told:
            return set(told["ports"].values())
