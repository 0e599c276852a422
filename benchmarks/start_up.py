"""How long a person waits for the command's first word, and for set-up with nothing to do."""

import statistics
import subprocess
import sys
import time
from collections.abc import Sequence

from benchmarks.row import Row
from signet.paths import repo_root


def run(quick: bool) -> list[Row]:
    """Start each command a few times; the median counts, because the first fills the disk cache."""
    runs = 5 if quick else 15
    signet = [sys.executable, "-m", "signet.cli.main", "--help"]
    setup = [sys.executable, "tools/setup.py"]
    note = f"median of {runs} starts"
    return [
        Row(name="signet --help", value=_median(signet, runs), unit="s", limit=0.3, note=note),
        Row(name="set-up with nothing to do", value=_median(setup, runs), unit="s", note=note),
        Row(name="an empty Python", value=_median([sys.executable, "-c", ""], runs), unit="s"),
    ]


def _median(command: Sequence[str], runs: int) -> float:
    taken = []
    for _ in range(runs):
        begun = time.perf_counter()
        subprocess.run(
            command, cwd=repo_root(), stdin=subprocess.DEVNULL, capture_output=True, check=True
        )
        taken.append(time.perf_counter() - begun)
    return statistics.median(taken)
