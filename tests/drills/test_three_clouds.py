"""Three clouds, one of which fails: the others go on, nothing flips, an ordinary `up` mends it."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.drills import census
from tests.drills.fast import STACK, Fast, fast

pytestmark = pytest.mark.drill


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fast]:
    """A stack in three clouds, not yet up."""
    with fast(tmp_path_factory.mktemp("three")) as here:
        yield here


def test_a_store_down_while_a_key_is_prepared_holds_the_flip_and_stops_no_other_cloud(
    three: Fast,
) -> None:
    three.break_("azure", "/signetlocalfastkeys/")
    told = three.up()
    assert told.code == 1
    assert "\n  - Azure: " in told.err
    made = {each["type"] for each in census.recorded(three.state, STACK)}
    assert {"aws:lambda/function:Function", "gcp:cloudrunv2/service:Service"} <= made
    assert "gcp:storage/bucketObject:BucketObject" in made
    assert not any(kind.startswith("pulumi-python:dynamic/signet:Document") for kind in made)
    again = three.up()
    assert again.code == 1
    assert "confirmed" not in three.outputs()
    three.heal("azure")
    three.mended()
    assert len({json.dumps(found) for found in three.sets().values()}) == 1
