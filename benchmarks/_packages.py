"""Where the peers' packages are: installed by their lock into a folder of its own, once."""

import subprocess
import sys
from pathlib import Path

from signet.paths import cache_dir, repo_root
from tools.house import uv


def packages() -> Path:
    """Install `requirements/peers.txt` where that has not been done yet; where it is."""
    lock = repo_root() / "requirements" / "peers.txt"
    place = repo_root() / "build" / "peers"
    mark = place / ".installed"
    if not (mark.is_file() and mark.read_bytes() == lock.read_bytes()):
        command = [str(uv.obtain(repo_root(), cache_dir())), "pip", "install", "--quiet"]
        target = ["--no-deps", "--python", sys.executable, "--target", str(place)]
        subprocess.run(
            [*command, *target, "--require-hashes", "-r", str(lock)],
            check=True,
            env=uv.environment(),
        )
        mark.write_bytes(lock.read_bytes())
    return place
