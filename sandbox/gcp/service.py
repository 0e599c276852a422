"""How the fake Google Cloud is started, and how it shows that it serves."""

from __future__ import annotations

import sys
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from sandbox.processes import MARK
from sandbox.service import Say, Service

FOLDER = "gcp"
KMS = "gcp-kms"
"""The port of Cloud KMS, which speaks gRPC."""
_HEALTH = "/sandbox/health"


def prepare(environ: Mapping[str, str], say: Say) -> list[str]:
    """Our own Python runs it; `-P` keeps the folder that it is started in off its path."""
    return [sys.executable, "-P", "-m", "sandbox.gcp.server"]


def environment(folder: Path, sandbox_id: str, port: int) -> dict[str, str]:
    """All that the server gets to see."""
    return {
        MARK: sandbox_id,
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "TMPDIR": str(folder / "tmp"),
        "GCP_FOLDER": str(folder / FOLDER),
        "GCP_PORT": str(port),
    }


def serves(port: int) -> bool:
    """Whether the fake answers there."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"http://127.0.0.1:{port}{_HEALTH}", timeout=2) as answer:
            return b'"fake gcp"' in answer.read()
    except OSError:
        return False


SERVICE = Service("gcp", prepare, environment, serves, memory=f"{FOLDER}/state", also=(KMS,))
