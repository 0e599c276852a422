"""Opens a stack for a command: starts the sandbox for its own stacks, and finds the place."""

import contextlib
import importlib
import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from signet import paths
from signet.cli import output
from signet.engine import place, sandbox_marker
from signet.errors import NegativeAnswer

if TYPE_CHECKING:
    from components.planning import Planned
    from signet.engine.stack import EngineStack
    from signet.interrupted import Finder, Wanted
    from signet.rotation_plan import Request


def open_stack(name: str, *, start_sandbox: bool = False, quiet: bool = False) -> "EngineStack":
    """Return the stack by this name, at its place.

    With `start_sandbox` a sandbox stack's sandbox is started when it is not running; without, only
    its files are read. Raises SettingsError; CouldNotCheck when there is no sandbox to read.
    """
    where = locate(name, start_sandbox=start_sandbox, quiet=quiet)
    where.enter()
    from signet.engine.stack import EngineStack

    return EngineStack(where)


def locate(name: str, *, start_sandbox: bool = False, quiet: bool = False) -> place.Place:
    """Return the place of the stack by this name; see `open_stack`."""
    if not place.is_sandbox_stack(name):
        where = place.resolve(name, os.environ)
        if where.in_sandbox and not quiet:
            output.note(f"{name} runs in the sandbox here, not in a cloud", style="warn")
        return where
    from sandbox import supervisor

    sandbox_marker.active()
    state = paths.state_dir()
    if start_sandbox:
        _start(state, place.named_clouds(name), quiet=quiet)
    return place.resolve(name, os.environ, sandbox=supervisor.environment(state))


def _start(state: Path, clouds: Sequence[str], *, quiet: bool) -> None:
    """Start these clouds of the sandbox.

    A sandbox that has forgotten what its stacks record is replaced by a new one.
    """
    from sandbox import supervisor

    def say(line: str) -> None:
        if not quiet:
            output.note(line)

    if supervisor.status(state).memory == "lost":
        output.note(
            "the sandbox was ended before it could save what it held; starting a new one",
            style="warn",
        )
        supervisor.forget(state, say)
    supervisor.start(state, say=say, clouds=clouds)


def make_sandbox_stacks() -> None:
    """Make the sandbox's stacks in its backend, empty, where they are not there yet.

    Plain `pulumi` would ask before it makes one, and would write a salt into the checkout.
    """
    backend = paths.sandbox_dir() / "backend"
    for name in sorted(sandbox_marker.SANDBOX_STACKS):
        if place.state_file(backend, name) is None:
            open_stack(name, quiet=True).create()


def existing_stack(name: str, *, start_sandbox: bool = False, quiet: bool = False) -> "EngineStack":
    """Return a stack that has been made. Raises NegativeAnswer when it has not."""
    stack = open_stack(name, start_sandbox=start_sandbox, quiet=quiet)
    if not stack.exists():
        raise NegativeAnswer(
            f"there is no stack {name} in {stack.place.backend_url or 'the backend'}",
            remedy=f"signet up {name}",
        )
    return stack


def warm_up() -> None:
    """Import in the background what the program will need, while the engine starts.

    Only after a stack was opened: by then the environment is what it stays.
    """

    def load() -> None:
        for name in _NEEDED:
            # Whatever is wrong with it, the program itself will say.
            with contextlib.suppress(Exception):
                importlib.import_module(name)

    threading.Thread(target=load, name="warm-up", daemon=True).start()


_NEEDED = ("components.program", "components.aws.cloud", "boto3")


def program() -> None:
    """Run the program: the same one as `__main__.py`."""
    from components.program import main

    main()


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What an operator asks of a run on top of the schedule; see `components.program.main`."""

    request: "Request | None" = None
    reason: str = ""
    tell: "Callable[[Planned], object]" = lambda _: None
    services: "Path | None" = None
    """A folder of manifests that stands for the one that the settings name."""
    tell_trust: "Callable[[Sequence[str]], object]" = lambda _: None

    def program(self) -> None:
        """Run the program with it."""
        from components.program import main

        main(
            request=self.request,
            reason=self.reason,
            tell=self.tell,
            services=self.services,
            tell_trust=self.tell_trust,
        )


def finder() -> "Finder":
    """Return what looks for resources that a killed run left, in every cloud."""
    from signet.engine.leftovers import by_package

    def in_cloud(name: str) -> "Finder":
        # A cloud's own clients are loaded only where something of it was interrupted.
        def find(wanted: "Wanted") -> "Sequence[str] | None":
            look: Finder = importlib.import_module(f"components.{name}.leftovers").find
            return look(wanted)

        return find

    azure = in_cloud("azure")
    return by_package(
        {
            "aws": in_cloud("aws"),
            "azure-native": azure,
            "gcp": in_cloud("gcp"),
            # Dynamic resources: Azure's documents and key versions.
            "pulumi-python": azure,
        }
    )
