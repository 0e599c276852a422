"""A state backend that is a folder, as a killed engine may leave it.

The engine writes through gocloud.dev's `fileblob`: first `<file>.attrs` in place, then the file
itself beside its name, which it renames. A kill in between leaves half an `.attrs`, and after that
the engine cannot read the stack at all ("failed to load checkpoint: EOF"). What `.attrs` holds can
be done without; a missing one means its defaults.
"""

import json
from collections.abc import Iterator
from pathlib import Path


def mend(backend: Path, project: str, stack: str) -> list[str]:
    """Remove half-written side files of a stack; nobody may hold it. Returns what was done."""
    told = []
    for path in _side_files(backend, project, stack):
        if not _whole(path):
            path.unlink(missing_ok=True)
            told.append(f"removed {path.name}, which a killed run had half written")
    for path in _folder(backend, project).glob(f"{stack}.json*.tmp"):
        path.unlink(missing_ok=True)
    return told


def _folder(backend: Path, project: str) -> Path:
    return backend / ".pulumi" / "stacks" / project


def _side_files(backend: Path, project: str, stack: str) -> Iterator[Path]:
    yield from (backend / ".pulumi").glob("*.attrs")
    yield from _folder(backend, project).glob(f"{stack}.json*.attrs")
    yield from (backend / ".pulumi" / "history" / project / stack).glob("*.attrs")


def _whole(path: Path) -> bool:
    try:
        return isinstance(json.loads(path.read_bytes()), dict)
    except FileNotFoundError:
        return True
    except (OSError, ValueError):
        return False
