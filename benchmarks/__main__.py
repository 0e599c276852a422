"""`make bench`: run every benchmark module, print one table, write `build/bench.json`.

A benchmark is a module beside this one with `run(quick: bool) -> list[Row]`. `onboarding` brings
up a hundred services and takes the better part of an hour: it runs when it is named. Exit 1 when a
figure breaks its limit, 3 when a benchmark could not be run.
"""

import argparse
import importlib
import json
import os
import pkgutil
import platform
import sys
import time
from dataclasses import asdict
from pathlib import Path

import benchmarks
from benchmarks.row import Row
from signet.paths import repo_root

ONLY_WHEN_NAMED = frozenset({"onboarding"})


def main() -> int:
    """Run what was asked for."""
    names = available()
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(names)}")
    parser.add_argument("--quick", action="store_true", help="fewer samples, for a first look")
    parser.add_argument("--json", action="store_true", help="print the JSON instead of the table")
    parser.add_argument("--out", type=Path, default=repo_root() / "build" / "bench.json")
    asked = parser.parse_args()
    unknown = sorted(set(asked.names) - set(names))
    if unknown:
        parser.error(f"no benchmark {', '.join(unknown)}; there are {', '.join(names)}")

    results: dict[str, list[Row]] = {}
    failed: dict[str, str] = {}
    for name in asked.names or [name for name in names if name not in ONLY_WHEN_NAMED]:
        print(f"measuring {name} ...", file=sys.stderr, flush=True)
        try:
            results[name] = importlib.import_module(f"benchmarks.{name}").run(asked.quick)
        except Exception as error:  # noqa: BLE001 -- the others are still worth their figures
            failed[name] = f"{type(error).__name__}: {error}"
    report = json.dumps(
        {
            "machine": machine(),
            "at": int(time.time()),
            "quick": asked.quick,
            "rows": {name: [asdict(row) for row in rows] for name, rows in results.items()},
            "failed": failed,
        },
        indent=1,
    )
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    asked.out.write_text(report + "\n")
    print(report if asked.json else table(results))
    for name, why in failed.items():
        print(f"could not measure {name}: {why}", file=sys.stderr)
    if failed:
        return 3
    return 0 if all(row.kept for rows in results.values() for row in rows) else 1


def available() -> list[str]:
    """Name every module beside this one that is a benchmark."""
    inside = (module.name for module in pkgutil.iter_modules(benchmarks.__path__))
    return sorted(name for name in inside if name not in {"__main__", "row"} and name[0] != "_")


def machine() -> dict[str, str | int]:
    """What the figures were measured on: without it they mean nothing."""
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 0,
        "load_1m": round(os.getloadavg()[0]),
    }


def table(results: dict[str, list[Row]]) -> str:
    """Return the figures as lines that fit a terminal."""
    head = ("", "figure", "limit", "")
    lines = [head]
    for rows in results.values():
        for row in rows:
            sign = ">=" if row.more_is_better else "<="
            limit = "" if row.limit is None else f"{sign} {row.limit:.4g} {row.unit}"
            verdict = row.note if row.kept else f"OVER  {row.note}"
            lines.append((row.name, f"{row.value:.4g} {row.unit}", limit, verdict))
    first, second, third = (max(len(line[column]) for line in lines) for column in range(3))
    return "\n".join(
        f"{name:<{first}}  {figure:>{second}}  {limit:<{third}}  {note}".rstrip()
        for name, figure, limit, note in lines
    )


if __name__ == "__main__":
    sys.exit(main())
