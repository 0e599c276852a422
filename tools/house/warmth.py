"""What the sandbox and the bundle fetch once, fetched now."""

import hashlib
from pathlib import Path

from tools.house import uv
from tools.house.faults import SetupFault
from tools.house.progress import Progress
from tools.house.run import watch

_INPUTS = (
    "requirements/sandbox.txt",
    "requirements/bundle.txt",
    "requirements/token_service.txt",
    "requirements/token_service_rest.txt",
)


def _note(root: Path) -> Path:
    return root / ".venv" / ".signet-warm"


def _fingerprint(root: Path) -> str:
    digest = hashlib.sha256()
    for name in _INPUTS:
        digest.update((root / name).read_bytes() + b"\0")
    return digest.hexdigest()


def warm(root: Path) -> bool:
    """True when it was all fetched before, under these very locks."""
    return _note(root).is_file() and _note(root).read_text() == _fingerprint(root)


def make(root: Path) -> None:
    """Fetch it, with the code that would fetch it later."""
    if warm(root):
        return
    with Progress("Getting the AWS emulator and the validators' wheels") as progress:
        done = watch(
            [str(root / ".venv" / "bin" / "python"), "-m", "tools.warm"],
            env=uv.environment(),
            cwd=root,
            limit=4 * uv.LIMIT,
            on_line=progress.update,
        )
    if not done.ok:
        raise SetupFault("the sandbox's parts could not be had", uv.NO_NETWORK, done.tail)
    _note(root).write_text(_fingerprint(root))
