"""How the fake Azure is started, and how it shows that it serves."""

from __future__ import annotations

import sys
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from sandbox.azure.server import HEALTH, told_by
from sandbox.azure.tls import AUTHORITIES
from sandbox.processes import MARK
from sandbox.service import Say, Service

FOLDER = "azure"


def prepare(environ: Mapping[str, str], say: Say) -> list[str]:
    """Our own Python runs it; `-P` keeps the folder that it is started in off its path."""
    start = (
        "import os, sys; from sandbox.azure.server import main; "
        "main(*(os.environ[n] for n in ('AZURE_FOLDER', 'AZURE_PORT', 'SIGNET_SANDBOX_SERVER')))"
    )
    return [sys.executable, "-P", "-c", start]


def environment(folder: Path, sandbox_id: str, port: int) -> dict[str, str]:
    """All that the server gets to see."""
    return {
        MARK: sandbox_id,
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "TMPDIR": str(folder / "tmp"),
        "AZURE_FOLDER": str(folder / FOLDER),
        "AZURE_PORT": str(port),
    }


def serves(port: int) -> bool:
    """Whether the fake answers there."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"http://127.0.0.1:{port}{HEALTH}", timeout=2) as answer:
            return told_by(answer.read())
    except OSError:
        return False


def client_environment(folder: Path, sandbox_id: str, port: int) -> dict[str, str]:
    """What Microsoft's clients need to reach the fake, with an identity that it knows.

    The credential is pinned, so that no login of the person's own is ever tried.
    """
    return {
        "AZURE_TOKEN_CREDENTIALS": "ManagedIdentityCredential",
        "IDENTITY_ENDPOINT": f"http://127.0.0.1:{port}/msi/token",
        "IDENTITY_HEADER": sandbox_id,
        "REQUESTS_CA_BUNDLE": str(folder / FOLDER / "tls" / AUTHORITIES),
    }


SERVICE = Service("azure", prepare, environment, serves, memory=f"{FOLDER}/state")
