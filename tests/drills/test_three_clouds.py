"""Three clouds, one of which fails: the others go on, nothing flips, an ordinary `up` mends it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest

from components import observe
from signet.cli import keys_look
from signet.observed import StoreReading
from tests.drills import census
from tests.drills.fast import STACK, Fast, fast, wait_out

pytestmark = pytest.mark.drill

CLOUDS = ("aws", "azure", "gcp")
AZURES_STORE = "/signetlocalfastkeys/"
GOOGLES_VALIDATORS = "/sandbox/service"
READ_BACK_ADDS, READ_BACK_LIMIT = 2.0, 5.0
"""Seconds that reading three stores back may add to a run, and may add when one hangs (issue 6)."""


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fast]:
    """A stack in three clouds, not yet up."""
    with fast(tmp_path_factory.mktemp("three")) as here:
        yield here


@pytest.fixture(scope="module")
def settled(three: Fast) -> Fast:
    """The stack, up, and its staged key read back; each drill leaves it so."""
    if not any(each["urn"].endswith("::confirmed") for each in census.recorded(three.state, STACK)):
        three.mended()
    three.mended()
    return three


def test_a_store_down_while_a_key_is_prepared_holds_the_flip_and_stops_no_other_cloud(
    three: Fast,
) -> None:
    three.break_("azure", AZURES_STORE)
    told = three.up()
    assert told.code == 1
    assert "\n  - Azure: " in told.err
    made = {each["type"] for each in census.recorded(three.state, STACK)}
    assert {"aws:lambda/function:Function", "gcp:cloudrunv2/service:Service"} <= made
    assert "gcp:storage/bucketObject:BucketObject" in made
    assert not any(kind.startswith("pulumi-python:dynamic/signet:Document") for kind in made)
    assert "confirmed" not in three.outputs()
    next_one = three.done("preview", STACK)
    assert "This run repeats it; nothing new starts before it is complete" in next_one.err
    three.heal("azure")
    three.mended()
    check_one_set(three)


def check_one_set(here: Fast) -> None:
    """Hold the three clouds to the same published set."""
    assert len({json.dumps(found) for found in here.sets().values()}) == 1


def test_reading_three_stores_back_takes_a_moment_and_one_that_hangs_at_most_five_seconds(
    settled: Fast,
) -> None:
    read_back(settled)  # what is loaded for the first time is no part of it
    readings, took = read_back(settled)
    assert {reading.status for reading in readings.values()} == {"read"}
    assert took <= READ_BACK_ADDS
    settled.hang("azure", AZURES_STORE, 20)
    try:
        readings, took = read_back(settled)
        assert settled.keys("status", "--json").code == 3
    finally:
        settled.heal("azure")
    assert {cloud: readings[cloud].status for cloud in CLOUDS} == {
        "aws": "read",
        "azure": "unverified",
        "gcp": "read",
    }
    assert took <= READ_BACK_LIMIT


def read_back(here: Fast) -> tuple[dict[str, StoreReading], float]:
    """What a run reads of the three stores before it plans, and the seconds that it takes."""
    stack = here.stack()
    with stack.place.applied():
        readers = observe.readers(keys_look.known(stack).settings)
        begun = time.monotonic()
        seen = observe.observe(readers, despite_keys=True)
        took = time.monotonic() - begun
    return dict(seen.stores["environment"]), took


def test_an_older_set_restored_in_one_cloud_is_written_over_under_a_new_number(
    settled: Fast,
) -> None:
    wait_out()
    before, (number, _) = settled.sets()["gcp"], settled.active()
    rotated = settled.keys("rotate", "--yes", "--reason", "drill")
    assert rotated.code == 0, rotated.err + rotated.out
    assert settled.active()[0] == number + 1
    newest = settled.sets()["gcp"]
    assert newest["sequence"] > before["sequence"]
    token = settled.token()
    settled.tamper("gcp", json.dumps(before))
    assert settled.answers(token) == {200}, "an older number takes no key away"
    told = settled.mended()
    assert "ALARM: environment: gcp gives back another set" in told.err
    check_one_set(settled)
    after = settled.sets()["gcp"]
    assert after["sequence"] > newest["sequence"]
    assert {key["kid"] for key in after["keys"]} == {key["kid"] for key in newest["keys"]}


def test_a_validator_that_cannot_be_deployed_at_a_flip_leaves_the_old_key_signing(
    settled: Fast,
) -> None:
    settled.mended()
    wait_out()
    number, _ = settled.active()
    settled.break_("gcp", GOOGLES_VALIDATORS, "PATCH")
    told = settled.keys("rotate", "--yes", "--reason", "drill")
    assert told.code == 1, told.out + told.err
    assert "\n  - Google Cloud: " in told.err
    assert "ResourceRegistrationFailed" not in told.err
    for elsewhere in ("aws:lambda:Function environment-", "azure-native:web:WebApp environment-"):
        assert f"~ {elsewhere}" in told.err, "another cloud waited for the one that fails"
    assert settled.active()[0] == number
    assert settled.answers(settled.token()) == {200}
    settled.heal("gcp")
    settled.mended()
    assert settled.active()[0] == number + 1
    assert settled.answers(settled.token()) == {200}


def test_one_cloud_failing_in_the_up_of_a_taint_is_finished_by_an_ordinary_up(
    settled: Fast,
) -> None:
    number, lost = settled.active()
    token = settled.token()
    settled.break_("gcp", GOOGLES_VALIDATORS, "PATCH")
    told = settled.keys("taint", lost, "--yes", "--reason", "drill")
    assert told.code == 3, told.out + told.err
    assert "What remains to be done" in told.out
    for found in settled.sets().values():
        assert lost in found["denied"]
        assert lost not in {key["kid"] for key in found["keys"]}
    assert 200 not in settled.answers(token)
    settled.heal("gcp")
    settled.mended()
    now, signing = settled.active()
    assert now > number
    assert signing != lost
    for found in settled.sets().values():
        assert lost in found["denied"]
    assert settled.answers(settled.token()) == {200}
