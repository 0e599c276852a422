"""A stack with a token service and platforms of ours, for drills: a checkout of its own.

The platforms send tokens, headers and key sets shaped exactly as GitHub, GitLab, AWS, Entra and
Google do (`tests/cases/platforms.py`); only their issuers are addresses on this machine, which the
sandbox's settings admit. Callers are in a copy of the checkout, so that this one stays as it is.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from signet.paths import repo_root
from tests.unit.exchange.issuers import Issuers, serving
from tests.unit.exchange.world import AUDIENCE_OF


@dataclass(frozen=True)
class Exchanging:
    """A stack of a checkout of its own."""

    stack: str
    root: Path
    state: Path
    issuers: Issuers

    def signet(self, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "signet.cli.main", *arguments],
            cwd=self.root,
            env=os.environ | {"SIGNET_STATE_DIR": str(self.state), "PYTHONPATH": str(self.root)},
            input=stdin,
            capture_output=True,
            text=True,
            timeout=400,
            check=False,
        )

    def configure(self, home: str) -> None:
        """Let the next key be made in `home`; nothing is run."""
        path = self.root / f"Pulumi.{self.stack}.yaml"
        yaml = YAML()
        told = yaml.load(path.read_text(encoding="utf-8"))
        told["config"] |= {
            "signet:tokenService": "create",
            "signet:environmentCallers": "callers.yaml",
            "signet:home": home,
        }
        with path.open("w", encoding="utf-8") as file:
            yaml.dump(told, file)

    def up(self) -> None:
        brought = self.signet("up", self.stack, "--json")
        assert brought.returncode == 0, brought.stderr + brought.stdout

    @property
    def outputs(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.signet("outputs", self.stack, "--json").stdout)
        return found

    def subject(self, identity: str, issuer: str = "", **changes: Any) -> str:
        """A platform's token for this environment, whose `issuer` may be known already."""
        audience = AUDIENCE_OF.get(identity) or issuer or self.outputs["issuer"]
        return self.issuers.platforms[identity].token(audience, int(time.time()), **changes)

    def exchange(self, token: str, *more: str) -> subprocess.CompletedProcess[str]:
        audience = self.outputs["audience"]
        named = ("--stack", self.stack, "--audience", audience)
        return self.signet("token", "exchange", *named, *more, stdin=token)


@contextmanager
def exchanging(factory: pytest.TempPathFactory, stack: str, home: str) -> Iterator[Exchanging]:
    """A stack that is up, with its keys and so its token service in `home`."""
    root = _checkout(factory.mktemp("checkout"))
    with serving() as issuers:
        here = Exchanging(stack, root, factory.mktemp("state"), issuers)
        with (root / "callers.yaml").open("w", encoding="utf-8") as file:
            YAML().dump({"callers": issuers.callers()}, file)
        here.configure(home)
        try:
            here.up()
            yield here
        finally:
            here.signet("down", stack, "--yes")
            here.signet("sandbox", "stop", "--forget")


def _checkout(target: Path) -> Path:
    """Copy what git knows of this checkout, as it is now."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"],
        cwd=repo_root(),
        capture_output=True,
        text=True,
        check=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(repo_root() / name, target / name)
    return target
