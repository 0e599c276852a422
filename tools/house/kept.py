"""What tests alone need, once for a machine below `<cache>/emulators/`: whole or not at all."""

import hashlib
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from tools.house import go_build
from tools.house.locked import locked


def built(name: str, program: go_build.Program, root: Path, cache: Path) -> list[str]:
    """Return the command of a Go program, built first where it is missing."""
    locks = tuple(str(program.module / lock) for lock in ("go.mod", "go.sum"))

    def fill(work: Path) -> None:
        # Go's caches are each program's own: a build removes them at its end.
        caches = cache / "emulators" / f"go-{name}"
        go_build.build(program, root, cache, caches, work / program.name)

    return [str(obtained(name, locks, root, cache, fill) / program.name)]


def obtained(
    name: str, locks: tuple[str, ...], root: Path, cache: Path, fill: Callable[[Path], None]
) -> Path:
    """Return the folder of `name` under its locks' hash, made whole by `fill` or not at all."""
    digest = hashlib.sha256(b"\0".join((root / lock).read_bytes() for lock in locks)).hexdigest()
    home = cache / "emulators" / f"{name}-{digest[:12]}"
    if home.is_dir():
        return home
    with locked(cache / "emulators" / f".{name}.lock", name):
        if home.is_dir():
            return home
        for left in home.parent.glob(f".{name}-*"):  # by one that was killed: we hold its lock
            if left.is_dir():
                shutil.rmtree(left, ignore_errors=True)
        work = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=home.parent))
        try:
            fill(work)
            work.rename(home)
        finally:
            shutil.rmtree(work, ignore_errors=True)
    return home
