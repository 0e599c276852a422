"""A service with a key ring of its own, in three clouds: it lives by the environment's rules.

Its keys are rotated and tainted, its tokens and the environment's are refused by one another's
validators, and when its manifest is deleted by hand it goes once its last token has run out.
"""

from __future__ import annotations

import base64
import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from signet.probing.service_target import target_of
from tests.drills.fast import STACK, Fast, fast, wait_out

pytestmark = [pytest.mark.engine, pytest.mark.drill]

MANIFEST = """\
service: orders
owner: team-orders
contact: orders@example.com
clouds: [aws, azure, gcp]
keyRing: own
audience: https://orders.example.com
routes:
  - {methods: [GET], path: "/orders/{id}", scopes: ["orders:read"]}
"""


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("services")
    (folder / "orders.yaml").write_text(MANIFEST)
    return folder


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory, services: Path) -> Iterator[Fast]:
    """A stack with that service, run once. Its tokens outlive a run, on a machine that is idle."""
    lives = {"tokenLifetime": "3m", "retention": "190s"}
    with fast(tmp_path_factory.mktemp("own"), services=str(services), **lives) as place:
        place.done("up", STACK)
        yield place


def token(here: Fast, target: str, ring: str | None = None) -> str:
    """A token for the environment or for the service, of its own ring or of another."""
    found = target_of(here.outputs(), target)
    more = ("--ring", ring) if ring else ()
    asked = ("token", "issue", "--stack", STACK, "--subject", "drill")
    told = here.done(*asked, "--audience", found.audience, "--scope", found.scope, *more)
    return told.out.strip()


def answers(here: Fast, target: str, bearer: str) -> dict[str, int]:
    """What each cloud's gateway answers."""
    found = target_of(here.outputs(), target)
    return {
        gateway.cloud: found.call(gateway.url, f"Bearer {bearer}").status
        for gateway in found.gateways
    }


def still_good(here: Fast, target: str, bearer: str) -> bool:
    """Whether a token is taken in every cloud; also if it ran out while a busy machine was slow."""
    told = answers(here, target, bearer)
    payload = bearer.split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return told == GOOD or time.time() >= claims["exp"]


COULD_NOT_CHECK = 3
GOOD = {"aws": 200, "azure": 200, "gcp": 200}


def status(here: Fast, ring: str) -> dict[str, Any]:
    """How a ring stands; asked again where a busy machine's KMS did not answer in its 5 seconds."""
    for _ in range(4):
        told = here.signet("keys", "status", STACK, "--service", ring, "--json")
        if told.code != COULD_NOT_CHECK:
            break
    assert told.code == 0, told.err + told.out
    return told.json


def states(told: dict[str, Any]) -> dict[str, int]:
    return {each["state"]: each["generation"] for each in told["generations"]}


def test_its_tokens_are_taken_by_its_own_validators_and_by_no_others(here: Fast) -> None:
    assert answers(here, "orders", token(here, "orders")) == GOOD
    assert answers(here, "environment", token(here, "environment")) == GOOD
    # Right audience and scope, wrong ring; and the other way round.
    assert 200 not in answers(here, "orders", token(here, "orders", "environment")).values()
    assert 200 not in answers(here, "environment", token(here, "environment", "orders")).values()
    told = here.signet("probe", STACK, "--service", "orders")
    assert told.code == 0, told.err + told.out


def test_its_documents_lie_below_its_own_issuer_the_same_in_every_cloud(here: Fast) -> None:
    output = here.outputs()["services"]["orders"]
    found = set()
    for url in output["jwksUrls"].values():
        with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310
            found.add(answer.read())
    (body,) = found
    kids = {key["kid"] for key in json.loads(body)["keys"]}
    assert kids == {each["kid"] for each in status(here, "orders")["generations"]}
    where = f"{output['issuer']}/.well-known/openid-configuration"
    with urllib.request.urlopen(where, timeout=10) as answer:  # noqa: S310
        assert json.loads(answer.read())["issuer"] == output["issuer"]


def test_its_keys_rotate_while_the_environments_stay(here: Fast) -> None:
    others = states(status(here, "environment"))
    before = token(here, "orders")
    here.done("up", STACK)
    wait_out()
    # Before its period, and with every wait over: by the rules, not in an emergency.
    told = here.done("keys", "rotate", STACK, "--service", "orders", "--yes", "--json")
    assert [line for line in told.json["transitions"] if line.startswith("environment")] == []
    assert states(status(here, "orders")) == {"retiring": 1, "active": 2, "prepared": 3}
    assert still_good(here, "orders", before)
    assert answers(here, "orders", token(here, "orders")) == GOOD
    assert states(status(here, "environment")) == others


def test_a_taint_denies_its_key_and_leaves_the_environments_alone(here: Fast) -> None:
    lost, bearer = status(here, "orders"), token(here, "orders")
    environment = token(here, "environment")
    kid = next(each["kid"] for each in lost["generations"] if each["state"] == "active")
    told = here.done("keys", "taint", STACK, kid, "--service", "orders", "--yes", "--json").json
    assert told["sets"] == {"aws": True, "azure": True, "gcp": True}
    assert 200 not in answers(here, "orders", bearer).values()
    after = status(here, "orders")
    assert after["denied"] == [kid]
    assert {each["state"]: each["kms"] for each in after["generations"]}["tainted"] == "disabled"
    assert status(here, "environment")["denied"] == []
    assert still_good(here, "environment", environment)
    assert answers(here, "orders", token(here, "orders")) == GOOD


def test_a_manifest_deleted_by_hand_lets_it_go_when_its_last_token_has_run_out(
    here: Fast, services: Path
) -> None:
    bearer, urls = token(here, "orders"), here.outputs()["services"]["orders"]["jwksUrls"]
    (services / "orders.yaml").unlink()
    held = here.done("up", STACK)
    assert "its manifest is gone" in held.err + held.out
    assert still_good(here, "orders", bearer)
    refused = here.signet(
        *("token", "issue", "--stack", STACK, "--subject", "x", "--scope", "orders:read"),
        *("--audience", "https://orders.example.com"),
    )
    assert refused.code == 2
    until = float(here.outputs()["services"]["orders"]["servedUntil"])
    wait_out(max(0.0, until - time.time()) + 1)
    here.done("up", STACK)
    assert here.outputs()["services"] == {}
    ring = status(here, "orders")
    # The hold of this stack is short: what was tainted or retired earlier may be given up by now.
    kept = {each["kms"] for each in ring["generations"] if each["state"] != "deleted"}
    assert {each["state"] for each in ring["generations"]} <= {"retired", "tainted", "deleted"}
    assert kept <= {"disabled"}
    # Google's documents are never deleted (components/gcp/jwks_store.py).
    for url in (urls["aws"], urls["azure"]):
        with pytest.raises(urllib.error.HTTPError):
            urllib.request.urlopen(url, timeout=10)  # noqa: S310
    assert answers(here, "environment", token(here, "environment")) == GOOD
    # What is left to do is to give up the ring's keys.
    changed = here.done("up", STACK, "--json").changed
    assert [n for n in changed if not n.startswith(("orders", "journal", "confirmed"))] == []
    assert states(status(here, "environment"))["active"] == 1
