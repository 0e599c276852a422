"""The home moves to another cloud, and its token service with it: what was used stays used."""

from __future__ import annotations

import subprocess
import time

import pytest

from signet.issuing.exchange.subjects import CLOCK_SKEW
from signet.probing.gateway_call import call, gateways_of
from tests.drills.exchanging import Exchanging, exchanging

pytestmark = [pytest.mark.engine, pytest.mark.drill]

STACK = "local-fast"
RUNS = 10
"""More than two rotations take: the key that stands ready at home signs first."""


def moved(here: Exchanging, home: str) -> None:
    """Rotate until a key of the new home signs, as soon as each one may take over."""
    here.configure(home)
    here.up()
    for _ in range(RUNS):
        if here.outputs["tokenService"]["cloud"] == home:
            return
        rotated = here.signet("keys", "rotate", STACK, "--yes", "--reason", "the home moves")
        assert rotated.returncode in {0, 1}, rotated.stderr
        if rotated.returncode:  # Its waiting time is not over.
            time.sleep(5)
            here.up()
    raise AssertionError(f"no key of {home} signs after {RUNS} runs")


def refused(told: subprocess.CompletedProcess[str], reason: str) -> None:
    assert told.returncode != 0, told.stdout
    assert reason in told.stdout + told.stderr


def test_a_token_taken_once_is_taken_by_no_service_of_another_home_either(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with exchanging(tmp_path_factory, STACK, "aws") as here:
        used, unused = (here.subject("gitlab", jti=f"{name}-before") for name in ("used", "unused"))
        assert here.exchange(used).returncode == 0
        refused(here.exchange(used, "--json"), "replayed")

        moved(here, "azure")
        for token in (used, unused, here.subject("gitlab", jti="between")):
            refused(here.exchange(token, "--json"), "replay_unchecked")
        unbound = here.exchange(here.subject("github"))
        assert unbound.returncode == 0, unbound.stderr

        here.up()
        time.sleep(CLOCK_SKEW + 2)
        for token in (used, unused):
            refused(here.exchange(token, "--json"), "issued_before_move")
        fresh = here.subject("gitlab", jti="after")
        exchanged = here.exchange(fresh)
        assert exchanged.returncode == 0, exchanged.stderr
        refused(here.exchange(fresh, "--json"), "replayed")
        for gateway in gateways_of(here.outputs):
            assert call(gateway.url, f"Bearer {exchanged.stdout.strip()}").status == 200
