"""No test may reach a real account, a real stack, this machine's state, or the open network."""

import ipaddress
import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

# Whatever a developer's shell says about clouds and stacks must not decide a test.
_FOREIGN = ("AWS_", "AZURE_", "ARM_", "GOOGLE_", "CLOUDSDK_", "GCLOUD_", "PULUMI_", "SIGNET_")
_KEPT = {"SIGNET_CACHE_DIR", "SIGNET_PULUMI", "SIGNET_VECTORS", "AWS_CA_BUNDLE"}
_SESSION = pytest.StashKey[Path]()

# Generous with time, because two busy cores make a single example arbitrarily slow.
settings.register_profile("house", deadline=None, print_blob=True)
settings.load_profile("house")


def pytest_configure(config: pytest.Config) -> None:
    """Clear the environment before anything is imported that reads it."""
    for name in [name for name in os.environ if name.startswith(_FOREIGN) and name not in _KEPT]:
        del os.environ[name]
    home = Path(tempfile.mkdtemp(prefix="signet-tests-"))
    config.stash[_SESSION] = home
    os.environ |= {
        "SIGNET_STATE_DIR": str(home / "state"),
        "PULUMI_HOME": str(home / "pulumi"),
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AZURE_CONFIG_DIR": str(home / "azure"),
        "CLOUDSDK_CONFIG": str(home / "gcloud"),
        "NO_COLOR": "1",
    }


def pytest_unconfigure(config: pytest.Config) -> None:
    """Leave nothing behind."""
    home = config.stash.get(_SESSION, None)
    if home is not None:
        shutil.rmtree(home, ignore_errors=True)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Where two processes share the tests, begin with the engine's files.

    A file stays whole (`--dist loadfile`), and one of these takes minutes: begun last, it would
    leave the other process with nothing to do.
    """
    if hasattr(config, "workerinput"):
        first = {item.path for item in items if item.get_closest_marker("engine")}
        items.sort(key=lambda item: item.path not in first)


@pytest.fixture
def state_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state folder of this test's own, also for the processes that it starts."""
    folder = tmp_path / "state"
    monkeypatch.setenv("SIGNET_STATE_DIR", str(folder))
    return folder


def _local(address: Any) -> bool:
    if not isinstance(address, tuple):
        return True  # a Unix socket
    host = str(address[0])
    if host in {"", "localhost"} or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return False


@pytest.fixture(autouse=True)
def _loopback_only(request: pytest.FixtureRequest) -> Iterator[None]:
    """Refuse connections of this process to anywhere but loopback (unless marked `network`)."""
    if request.node.get_closest_marker("network"):
        yield
        return
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if self.family in {socket.AF_INET, socket.AF_INET6} and not _local(address):
            raise PermissionError(f"a test tried to connect to {address!r}")
        connect(self, address)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", guarded)
        yield
