"""One command's work on a stack: its turn, its locks, what a killed run left, then the run."""

import argparse
import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from signet.cli import output, stacks
from signet.cli.run_view import RunView
from signet.engine import folder_backend, leftovers, locks
from signet.engine.locks import Lock, Owner
from signet.engine.place import PROJECT
from signet.engine.stack import EngineStack, RunResult, StackLocked, resources_of
from signet.errors import NegativeAnswer

__all__ = ["ReadyStack", "RunResult", "print_outputs", "ready"]


@dataclass(kw_only=True)
class ReadyStack:
    """A stack whose turn it is, free of dead locks, with its state mended."""

    stack: EngineStack
    args: argparse.Namespace
    deadline: float
    repairs: list[str] = field(default_factory=list)
    _told: str = ""

    def up(
        self,
        asked: stacks.Asked | None = None,
        *,
        preview: bool = False,
    ) -> RunResult:
        """Run the program, waiting for the stack where another run holds it."""
        refresh = bool(getattr(self.args, "refresh", False))
        wanted = asked or stacks.Asked(reason=getattr(self.args, "reason", ""))
        if wanted.services is None:
            wanted = replace(wanted, services=getattr(self.args, "services", None))
        with self._view() as view:
            return self._unlocked(
                lambda: self.stack.up(
                    wanted.program,
                    tell=view.tell(),
                    targets=self.args.target,
                    refresh=refresh,
                    preview=preview,
                )
            )

    def destroy(self) -> RunResult:
        """Destroy what the state records."""
        with self._view() as view:
            return self._unlocked(
                lambda: self.stack.destroy(tell=view.tell(), targets=self.args.target)
            )

    def mend(self) -> None:
        """Clear dead locks, and bring what a killed run left into the state."""
        self._await_lock("")
        folder = self.stack.place.backend_folder
        if folder is not None:
            for line in folder_backend.mend(folder, PROJECT, self.stack.place.settings_name):
                self._repaired(line)
        with self._view() as view:
            for line in leftovers.mend(self.stack, stacks.finder(), tell=view.tell()):
                self._repaired(line)

    def _view(self) -> RunView:
        return RunView(quiet=self.args.json, verbose=self.args.verbose)

    def _unlocked(self, run: Callable[[], RunResult]) -> RunResult:
        while True:
            try:
                return run()
            except StackLocked as locked:
                self._await_lock(locked.said)

    def _await_lock(self, refused: str) -> None:
        """Return when it is worth trying. `refused` is what the engine said when it was not.

        Raises NegativeAnswer when the time to wait is over.
        """
        folder = self.stack.place.backend_folder
        first = True
        while True:
            if folder is not None:
                held = locks.of_folder(folder, PROJECT, self.stack.place.settings_name)
            else:
                held = locks.of_message(refused)
            living = [lock for lock in held if not self._cleared(lock)]
            unnamed = bool(refused) and folder is None and not held
            if not living and not unnamed:
                if refused:
                    # Two that start together refuse each other: let one be first.
                    time.sleep(random.uniform(0.1, 1.0))  # noqa: S311  not for secrecy
                return
            if folder is None and not first:
                return  # Only the engine can tell whether such a backend is free by now.
            who = "; ".join(map(str, living)) or "another run"
            if self.args.break_lock:
                self._break(who)
                return
            self._patience(who)
            first = False

    def _patience(self, who: str) -> None:
        if time.monotonic() >= self.deadline:
            raise NegativeAnswer(
                f"{self.stack.name} is held by {who}",
                where=self.stack.place.backend_url or "the state backend",
                remedy="wait for it (--wait 30m), or, when you know that it has ended, "
                "add --break-lock",
            )
        if who != self._told:
            output.note(f"waiting: {self.stack.name} is held by {who}", style="warn")
            self._told = who
        time.sleep(1.0)

    def _cleared(self, lock: Lock) -> bool:
        """Take a lock away when it is certain that its owner is dead."""
        if locks.owner(lock) is not Owner.DEAD:
            return False
        locks.end_remnants(lock)
        if lock.path is not None:
            locks.remove(lock.path)
        else:
            self.stack.cancel()
        self._repaired(f"cleared the lock of a run that died: {lock}")
        return True

    def _break(self, who: str) -> None:
        output.confirm(
            f"{self.stack.name} is held by {who}. If that run still works, both would damage the "
            "state. Take the lock away?",
            yes=bool(getattr(self.args, "yes", False)),
        )
        self.stack.cancel()
        self.args.break_lock = False
        self._repaired(f"took away the lock of {who}")

    def _repaired(self, line: str) -> None:
        self.repairs.append(line)
        output.note(line, style="warn")


@contextmanager
def ready(stack: EngineStack, args: argparse.Namespace) -> Iterator[ReadyStack]:
    """Hold this machine's turn at a stack. Raises NegativeAnswer when the time to wait is over."""
    deadline = time.monotonic() + args.wait
    path = stack.place.work_dir.with_suffix(".lock")

    def waiting(who: str) -> None:
        output.note(f"waiting: {stack.name} is in the hands of {who}", style="warn")

    with locks.turn(path, until=deadline, waiting=waiting) as mine:
        if not mine:
            raise NegativeAnswer(
                f"another signet works on {stack.name}",
                where=path.read_text(encoding="utf-8").strip(),
                remedy="wait for it (--wait 30m)",
            )
        yield ReadyStack(stack=stack, args=args, deadline=deadline)


def print_outputs(stack: str, outputs: Mapping[str, Any]) -> None:
    """Print the outputs that a person wants after a run: names, addresses, and what is amiss."""
    shown = [(name, line) for name in _SHOWN for line in _lines(outputs.get(name))]
    width = max((len(name) for name, _ in shown), default=0)
    for name, line in shown:
        output.say(f"  {name:<{width}}  {line}")
    if shown:
        output.note(f"  all of them: signet outputs {stack}", style="faint")


_SHOWN = ("issuer", "audience", "requiredScope", "jwksUrls", "gateways", "leftovers", "alarms")


def _lines(value: Any, path: str = "") -> list[str]:
    if isinstance(value, Mapping):
        return [
            line
            for key, each in value.items()
            for line in _lines(each, f"{path} {key}" if path else str(key))
        ]
    if isinstance(value, list):
        return [line for each in value for line in _lines(each, path)]
    if value is None or value == "":
        return []
    return [f"{path}: {value}" if path else str(value)]


def recorded(stack: EngineStack) -> int:
    """Return how many resources the state records, without providers and the stack itself."""
    return sum(
        1
        for resource in resources_of(stack.export())
        if resource.get("custom") and not str(resource["type"]).startswith("pulumi:providers:")
    )


def guarded(stack: EngineStack) -> list[str]:
    """Return the names of what the state guards from being destroyed.

    A bucket that may not be deleted with what is in it counts: it would fail after the keys went.
    """
    return [
        str(resource["urn"]).rsplit("::", 1)[-1]
        for resource in resources_of(stack.export())
        if resource.get("protect")
        or (
            resource.get("type") in _BUCKETS
            and not (resource.get("inputs") or {}).get("forceDestroy")
        )
    ]


_BUCKETS = ("aws:s3/bucket:Bucket", "gcp:storage/bucket:Bucket")
"""Azure deletes a storage account with all that is in it."""


def unsettled(stack: EngineStack) -> list[str]:
    """Return what a killed run left, in words."""
    return [
        f"{resource['urn'].rsplit('::', 1)[-1]} was being {operation}"
        for operation, resource in (
            (_DOING.get(kind, kind), each) for kind, each in leftovers.pending(stack.export())
        )
    ]


_DOING = {"creating": "created", "updating": "updated", "deleting": "deleted"}
