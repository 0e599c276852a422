"""The fake Azure as the sandbox starts it, and how clients reach it."""

from __future__ import annotations

from pathlib import Path

from sandbox.azure.tls import AUTHORITIES
from sandbox.fakes.service import fake

FOLDER = "azure"
NAME = "fake azure"
"""What it answers when asked for its health."""


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


SERVICE = fake(FOLDER, NAME)
