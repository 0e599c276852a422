"""Keys rotate on their schedule with the token service as the issuer: no good token is refused."""

from __future__ import annotations

import functools
import json
import time
from collections.abc import Callable, Mapping

import jwt
import pytest

from signet.errors import CouldNotCheck
from signet.issuing.exchange.form import GRANT_TYPE, JWT
from signet.probing.gateway_call import call, gateways_of, post_form
from signet.probing.traffic import Issued, Traffic
from tests.drills.exchanging import Exchanging, exchanging

pytestmark = [pytest.mark.engine, pytest.mark.drill]

PERIOD, EVERY, LIFETIME = 120, 30, 15
"""Seconds: `rotationPeriod`, `upInterval` and `tokenLifetime` of `local-fast`."""


def exchanged(here: Exchanging, outputs: Mapping[str, str], url: str) -> Issued:
    """Exchange a new token of GitHub's, as a job does."""
    now = time.time()
    answer = post_form(
        url,
        {
            "grant_type": GRANT_TYPE,
            "subject_token": here.subject("github", outputs["issuer"]),
            "subject_token_type": JWT,
            "audience": outputs["audience"],
        },
    )
    if answer.status != 200:
        raise CouldNotCheck(f"{answer.status}: {answer.body.decode()}", where=url)
    token = json.loads(answer.body)["access_token"]
    kid = jwt.get_unverified_header(token)["kid"]
    return Issued(token=token, kid=kid, at=now, expires=now + LIFETIME)


def status(url: str, token: str) -> int:
    return call(url, f"Bearer {token}").status


@pytest.mark.parametrize("home", ["aws", "azure", "gcp"])
def test_a_scheduled_rotation_under_exchanges_refuses_no_good_token(
    tmp_path_factory: pytest.TempPathFactory, home: str
) -> None:
    with exchanging(tmp_path_factory, "local-fast", home) as here:
        outputs = here.outputs
        url = outputs["tokenService"]["url"]
        checks: dict[str, Callable[[str], int]] = {
            gateway.cloud: functools.partial(status, gateway.url)
            for gateway in gateways_of(outputs)
        }
        assert set(checks) == {"aws", "azure", "gcp"}
        traffic = Traffic(lambda: exchanged(here, outputs, url), checks, time.time)
        traffic.start()
        try:
            begun = time.monotonic()
            while len(traffic.tally().keys) < 2 and time.monotonic() - begun < 3 * PERIOD:
                here.up()
                time.sleep(EVERY / 2)
            # The last tokens of the key before are still checked once more.
            time.sleep(LIFETIME)
        finally:
            traffic.stop()
        told = traffic.tally()
    assert len(told.keys) == 2, told.unissued
    assert told.refused == []
    assert min(told.accepted.values()) > 0
    assert len(told.unissued) <= told.issued // 10, told.unissued
