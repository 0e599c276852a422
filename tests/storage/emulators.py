"""Azurite and fake-gcs-server as processes on free loopback ports."""

from __future__ import annotations

import base64
import os
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import jwt
import pytest

from sandbox import ports
from sandbox.azure import tls
from sandbox.fakes.http import Asked, Said, said_json
from sandbox.fakes.server import Server
from signet.paths import cache_dir, repo_root
from tests.runtimes.programs import running
from tests.sandbox.in_process import in_process
from tools.house import emulators
from tools.house.faults import SetupFault


def got(get: Callable[[Path, Path], list[str]]) -> list[str]:
    """An emulator's command. Where it cannot be had a person's tests skip, and CI's fail."""
    try:
        return get(repo_root(), cache_dir())
    except SetupFault as fault:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"it is on no disk here and cannot be got: {fault}")


@contextmanager
def azurite(folder: Path, accounts: list[str]) -> Iterator[dict[str, str]]:
    """Azurite's blob service with these accounts; yields how Microsoft's clients reach it.

    It takes bearer tokens only over TLS and looks at their claims, not at their signature.
    """
    port, certificates = ports.allot(), folder / "azure" / "tls"
    tls.context(certificates)
    known = ";".join(
        f"{name}:{base64.b64encode(secrets.token_bytes(64)).decode()}" for name in accounts
    )
    command = [
        *got(emulators.azurite),
        *("--blobHost", "127.0.0.1", "--blobPort", str(port)),
        *("--inMemoryPersistence", "--disableTelemetry", "--silent", "--oauth", "basic"),
        "--skipApiVersionCheck",  # it is older than the client is
        *("--cert", str(certificates / "server.pem"), "--key", str(certificates / "server.key")),
    ]
    with (
        _identities() as identity,
        running(command, port, folder / "azurite.log", environment={"AZURITE_ACCOUNTS": known}),
    ):
        yield {**identity, "BLOB_PORT": str(port)}


@contextmanager
def _identities() -> Iterator[dict[str, str]]:
    """A managed identity's endpoint whose tokens are shaped as Entra's."""
    port, header, key = ports.allot(), secrets.token_hex(8), secrets.token_bytes(32)

    def answer(asked: Asked) -> Said:
        if asked.headers.get("x-identity-header") != header:
            return Said(401)
        now = int(time.time())
        claims = {
            "aud": asked.query["resource"].rstrip("/"),
            "iss": "https://sts.windows.net/tests/",
            **{"iat": now, "nbf": now - 60, "exp": now + 3600},
        }
        token = jwt.encode(claims, key, "HS256")
        return said_json(200, {"access_token": token, "expires_on": str(now + 3600)})

    with in_process(Server(port, answer)):
        yield {"IDENTITY_ENDPOINT": f"http://127.0.0.1:{port}/token", "IDENTITY_HEADER": header}


@contextmanager
def fake_gcs(folder: Path) -> Iterator[str]:
    """fake-gcs-server with its objects in memory; yields its address."""
    port = ports.allot()
    address = f"127.0.0.1:{port}"
    command = [
        *got(emulators.fake_gcs),
        *("-scheme", "http", "-host", "127.0.0.1", "-port", str(port), "-backend", "memory"),
        *("-public-host", address, "-external-url", f"http://{address}", "-log-level", "warn"),
    ]
    with running(command, port, folder / "fake-gcs.log"):
        yield f"http://{address}"
