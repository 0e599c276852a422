"""How ministack is started: its command, its whole environment, and how it shows that it serves."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from sandbox import ministack_venv
from sandbox.processes import MARK
from sandbox.service import Say, Service

_SERVER = Path(__file__).with_name("ministack_server.py")


def prepare(environ: Mapping[str, str], say: Say) -> list[str]:
    """Our server file for the emulator's own Python; `-P` keeps this repository off its path."""
    return [str(ministack_venv.ensure(environ, say)), "-P", str(_SERVER)]


def environment(folder: Path, sandbox_id: str, port: int) -> dict[str, str]:
    """All that the emulator gets to see: nothing of the person's own environment reaches it.

    Its Lambda functions inherit this, so a credential that stood here would stand there.
    """
    data = folder / "ministack"
    return {
        MARK: sandbox_id,
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "HOME": str(data),
        "LANG": "C.UTF-8",
        "TMPDIR": str(folder / "tmp"),
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "MINISTACK_HOST": "localhost",
        "LAMBDA_EXECUTOR": "local",
        "PERSIST_STATE": "1",
        "STATE_DIR": str(data / "state"),
        "S3_PERSIST": "1",
        "S3_DATA_DIR": str(data / "s3"),
        "SFTP_ENABLED": "0",
        "IOT_MTLS_ENABLED": "0",
        # Where a Docker daemon runs, ministack would remove containers that it takes for its own.
        "DOCKER_HOST": f"unix://{data}/no-docker.sock",
        "LOG_LEVEL": "INFO",
    }


def serves(port: int) -> bool:
    """Whether ministack answers there."""
    url = f"http://127.0.0.1:{port}/_ministack/health"
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=2) as answer:
            return isinstance(json.load(answer).get("services"), dict)
    except (OSError, ValueError, AttributeError, urllib.error.URLError):
        return False


SERVICE = Service("aws", prepare, environment, serves, memory="ministack/state")
