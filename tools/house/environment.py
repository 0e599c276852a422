"""`.venv` at the root: exactly what `requirements/dev.txt` locks, and this tree itself."""

import hashlib
import shutil
import sys
from pathlib import Path

from tools.house import uv
from tools.house.faults import SetupFault
from tools.house.locked import locked
from tools.house.progress import Progress
from tools.house.run import watch

_LOCK = "requirements/dev.txt"
_INPUTS = (_LOCK, "pyproject.toml", "tools/house/environment.py")
_NEEDED_BYTES = 3 * 1024**3


def fingerprint(root: Path) -> str:
    """Hash everything that decides what `.venv` holds."""
    digest = hashlib.sha256(f"{sys.version}\0{root}\0".encode())
    for name in _INPUTS:
        digest.update((root / name).read_bytes() + b"\0")
    return digest.hexdigest()


def ready(root: Path) -> bool:
    """True when `.venv` was made by this set-up from these very inputs."""
    stamp = root / ".venv" / ".signet-setup"
    return stamp.is_file() and stamp.read_text() == fingerprint(root)


def make(root: Path, cache: Path) -> None:
    """Make or mend `.venv`; the stamp is written last, so an interrupted run is repeated."""
    with locked(root / ".cache" / "setup.lock", ".venv"):
        if ready(root):
            return
        _check_disk(root)
        command = uv.obtain(root, cache)
        venv = root / ".venv"
        stamp = venv / ".signet-setup"
        stamp.unlink(missing_ok=True)
        if not _same_python(venv):
            _run([str(command), "venv", "--clear", "--python", sys.executable, str(venv)], root)
        here = ["--python", str(venv / "bin" / "python")]
        with Progress("Installing the locked packages into .venv") as progress:
            _run(
                [str(command), "pip", "sync", "--require-hashes", *here, _LOCK],
                root,
                progress,
            )
            # The lock holds setuptools, so that nothing unpinned is fetched to build ourselves;
            # `compat` is a plain path entry, which starts faster than an import hook.
            build = ["--no-deps", "--no-build-isolation", "--reinstall-package", "signet"]
            config = ["--config-settings", "editable_mode=compat"]
            _run(
                [str(command), "pip", "install", *here, *build, *config, "--editable", "."],
                root,
                progress,
            )
        stamp.write_text(fingerprint(root))


def _same_python(venv: Path) -> bool:
    """True when the environment that is there runs this very Python."""
    config = venv / "pyvenv.cfg"
    link = venv / "bin" / "python"
    if not config.is_file() or not link.exists():
        return False
    wanted = f"{sys.version_info.major}.{sys.version_info.minor}."
    lines = [line.partition("=") for line in config.read_text().splitlines()]
    known = {key.strip(): value.strip() for key, _, value in lines}
    return known.get("version_info", "").startswith(wanted)


def _check_disk(root: Path) -> None:
    free = shutil.disk_usage(root).free
    if free < _NEEDED_BYTES:
        raise SetupFault(
            f"only {free // 1024**2} MB are free where the clone is; "
            f"the locked packages need {_NEEDED_BYTES // 1024**2} MB",
            "free some room, or clone to a larger disk",
        )


def _run(command: list[str], root: Path, progress: Progress | None = None) -> None:
    def show(line: str) -> None:
        if progress is not None:
            progress.update(line)

    done = watch(command, env=uv.environment(), cwd=root, limit=4 * uv.LIMIT, on_line=show)
    if done.ok:
        return
    remedy = uv.NO_NETWORK
    if "No space left" in done.tail:
        remedy = "free some room on the disk and run it again"
    elif "hash mismatch" in done.tail.lower():
        remedy = "the registry or a mirror serves other files than the lock names; do not go on"
    raise SetupFault(f"uv failed ({' '.join(command[1:3])})", remedy, done.tail)
