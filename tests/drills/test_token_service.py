"""The token service of a real `local` stack, with each home: exchanged and used at its gateways."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import jwt
import pytest

from signet.probing.gateway_call import call, gateways_of
from tests.drills.exchanging import Exchanging, exchanging
from tests.unit.exchange.world import CALLERS

pytestmark = [pytest.mark.engine, pytest.mark.drill]

IDENTITIES = ("github", "gitlab", "aws", "azure", "google")


@pytest.fixture(scope="module", params=["aws", "azure", "gcp"], ids="home-{}".format)
def local(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Exchanging]:
    """The token service runs beside the keys."""
    with exchanging(tmp_path_factory, "local", request.param) as here:
        yield here


@pytest.mark.parametrize("identity", IDENTITIES)
def test_a_platforms_token_is_exchanged_and_used_at_every_gateway(
    local: Exchanging, identity: str
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
    local: Exchanging, identity: str, changes: dict[str, Any]
) -> None:
    refused = local.exchange(local.subject(identity, **changes))
    assert (refused.returncode, refused.stdout) == (1, "")


def test_a_replayed_token_gets_nothing_from_another_instance_either(local: Exchanging) -> None:
    token = local.subject("gitlab", jti=f"once-{time.time()}")
    assert local.exchange(token).returncode == 0
    again = local.exchange(token, "--json")
    assert again.returncode == 1
    assert "replayed" in again.stdout + again.stderr


def test_doctor_finds_the_token_service_as_it_was_deployed(local: Exchanging) -> None:
    told = json.loads(local.signet("doctor", "local", "--json").stdout)
    found = [each for each in told["findings"] if "token-service" in each["text"]]
    assert [(each["area"], each["level"]) for each in found] == [("functions", "good")]


def test_after_a_taint_the_service_signs_with_the_successor_and_every_gateway_takes_it(
    local: Exchanging,
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
