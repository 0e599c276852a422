"""Mutants of the verification package: `python -m tests.mutants [MODULE ...]`.

mutmut changes one thing at a time in the package's functions (3.8.1, installed into
`build/mutants` by its own lock, because nothing else needs it and `.venv` holds exactly what the
tests run on); the tests of `tests/unit/verification` and `tests/vectors` should notice. A mutant
that they do not notice must stand in `explained.toml`, with the reason why the change makes no
difference that matters. Exits 1 where one does not.

Everything happens in a copy of the tree below `build/mutants`. What became of each mutant is kept
beside it, so that the next run of the same code and tests takes up one that broke off.
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PLACE = ROOT / "build" / "mutants"
EXPLAINED = Path(__file__).parent / "explained.toml"
MODULES = (
    "algorithms",
    "claims",
    "decision",
    "encoding",
    "header",
    "keys",
    "policy",
    "routes",
    "strict_json",
    "token",
    "trusted_keys",
)


def install() -> Path:
    """Install mutmut by its lock, once; where it is."""
    from signet.paths import cache_dir
    from tools.house import uv

    lock = ROOT / "requirements" / "mutants.txt"
    packages, mark = PLACE / "packages", PLACE / "installed"
    if not (mark.is_file() and mark.read_bytes() == lock.read_bytes()):
        command = [str(uv.obtain(ROOT, cache_dir())), "pip", "install", "--quiet", "--no-deps"]
        place = ["--python", sys.executable, "--target", str(packages), "--require-hashes"]
        subprocess.run([*command, *place, "-r", str(lock)], check=True, env=uv.environment())
        mark.write_bytes(lock.read_bytes())
    return packages


def copy_tree() -> Path:
    """A fresh copy of what git would track."""
    tree = PLACE / "tree"
    shutil.rmtree(tree, ignore_errors=True)
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (ROOT / name).is_file():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, tree / name)
    with (tree / "pyproject.toml").open("a") as file:
        file.write('\n[tool.mutmut]\nsource_paths = ["validator_functions"]\n')
    return tree


def record_of(tree: Path) -> Path:
    """Where the mutants of just this code under just these tests are written down."""
    digest = hashlib.sha256()
    for folder in ("validator_functions/verification", "tests/unit/verification", "tests/vectors"):
        for path in sorted((tree / folder).rglob("*.py")):
            digest.update(path.read_bytes())
    for path in sorted((tree / "tests").glob("cases/*.py")):
        digest.update(path.read_bytes())
    return PLACE / f"tried-{digest.hexdigest()[:16]}.jsonl"


def explanation(mutant: dict[str, str], explained: dict[str, Any]) -> str | None:
    """Why this mutant may survive: by its own entry, or by a rule for its kind."""
    where = f"{mutant['module']}.{mutant['function']}"
    for entry in explained.get("mutant", []):
        if (entry["function"], entry["was"], entry["now"]) == (where, mutant["was"], mutant["now"]):
            return str(entry["reason"])
    for rule in explained.get("rule", []):
        if (
            re.fullmatch(rule.get("function", ".*"), where)
            and re.search(rule["was"], mutant["was"])
            and re.search(rule["now"], mutant["now"])
        ):
            return str(rule["reason"])
    return None


def report(result: dict[str, Any], explained: dict[str, Any]) -> int:
    """Print what became of the mutants; 1 if one survived without an explanation."""
    survivors = result["survivors"]
    open_ones = [mutant for mutant in survivors if explanation(mutant, explained) is None]
    print(f"\n{'module':<14} {'mutants':>8} {'killed':>8} {'explained':>10} {'unexplained':>12}")
    for module, count in result["tried"].items():
        left = sum(1 for mutant in survivors if mutant["module"] == module)
        unexplained = sum(1 for mutant in open_ones if mutant["module"] == module)
        print(
            f"{module:<14} {count:>8} {count - left:>8} {left - unexplained:>10} {unexplained:>12}"
        )
    print(f"{result['wording']} changes of a refusal's or a fault's wording were not tried.")
    print(f"{result['tests_left_out']} tests slower than half a second took no part.")
    covered, package = set(result["tried"]), ROOT / "validator_functions" / "verification"
    others = sorted(path.stem for path in package.glob("*.py") if path.stem not in covered)
    print(f"Not mutated: {', '.join(others)}.")
    for mutant in open_ones:
        print(f"\nunexplained: {mutant['module']}.{mutant['function']}")
        print(f"  was: {mutant['was']}\n  now: {mutant['now']}")
    if open_ones:
        print(f"\n{len(open_ones)} survivors: write the missing test, or explain them in", end=" ")
        print(EXPLAINED.relative_to(ROOT))
    return 1 if open_ones else 0


def main(arguments: list[str]) -> int:
    """Try the mutants of the named modules, or of all that the run covers."""
    unknown = [
        name
        for name in arguments
        if not (ROOT / "validator_functions" / "verification" / f"{name}.py").is_file()
    ]
    if unknown:
        print(f"no module of the package: {', '.join(unknown)}\n\n{__doc__}", file=sys.stderr)
        return 2
    modules = arguments or list(MODULES)
    packages = install()
    tree = copy_tree()
    environ = os.environ | {
        "MUTMUT_PACKAGES": str(packages),
        "MUTANT_RECORD": str(record_of(tree)),
        "MUTANT_JOBS": os.environ.get("MUTANT_JOBS", str(os.cpu_count() or 1)),
        "SIGNET_VECTORS": os.environ.get("SIGNET_VECTORS", str(ROOT.parent / "shared" / "vectors")),
    }
    command = [sys.executable, "-m", "tests.mutants.runner", *modules]
    run = subprocess.run(command, cwd=tree, env=environ, check=False)
    if run.returncode:
        print(f"\nThe run broke off (exit code {run.returncode}).", file=sys.stderr)
        return 3
    result = json.loads((tree / "mutants.json").read_text())
    return report(result, tomllib.loads(EXPLAINED.read_text()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
