"""Keys rotate by the schedule alone, while jobs get tokens from the deployed token service."""

from __future__ import annotations

import functools
import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import jwt
import pytest
from ruamel.yaml import YAML

from signet.errors import CouldNotCheck
from signet.issuing.exchange.form import FORM_TYPE, GRANT_TYPE, JWT
from signet.probing.gateway_call import call, gateways_of
from signet.probing.traffic import Issued, Traffic
from tests.drills.fast import Fast, fast, wait_out
from tests.drills.test_token_service import Issuers

pytestmark = [pytest.mark.engine, pytest.mark.drill]

PERIOD, EVERY = 60, 30
"""Seconds: the shortest period that a run every `EVERY` allows under these timings."""
LIFETIME = 15


@pytest.fixture
def issuers() -> Iterator[Issuers]:
    made = Issuers()
    try:
        yield made
    finally:
        made.server.shutdown()
        made.server.server_close()


@pytest.mark.parametrize("home", ["aws"])
def test_a_scheduled_rotation_refuses_no_token_of_the_token_service(
    tmp_path: Path, issuers: Issuers, home: str
) -> None:
    named = tmp_path / "callers.yaml"
    callers = [rule for rule in issuers.callers() if rule["identity"] == "github"]
    with named.open("w", encoding="utf-8") as file:
        YAML().dump({"callers": [{**callers[0], "lifetime": f"{LIFETIME}s"}]}, file)
    settings = {"tokenService": "create", "environmentCallers": str(named)}
    with fast(tmp_path, clouds=[home], home=home, rotationPeriod=f"{PERIOD}s", **settings) as here:
        here.mended()
        traffic = traffic_at(here, issuers)
        first, _ = here.active()
        traffic.start()
        try:
            while here.active()[0] == first:
                begun = time.monotonic()
                here.mended()
                assert time.time() < here.active_since() + 3 * PERIOD + EVERY, "no key took over"
                wait_out(max(0.0, begun + EVERY - time.monotonic()))
            wait_out(LIFETIME)  # the last tokens of the key before are asked about once more
        finally:
            traffic.stop()
        told = traffic.tally()
        assert here.active()[0] == first + 1
        assert len(told.keys) == 2
        assert (told.refused, told.unissued) == ([], [])
        assert told.checks > told.issued > PERIOD / 4


def traffic_at(here: Fast, issuers: Issuers) -> Traffic:
    """Jobs at the stack's token service and at every one of its gateways."""
    outputs = here.outputs()
    subject = issuers.platforms["github"].token(outputs["issuer"], int(time.time()))
    issue = functools.partial(
        exchanged, outputs["tokenService"]["url"], subject, outputs["audience"]
    )
    checks = {
        gateway.title: functools.partial(answer, gateway.url) for gateway in gateways_of(outputs)
    }
    return Traffic(issue, checks, time.time)


def exchanged(url: str, subject: str, audience: str) -> Issued:
    """Swap a platform's token for one of ours, as a job does that has no more than curl."""
    form = {"grant_type": GRANT_TYPE, "subject_token_type": JWT, "subject_token": subject}
    asked = urllib.request.Request(  # noqa: S310
        url,
        data=urlencode({**form, "audience": audience}).encode(),
        headers={"content-type": FORM_TYPE},
    )
    try:
        with urllib.request.urlopen(asked, timeout=10) as answered:  # noqa: S310
            token: str = json.loads(answered.read())["access_token"]
    except (urllib.error.URLError, TimeoutError) as error:
        raise CouldNotCheck("the token service gave no token", where=str(error)) from error
    claims = jwt.decode(token, options={"verify_signature": False})
    kid: str = jwt.get_unverified_header(token)["kid"]
    return Issued(token=token, kid=kid, at=claims["iat"], expires=claims["exp"])


def answer(url: str, token: str) -> int:
    """What one gateway answers to a token."""
    return call(url, f"Bearer {token}").status
