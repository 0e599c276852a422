"""How a fake cloud is started, and how it shows that it serves."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from sandbox.fakes.server import healthy
from sandbox.processes import MARK
from sandbox.service import Say, Service


def fake(cloud: str, name: str, also: tuple[str, ...] = ()) -> Service:
    """Return the row of a fake: `sandbox.<cloud>.server`, which says `name` when asked for health.

    It finds its folder and port in `<CLOUD>_FOLDER` and `<CLOUD>_PORT`.
    """

    def prepare(environ: Mapping[str, str], say: Say) -> list[str]:  # noqa: ARG001 - nothing to install
        # Our own Python runs it; `-P` keeps the folder that it is started in off its path.
        return [sys.executable, "-P", "-m", f"sandbox.{cloud}.server"]

    def environment(folder: Path, sandbox_id: str, port: int) -> dict[str, str]:
        return {
            MARK: sandbox_id,
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "TMPDIR": str(folder / "tmp"),
            f"{cloud.upper()}_FOLDER": str(folder / cloud),
            f"{cloud.upper()}_PORT": str(port),
        }

    return Service(
        cloud, prepare, environment, lambda port: healthy(port, name), f"{cloud}/state", also
    )
