"""The `pulumi` command: where it is, and whether it is new enough.

Looked for in `SIGNET_PULUMI` (a file), on PATH, and in the cache that `make setup` fills.
"""

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from semver import VersionInfo

from signet import paths
from signet.errors import Fault, SettingsError

VERSION = VersionInfo(3, 259, 0)
"""The version that set-up obtains, and the oldest on which the record of the keys was tried."""


@dataclass(frozen=True)
class Found:
    """A `pulumi` command that will do."""

    path: Path
    version: VersionInfo


def find(environ: Mapping[str, str] | None = None) -> Found:
    """Return the `pulumi` command. Raises SettingsError when there is none that will do.

    One on PATH that is too old gives way to the one that set-up obtained.
    """
    env = os.environ if environ is None else environ
    named = env.get("SIGNET_PULUMI")
    if named:
        return _checked(Path(named).expanduser(), "SIGNET_PULUMI")
    on_path = shutil.which("pulumi", path=env.get("PATH"))
    cached = paths.cache_dir(env) / "engine" / f"v{VERSION}" / "pulumi"
    if on_path and Path(on_path) != cached:
        try:
            return _checked(Path(on_path), "pulumi on PATH")
        except SettingsError:
            if not _runnable(cached):
                raise
    if _runnable(cached):
        # The folder's name tells the version: asking would cost a third of a second every time.
        return Found(cached, VERSION)
    raise SettingsError(
        [
            Fault(
                key="pulumi",
                problem=f"the engine's command is neither on PATH nor at {cached}",
                remedy="run `make setup`, which fetches or builds it once, "
                "or set SIGNET_PULUMI to the one you have",
            )
        ]
    )


def _checked(path: Path, key: str) -> Found:
    found = _examine(path)
    if isinstance(found, Found):
        return found
    raise SettingsError(
        [
            Fault(
                key=key,
                value=str(path),
                problem=found,
                remedy=f"run `make setup`, which obtains v{VERSION}, and take this one away",
            )
        ]
    )


def _examine(path: Path) -> Found | str:
    if not _runnable(path):
        return "is not a file that can be run"
    try:
        told = subprocess.run(
            [str(path), "version"],
            env={**os.environ, "PULUMI_SKIP_UPDATE_CHECK": "true"},
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        ).stdout.strip()
        version = VersionInfo.parse(told.removeprefix("v"))
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        return f"does not tell its version ({error})"
    if version.major != VERSION.major or version < VERSION:
        return f"is version {version}; needed is {VERSION} or later, below {VERSION.major + 1}.0.0"
    return Found(path.absolute(), version)


def _runnable(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)
