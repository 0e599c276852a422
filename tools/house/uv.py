"""The first tool: uv, hash-pinned, in the cache, by whichever ordinary way this Python has."""

import hashlib
import importlib.util
import os
import shutil
import sys
import tempfile
from pathlib import Path

from tools.house.faults import SetupFault
from tools.house.locked import locked
from tools.house.progress import Progress
from tools.house.run import watch

LIMIT = 300.0
NO_NETWORK = (
    "check the network, or the proxy and mirror settings (HTTPS_PROXY, PIP_INDEX_URL, "
    "UV_DEFAULT_INDEX, SSL_CERT_FILE), and run it again"
)


def environment() -> dict[str, str]:
    """The environment for uv and pip: this one, without what would point them elsewhere."""
    env = {k: v for k, v in os.environ.items() if k not in {"VIRTUAL_ENV", "PYTHONPATH"}}
    env |= {"UV_PYTHON_DOWNLOADS": "never", "UV_NO_PROGRESS": "1", "PIP_NO_INPUT": "1"}
    return env | {"PIP_DISABLE_PIP_VERSION_CHECK": "1"}


def obtain(root: Path, cache: Path) -> Path:
    """Return the uv command that `requirements/tools.txt` pins, installing it if it is missing."""
    lock = root / "requirements" / "tools.txt"
    name = hashlib.sha256(lock.read_bytes()).hexdigest()[:12]
    home = cache / "tools" / f"uv-{name}"
    command = home / "bin" / "uv"
    if command.is_file():
        return command
    with locked(cache / "tools" / ".lock", "uv"):
        if command.is_file():
            return command
        for left in home.parent.glob(".uv-*"):  # by a set-up that was killed: we hold its lock
            shutil.rmtree(left, ignore_errors=True)
        work = Path(tempfile.mkdtemp(prefix=".uv-", dir=home.parent))
        try:
            with Progress("Getting uv, the installer"):
                _install(lock, work)
            (work / "home").rename(home)
        finally:
            shutil.rmtree(work, ignore_errors=True)
    return command


def install(lock: str, target: Path, root: Path, cache: Path, what: str) -> None:
    """Install what `lock` (a path below `root`) names into the folder `target`; a person is told
    that `what` is got.
    """
    place = ["--target", str(target), "--require-hashes", "-r", lock]
    with Progress(f"Getting {what}") as progress:
        done = watch(
            [str(obtain(root, cache)), "pip", "install", "--no-cache", *place],
            env=environment(),
            cwd=root,
            limit=2 * LIMIT,
            on_line=progress.update,
        )
    if not done.ok:
        raise SetupFault(f"uv could not install {what}", NO_NETWORK, done.tail)


def _install(lock: Path, work: Path) -> None:
    pip = _pip(work)
    arguments = ["install", "--quiet", "--require-hashes", "--no-deps", "--only-binary", ":all:"]
    place = ["--target", str(work / "home"), "--requirement", str(lock)]
    done = watch([*pip, *arguments, *place], env=environment(), cwd=work, limit=LIMIT)
    if not done.ok:
        raise SetupFault("pip could not install uv", NO_NETWORK, done.tail)


def _pip(work: Path) -> list[str]:
    """This Python's pip; or one in a throw-away environment, where Python has `ensurepip`."""
    if importlib.util.find_spec("pip"):
        return [sys.executable, "-m", "pip"]
    if importlib.util.find_spec("ensurepip"):
        seed = work / "seed"
        done = watch(
            [sys.executable, "-m", "venv", str(seed)], env=environment(), cwd=work, limit=LIMIT
        )
        if done.ok:
            return [str(seed / "bin" / "python"), "-m", "pip"]
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    raise SetupFault(
        f"this Python ({sys.executable}) has neither pip nor a working venv module",
        f"on Debian and Ubuntu: apt-get install python{version}-venv; elsewhere install pip "
        "for it, or name another Python: make setup PYTHON=...",
    )
