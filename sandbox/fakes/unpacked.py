"""Bundles, each unpacked once into a folder that its hash names, for whatever runs from it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path


def folder(place: Path, digest: str, unpack: Callable[[Path], object]) -> Path:
    """Return the folder of a bundle below `place`; `unpack` fills it where it is not there yet.

    Two at once are no harm: the first that is whole stays.
    """
    found = place / digest
    if found.is_dir():
        return found
    place.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(dir=place, prefix=".draft-"))
    try:
        unpack(draft)
        draft.rename(found)
    except OSError:
        if not found.is_dir():
            raise
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return found
