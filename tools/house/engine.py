"""The `pulumi` command: found, or obtained once for this machine.

Order: `SIGNET_PULUMI`, `PATH`, the cache, Pulumi's own installer, a build from its Go module.
Whatever is obtained goes to `<cache>/engine/v<version>/`, where `signet` looks for it.
"""

import os
import re
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tools.house import engine_build, uv
from tools.house.faults import SetupFault
from tools.house.locked import locked
from tools.house.progress import Progress
from tools.house.run import output, watch

VERSION = "3.259.0"
"""The version that is obtained; the locked SDK is the same one."""

MINIMUM = (3, 259, 0)
"""The oldest that is used as found: the record of the keys rests on how `pulumi.Stash` and
`readStackResourceOutputs` behave, and this is the oldest version on which that was tried."""

INSTALLER_LIMIT = 240.0

_MARK = b"Signet's set-up"  # in each file of ours that stands beside a built command
_HOST = "pulumi-language-python"
_BESIDE = {
    "pulumi-resource-pulumi-python": ("pulumi-resource-pulumi-python",),
    _HOST: (_HOST, "signet_language_host.py"),
}
"""What a full installation of Pulumi has and a built command lacks, and our files for it."""

# Runs inside `.venv`, whose SDK knows where Pulumi's installer lives. The short socket time
# limit is for a network that swallows packets instead of refusing them.
_INSTALL = """\
import socket, sys
socket.setdefaulttimeout(10)
from semver import VersionInfo
from pulumi.automation import PulumiCommand
PulumiCommand.install(root=sys.argv[1], version=VersionInfo.parse(sys.argv[2]))
"""


@dataclass(frozen=True)
class Engine:
    """A usable `pulumi` command: its path, its version, and how it was come by."""

    path: Path
    version: str
    origin: str


def folder(cache: Path) -> Path:
    """Where an obtained command lives."""
    return cache / "engine" / f"v{VERSION}"


def find(root: Path, cache: Path) -> Engine | None:
    """Return the command that is there already; a named one that will not do is a fault."""
    named = os.environ.get("SIGNET_PULUMI")
    if named:
        version = version_of(Path(named))
        if version is None or not _usable(version):
            raise SetupFault(
                f"SIGNET_PULUMI names {named}, which "
                + (f"is version {version}" if version else "does not answer `pulumi version`"),
                f"name a pulumi command of version {VERSION} or later, or unset SIGNET_PULUMI",
            )
        return Engine(Path(named), version, "SIGNET_PULUMI")
    on_path = shutil.which("pulumi")
    if on_path:
        version = version_of(Path(on_path))
        if version is not None and _usable(version):
            return Engine(Path(on_path), version, "PATH")
    home = folder(cache)
    if (home / "pulumi").is_file() and not _outdated(root, home):
        return Engine(home / "pulumi", VERSION, "cache")
    return None


def version_of(command: Path) -> str | None:
    """Ask a command for its version: "3.259.0", or None when it gives no sensible answer."""
    env = {**os.environ, "PULUMI_SKIP_UPDATE_CHECK": "true"}
    answer = output([str(command), "version"], env=env)
    match = re.search(r"(\d+\.\d+\.\d+)", answer or "")
    return match[1] if match else None


def _usable(version: str) -> bool:
    """True from `MINIMUM` on, within its major version; `signet` decides by the same rule."""
    parts = tuple(int(part) for part in version.split("."))
    return parts >= MINIMUM and parts[0] == MINIMUM[0]


def obtain(root: Path, cache: Path) -> Engine:
    """Return a usable command, getting one if there is none. `.venv` must be ready."""
    found = find(root, cache)
    if found:
        return found
    home = folder(cache)
    with locked(cache / "engine" / ".lock", "the pulumi command"):
        found = find(root, cache)
        if found:
            return found
        for left in home.parent.glob(".new-*"):  # by a set-up that was killed: we hold its lock
            shutil.rmtree(left, ignore_errors=True)
        work = Path(tempfile.mkdtemp(prefix=".new-", dir=home.parent))
        try:
            if not (home / "pulumi").is_file():
                origin = _fill(root, cache, work)
                home.mkdir(exist_ok=True)
                # The command itself last: its presence is what says that the folder is whole.
                for file in sorted(work.iterdir(), key=lambda path: path.name == "pulumi"):
                    file.replace(home / file.name)
            else:
                origin = "cache"
            _complete(root, home)
        finally:
            shutil.rmtree(work, ignore_errors=True)
    return Engine(home / "pulumi", VERSION, origin)


def _fill(root: Path, cache: Path, work: Path) -> str:
    """Put `pulumi` and what belongs beside it into `work`; say how."""
    if _from_installer(root, work):
        return "Pulumi's installer"
    engine_build.build(root, cache, work / "pulumi", VERSION)
    answer = version_of(work / "pulumi")
    if answer != VERSION:
        raise SetupFault(
            f"the command that was built says it is version {answer}, not {VERSION}",
            "remove build settings such as GOFLAGS from the environment and run it again",
        )
    return "built from its Go module"


def _from_installer(root: Path, work: Path) -> bool:
    """Try Pulumi's own installer; False where it cannot be reached or does not end in time."""
    place = work / "installer"
    python = str(root / ".venv" / "bin" / "python")
    with Progress("Getting the pulumi command by Pulumi's own installer") as progress:
        done = watch(
            [python, "-c", _INSTALL, str(place), VERSION],
            env={**uv.environment(), "PULUMI_SKIP_UPDATE_CHECK": "true"},
            cwd=work,
            limit=INSTALLER_LIMIT,
            on_line=progress.update,
        )
    worked = done.ok and version_of(place / "bin" / "pulumi") == VERSION
    if worked:
        for file in (place / "bin").iterdir():
            file.rename(work / file.name)
    else:
        print("  it cannot be had that way here; building it instead", file=sys.stderr)
    shutil.rmtree(place, ignore_errors=True)
    return worked


def beside(root: Path) -> Path:
    """Where our files for a built command are kept."""
    return root / "tools" / "engine" / "beside"


def _outdated(root: Path, home: Path) -> list[str]:
    """Name our files that `home` lacks or has in another form; Pulumi's own are left alone."""
    wanted: list[str] = []
    for launcher, files in _BESIDE.items():
        there = home / launcher
        if not there.is_file() or _MARK in there.read_bytes():
            wanted += files
    return [name for name in wanted if not _same(beside(root) / name, home / name)]


def _same(ours: Path, theirs: Path) -> bool:
    return theirs.is_file() and theirs.read_bytes() == ours.read_bytes()


def _complete(root: Path, home: Path) -> None:
    """Put our files beside the command, each whole or not at all."""
    for name in _outdated(root, home):
        draft = home / f".{name}-{os.getpid()}"
        shutil.copyfile(beside(root) / name, draft)
        draft.chmod(0o755)
        draft.replace(home / name)
