"""The order of set-up, and what it says."""

import json
import os
import sys
from pathlib import Path

from signet.paths import cache_dir
from tools.house import engine, environment, warmth
from tools.house.faults import SetupFault

ROOT = Path(__file__).resolve().parent.parent.parent


def main() -> int:
    """Make the clone ready; 0 when it is, 2 with a problem and a way out when it cannot be."""
    cache = cache_dir()
    try:
        if not (environment.ready(ROOT) and warmth.warm(ROOT) and _remembered_engine(ROOT)):
            environment.make(ROOT, cache)
            warmth.make(ROOT)
            obtained = engine.obtain(ROOT, cache)
            _remember_engine(ROOT, obtained)
            print(f"Ready: .venv, and pulumi {obtained.version} ({obtained.origin})")
    except SetupFault as fault:
        print(fault, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nset-up interrupted; run it again to go on", file=sys.stderr)
        return 130
    return 0


def _engine_key() -> str:
    """What decides which pulumi command is found; a change asks the command again."""
    names = ("SIGNET_PULUMI", "SIGNET_CACHE_DIR", "XDG_CACHE_HOME", "HOME", "PATH")
    ours = [path.stat().st_mtime_ns for path in sorted(engine.beside(ROOT).iterdir())]
    return json.dumps([engine.VERSION, ours, *(os.environ.get(name) for name in names)])


def _remembered_engine(root: Path) -> Path | None:
    """The command that the last set-up found, if it is untouched since; saves starting it."""
    try:
        note = json.loads((root / ".venv" / ".signet-engine").read_text())
        path = Path(note["path"])
        same = note["key"] == _engine_key() and note["mtime"] == path.stat().st_mtime
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return path if same else None


def _remember_engine(root: Path, found: engine.Engine) -> None:
    note = {
        "key": _engine_key(),
        "path": str(found.path),
        "mtime": found.path.stat().st_mtime,
    }
    (root / ".venv" / ".signet-engine").write_text(json.dumps(note))
