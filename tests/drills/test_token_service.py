"""The token service of a real `local` stack: platforms of ours on loopback, and its gateways.

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
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jwt
import pytest
from ruamel.yaml import YAML

from signet.paths import repo_root
from signet.probing.gateway_call import call, gateways_of
from tests.unit.exchange.issuers import Issuers
from tests.unit.exchange.world import CALLERS

pytestmark = [pytest.mark.engine, pytest.mark.drill]

IDENTITIES = ("github", "gitlab", "aws", "azure", "google")


@dataclass(frozen=True)
class Local:
    """A `local` stack of a checkout of its own."""

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

    @property
    def outputs(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.signet("outputs", "local", "--json").stdout)
        return found

    def subject(self, identity: str, **changes: Any) -> str:
        """A platform's token for this environment."""
        audience = "api://exchange" if identity == "azure" else self.outputs["issuer"]
        return self.issuers.platforms[identity].token(audience, int(time.time()), **changes)

    def exchange(self, token: str, *more: str) -> subprocess.CompletedProcess[str]:
        audience = self.outputs["audience"]
        return self.signet(
            *("token", "exchange", "--stack", "local", "--audience", audience, *more), stdin=token
        )


@pytest.fixture(scope="module", params=["aws", "azure", "gcp"], ids="home-{}".format)
def local(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Local]:
    """With each home: the token service runs beside the keys."""
    root = _checkout(tmp_path_factory.mktemp("checkout"))
    here = Local(root, tmp_path_factory.mktemp("state"), Issuers())
    with (root / "callers.yaml").open("w", encoding="utf-8") as file:
        YAML().dump({"callers": here.issuers.callers()}, file)
    with (root / "Pulumi.local.yaml").open("a", encoding="utf-8") as file:
        file.write(f"  signet:environmentCallers: callers.yaml\n  signet:home: {request.param}\n")
    try:
        brought = here.signet("up", "local", "--json")
        assert brought.returncode == 0, brought.stderr + brought.stdout
        yield here
    finally:
        here.signet("down", "local", "--yes")
        here.signet("sandbox", "stop", "--forget")
        here.issuers.server.shutdown()
        here.issuers.server.server_close()


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


@pytest.mark.parametrize("identity", IDENTITIES)
def test_a_platforms_token_is_exchanged_and_used_at_every_gateway(
    local: Local, identity: str
) -> None:
    exchanged = local.exchange(local.subject(identity, jti=f"{identity}-{time.time()}"))
    assert exchanged.returncode == 0, exchanged.stderr
    token = exchanged.stdout.strip()
    gateways = gateways_of(local.outputs)
    assert {gateway.cloud for gateway in gateways} == {"aws", "azure", "gcp"}
    for gateway in gateways:
        answer = call(gateway.url, f"Bearer {token}")
        assert (gateway.title, answer.status) == (gateway.title, 200)
        assert answer.identity()["subject"] == {c["identity"]: c["name"] for c in CALLERS}[identity]


@pytest.mark.parametrize(
    ("identity", "changes"),
    [
        ("github", {"repository_id": "75"}),
        ("github", {"repository_id": "912", "repository_owner_id": "913"}),
        ("github", {"event_name": "pull_request", "ref": "refs/pull/7/merge"}),
        ("github", {"ref_protected": "false"}),
        ("github", {"aud": "https://github.com/octo-org"}),
        ("github", {"exp": 1_700_000_300, "iat": 1_700_000_000, "nbf": 1_700_000_000}),
        ("gitlab", {"project_id": "1"}),
        ("aws", {"sub": "arn:aws:iam::123456789012:role/Other"}),
        ("azure", {"oid": "another"}),
        ("google", {"sub": "2"}),
    ],
)
def test_a_wrong_platform_token_gets_nothing(
    local: Local, identity: str, changes: dict[str, Any]
) -> None:
    refused = local.exchange(local.subject(identity, **changes))
    assert (refused.returncode, refused.stdout) == (1, "")


def test_a_replayed_token_gets_nothing_from_another_instance_either(local: Local) -> None:
    token = local.subject("gitlab", jti=f"once-{time.time()}")
    assert local.exchange(token).returncode == 0
    again = local.exchange(token, "--json")
    assert again.returncode == 1
    assert "replayed" in again.stdout + again.stderr


def test_after_a_taint_the_service_signs_with_the_successor_and_every_gateway_takes_it(
    local: Local,
) -> None:
    before = local.exchange(local.subject("github")).stdout.strip()
    keys = local.outputs["signingKeys"]["environment"]
    (active,) = [key["kid"] for key in keys.values() if key["state"] == "active"]
    tainted = local.signet("keys", "taint", "local", active, "--yes", "--reason", "a drill")
    assert tainted.returncode == 0, tainted.stderr
    exchanged = local.exchange(local.subject("github"))
    assert exchanged.returncode == 0, exchanged.stderr
    after = exchanged.stdout.strip()
    assert _kid(before) == active
    assert _kid(after) != active
    for gateway in gateways_of(local.outputs):
        assert call(gateway.url, f"Bearer {after}").status == 200
        assert call(gateway.url, f"Bearer {before}").status in {401, 403}


def _kid(token: str) -> str:
    kid: str = jwt.get_unverified_header(token)["kid"]
    return kid
