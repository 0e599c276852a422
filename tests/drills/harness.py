"""A `signet` command in a process of its own, with a state folder of its own."""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from sandbox import supervisor
from signet.engine import place as places
from signet.paths import repo_root

TIME_LIMIT = 400
CHECKOUT = "SIGNET_DRILL_CHECKOUT"


@dataclass(frozen=True)
class Told:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """The one document on standard output."""
        return dict(json.loads(self.out))

    @property
    def changed(self) -> list[str]:
        """The names of what a run changed."""
        return [change["name"] for change in self.json["changes"]]


@dataclass(frozen=True)
class Here:
    """One state folder, and the settings files of a checkout whose stacks name these clouds."""

    state: Path
    checkout: Path

    def environment(self, **more: str) -> dict[str, str]:
        own = {"SIGNET_STATE_DIR": str(self.state), CHECKOUT: str(self.checkout)}
        return {**os.environ, **own, **more}

    def start(self, *arguments: str, **more: str) -> subprocess.Popen[str]:
        """Start a command and do not wait for it."""
        return self._start("tests.drills.harness", *arguments, **more)

    def signet(self, *arguments: str, **more: str) -> Told:
        """Run a command to its end."""
        return end(self.start(*arguments, **more))

    def done(self, *arguments: str, **more: str) -> Told:
        """Run a command that must succeed."""
        told = self.signet(*arguments, **more)
        assert told.code == 0, told.err + told.out
        return told

    def killed(
        self,
        moment: str,
        number: int,
        *,
        delay: float = 0.3,
        victims: str = "both",
        stack: str = "local",
    ) -> Told:
        """Bring a stack up, and be killed on the way (`tests.drills.killing`)."""
        asked = (moment, str(number), str(delay), victims)
        return end(self._start("tests.drills.killing", *asked, "--", "up", stack))

    def _start(self, module: str, *arguments: str, **more: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            cwd=repo_root(),
            env=self.environment(**more),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


def end(process: subprocess.Popen[str]) -> Told:
    """Wait for a command."""
    try:
        out, err = process.communicate(timeout=TIME_LIMIT)
    except subprocess.TimeoutExpired:
        process.kill()
        out, err = process.communicate()
        raise AssertionError(f"the command did not end:\n{err}\n{out}") from None
    told = Told(process.returncode, out, err)
    _write_down(process, told)
    return told


def _write_down(process: subprocess.Popen[str], told: Told) -> None:
    """Append to the file that `DRILL_TRANSCRIPT` names: the operations pages quote it."""
    if name := os.environ.get("DRILL_TRANSCRIPT"):
        words = process.args if isinstance(process.args, list) else [process.args]
        asked = " ".join(str(word) for word in words[3:])
        with Path(name).open("a", encoding="utf-8") as file:
            test = os.environ.get("PYTEST_CURRENT_TEST", "").partition("::")[2]
            file.write(f"## {test}\n$ signet {asked}\n{told.err}{told.out}# exit {told.code}\n\n")


@contextmanager
def place(state: Path, clouds: tuple[str, ...] = ("aws",)) -> Iterator[Here]:
    """A state folder whose sandbox is gone at the end, whatever happened.

    One cloud unless more are asked for: what these drills are about is the engine and the command.
    """
    checkout = state.with_name(f"{state.name}-checkout")
    checkout.mkdir(parents=True)
    for shipped in repo_root().glob("Pulumi*.yaml"):
        shutil.copy(shipped, checkout)
    yaml = YAML(typ="safe")
    told = yaml.load((checkout / "Pulumi.local.yaml").read_text("utf-8"))
    told["config"]["signet:clouds"] = list(clouds)
    with (checkout / "Pulumi.local.yaml").open("w", encoding="utf-8") as file:
        yaml.dump(told, file)
    try:
        yield Here(state, checkout)
    finally:
        supervisor.forget(state, say=lambda _: None)


def use_checkout() -> None:
    """Let this process's command read the settings files of the drill's own checkout."""
    places.resolve = functools.partial(places.resolve, root=Path(os.environ[CHECKOUT]))


if __name__ == "__main__":
    from signet.cli import main

    use_checkout()
    sys.exit(main.main(sys.argv[1:]))
