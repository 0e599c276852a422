"""How long the validator bundle takes to build, and how large it is."""

import tempfile
import time
from pathlib import Path

from benchmarks.row import Row
from components import packaging


def run(quick: bool) -> list[Row]:
    """Build it in an empty folder (uv's own cache may be warm), then ask for it again."""
    del quick
    target = packaging.default_target()
    with tempfile.TemporaryDirectory() as folder:
        begun = time.perf_counter()
        built = packaging.build_bundle(target, Path(folder))
        first = time.perf_counter() - begun
        begun = time.perf_counter()
        packaging.build_bundle(target, Path(folder))
        again = time.perf_counter() - begun
    limit = packaging.MAX_BYTES / 1024**2
    return [
        Row(name=f"bundle for Python {target}", value=built.size / 1024**2, unit="MB", limit=limit),
        Row(name="building it", value=first, unit="s", note="wheels from uv's cache, if there"),
        Row(name="asking for it again", value=again, unit="s"),
    ]
