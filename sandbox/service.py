"""One server of the sandbox, as the supervisor sees it: a row of `sandbox.supervisor.SERVICES`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

Say = Callable[[str], None]


@dataclass(frozen=True)
class Service:
    """A server with one loopback port.

    `prepare(environ, say)` installs what is missing and answers the command. `environment(folder,
    sandbox id, port)` is all that the process gets to see. `memory` is what it keeps below the
    sandbox's folder, there as soon as it has anything to remember. `also` names further
    ports of its own, which it finds in `sandbox.json`.
    """

    name: str
    prepare: Callable[[Mapping[str, str], Say], list[str]]
    environment: Callable[[Path, str, int], dict[str, str]]
    serves: Callable[[int], bool]
    memory: str
    also: tuple[str, ...] = ()

    def log(self, folder: Path) -> Path:
        """Where its output goes."""
        return folder / "logs" / f"{self.name}.log"
