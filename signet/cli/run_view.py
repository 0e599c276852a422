"""Shows a run while it goes: a line for each change, and on a terminal what is under way."""

import sys
import threading
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from signet.cli import output

if TYPE_CHECKING:
    from signet.engine.stack import RunResult
    from signet.engine.watch import Change, Tell

_VERBS = {
    "create": ("to create", "created"),
    "update": ("to update", "updated"),
    "replace": ("to replace", "replaced"),
    "delete": ("to delete", "deleted"),
    "import": ("to import", "imported"),
    "refresh": ("to refresh", "refreshed"),
    "same": ("unchanged", "unchanged"),
}
_STYLES = {"create": "good", "import": "good", "update": "warn", "replace": "warn", "delete": "bad"}

_NAMED = 3
"""How many resources the line of what is under way names."""


class RunView:
    """The lines of one run, on standard error; silent with `quiet`."""

    def __init__(self, *, quiet: bool = False, verbose: bool = False) -> None:
        self._quiet = quiet
        self._verbose = verbose
        self._live = sys.stderr.isatty() and not quiet and not verbose
        self._lock = threading.Lock()
        self._under_way: dict[str, Change] = {}
        self._finished = 0
        self._begun = time.monotonic()
        self._stop = threading.Event()
        self._ticker: threading.Thread | None = None

    def __enter__(self) -> "RunView":
        if self._live:
            self._ticker = threading.Thread(target=self._tick, name="run-view", daemon=True)
            self._ticker.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        if self._ticker:
            self._ticker.join()
        with self._lock:
            self._wipe()

    def tell(self) -> "Tell":
        """Return where the engine's events go."""
        from signet.engine.watch import Tell

        return Tell(
            started=self._started,
            changed=self._changed,
            message=self._message,
            raw=self._raw if self._verbose and not self._quiet else None,
        )

    def _started(self, change: "Change") -> None:
        with self._lock:
            self._under_way[change.urn] = change

    def _changed(self, change: "Change") -> None:
        with self._lock:
            self._under_way.pop(change.urn, None)
            self._finished += 1
            if self._quiet:
                return
            self._wipe()
            took = (
                "" if change.seconds is None or change.seconds < 1 else f"  {change.seconds:.0f} s"
            )
            names = f"  [{', '.join(change.properties)}]" if change.op == "update" else ""
            end = "  FAILED" if change.failed else ""
            output.note(
                f"  {change.symbol} {change.type} {change.name}{names}{took}{end}",
                style="bad" if change.failed else _STYLES.get(change.op),
            )

    def _message(self, severity: str, text: str) -> None:
        if self._quiet:
            return
        with self._lock:
            self._wipe()
            output.note(text, style="warn" if severity == "warning" else None)

    def _raw(self, line: str) -> None:
        output.note(f"    {line}", style="faint")

    def _tick(self) -> None:
        while not self._stop.wait(0.5):
            with self._lock:
                sys.stderr.write("\r" + self._status()[:100] + "\x1b[K")
                sys.stderr.flush()

    def _status(self) -> str:
        names = [change.name for change in self._under_way.values()]
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        seconds = time.monotonic() - self._begun
        way = f"; under way: {', '.join(names[:_NAMED])}{more}" if names else ""
        return f"  {seconds:.0f} s, {self._finished} done{way}"

    def _wipe(self) -> None:
        if self._live:
            sys.stderr.write("\r\x1b[K")


def summary(counts: Mapping[str, int], *, planned: bool) -> str:
    """Return `3 created, 1 updated, 20 unchanged`, or `nothing to change` and the like."""
    parts = [
        f"{counts[op]} {words[0 if planned else 1]}"
        for op, words in _VERBS.items()
        if op != "same" and counts.get(op)
    ]
    if not parts:
        return f"no changes; {counts.get('same', 0)} unchanged"
    if counts.get("same"):
        parts.append(f"{counts['same']} unchanged")
    return ", ".join(parts)


def as_json(stack: str, result: "RunResult", *, planned: bool, **more: Any) -> dict[str, Any]:
    """Return what `--json` prints for a run."""
    return {
        "stack": stack,
        "planned": planned,
        "counts": dict(result.counts),
        "changes": _changes(result.changes),
        "seconds": round(result.seconds, 1),
        **more,
    }


def _changes(changes: Sequence["Change"]) -> list[dict[str, Any]]:
    return [
        {
            "op": change.op,
            "type": change.type,
            "name": change.name,
            "urn": change.urn,
            "properties": list(change.properties),
        }
        for change in changes
    ]
