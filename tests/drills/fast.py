"""One stack whose keys live for minutes, with what a drill needs to look at it and to harm it."""

from __future__ import annotations

import hashlib
import json
import time
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from components.break_glass import BreakGlass, hands
from sandbox import supervisor
from sandbox.fakes.faults import FILE as FAULTS
from signet.cli import keys_look
from signet.engine import place
from signet.engine.stack import EngineStack
from signet.probing.gateway_call import call, gateways_of
from tests.drills import census
from tests.drills.checkout import Checkout
from tests.drills.harness import Here, Told

STACK = "local-fast"
WAIT = 11
"""Seconds that a key waits after its read-back under this stack's settings (docs/rotation.md)."""


@dataclass(frozen=True)
class Fast(Here):
    """A `local-fast` stack with settings files of its own."""

    files: Checkout = field(kw_only=True)

    def up(self, *more: str) -> Told:
        """Run `signet up` and return how it ended."""
        return self.signet("up", STACK, *more)

    def mended(self) -> Told:
        """Run an ordinary `up`, which must succeed and leave nothing unfinished."""
        told = self.done("up", STACK)
        assert census.unsettled(self.state, STACK) == []
        applied = hashlib.sha256(self.record("journal").encode()).hexdigest()
        assert self.confirmed()["journal_digest"] == applied
        return told

    def record(self, name: str) -> str:
        """The journal or the confirmed record, as the state has it."""
        for each in census.recorded(self.state, STACK):
            if each["urn"].endswith(f"::pulumi:index:Stash::{name}"):
                return str(each["inputs"]["input"])
        raise AssertionError(f"no {name} in the state")

    def keys(self, action: str, *more: str) -> Told:
        """Run `signet keys ACTION`."""
        return self.signet("keys", action, STACK, *more)

    def stack(self) -> EngineStack:
        """The stack as the commands open it, without a process of its own."""
        environment = supervisor.environment(self.state)
        where = place.resolve(STACK, environment, sandbox=environment, root=self.checkout)
        return EngineStack(where)

    def outputs(self) -> dict[str, Any]:
        """The stack's outputs, as its state has them."""
        return self.stack().outputs()

    def confirmed(self) -> dict[str, Any]:
        """The confirmed record, as it stands in the state."""
        told: dict[str, Any] = json.loads(self.record("confirmed"))
        return told

    def active(self) -> tuple[int, str]:
        """Number and `kid` of the key that issuers sign with."""
        told = self.confirmed()
        number = int(told["active"]["environment"])
        return number, str(told["kids"]["environment"][str(number)])

    def active_since(self) -> int:
        """Epoch seconds at which the key that issuers sign with took over."""
        ring = json.loads(self.record("journal"))["rings"]["environment"]
        number = self.active()[0]
        return next(int(g["activated_at"]) for g in ring["generations"] if g["number"] == number)

    def prepared(self) -> str:
        """The `kid` of the newest generation, which is the staged one."""
        kids: Mapping[str, str] = self.confirmed()["kids"]["environment"]
        return kids[max(kids, key=int)]

    def sets(self) -> dict[str, dict[str, Any]]:
        """What each cloud publishes now."""
        found = {}
        for cloud, url in self.outputs()["jwksUrls"].items():
            with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310
                found[cloud] = json.loads(answer.read())
        return found

    def published(self, cloud: str) -> frozenset[str]:
        """The `kid`s in one cloud's set."""
        return frozenset(key["kid"] for key in self.sets()[cloud]["keys"])

    def token(self) -> str:
        """A token of the active key."""
        told = self.done(
            *("token", "issue", "--stack", STACK, "--subject", "drill", "--scope", "demo:read"),
            *("--audience", self.outputs()["audience"]),
        )
        return told.out.strip()

    def answers(self, token: str) -> set[int]:
        """What the stack's gateways answer to a token."""
        gateways = gateways_of(self.outputs())
        return {call(gateway.url, f"Bearer {token}").status for gateway in gateways}

    @contextmanager
    def hands(self) -> Iterator[Mapping[str, BreakGlass]]:
        """Each cloud's data plane, as an intruder with write access (or an operator) has it."""
        stack = self.stack()
        with stack.place.applied():
            yield hands(keys_look.known(stack).settings)

    def tamper(self, cloud: str, body: str) -> bytes:
        """Write a set over the published one, and return the earlier bytes."""
        with self.hands() as clouds:
            held = clouds[cloud].held()
            clouds[cloud].write(body, held)
        return held.body

    def break_(self, cloud: str, path: str, method: str | None = None) -> None:
        """Let a fake cloud refuse what begins with `path`, until `heal`."""
        self._fault(cloud, path=path, **({"method": method} if method else {}))

    def hang(self, cloud: str, path: str, seconds: float) -> None:
        """Let a fake cloud say nothing for so long to what begins with `path`, until `heal`."""
        self._fault(cloud, path=path, seconds=seconds)

    def _fault(self, cloud: str, **fault: Any) -> None:
        told = json.dumps([{"status": 503, **fault}])
        (self.state / "sandbox" / cloud / FAULTS).write_text(told, encoding="utf-8")

    def heal(self, cloud: str) -> None:
        """Let it answer again."""
        (self.state / "sandbox" / cloud / FAULTS).unlink(missing_ok=True)


def wait_out(seconds: float = WAIT) -> None:
    """Wait for what only time brings: a key's waiting time has no short cut."""
    time.sleep(seconds)


@contextmanager
def fast(folder: Path, **settings: Any) -> Iterator[Fast]:
    """A place for a `local-fast` stack; its sandbox is gone at the end, whatever happened."""
    files = Checkout(folder / "checkout")
    # Long enough that no key rotates by itself while a drill looks at something else.
    files.configure(STACK, **{"rotationPeriod": "2h", **settings})
    clouds: Iterable[str] = settings.get("clouds", supervisor.CLOUDS)
    supervisor.start(folder / "state", say=lambda _: None, clouds=clouds)
    try:
        yield Fast(folder / "state", files.root, files=files)
    finally:
        supervisor.forget(folder / "state", say=lambda _: None)
