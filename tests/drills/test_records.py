"""Records and sets that are not what the last run left: what a run does, and what it refuses."""

from __future__ import annotations

import json
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from sandbox import supervisor
from signet.engine.place import state_file
from tests.drills import census
from tests.drills.fast import STACK, Fast, fast, wait_out
from tests.drills.harness import Told, end
from tests.drills.test_stack_commands import lock_file

pytestmark = pytest.mark.drill

ALONE = {"clouds": ["aws"]}


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fast]:
    """A place for a stack in one cloud."""
    with fast(tmp_path_factory.mktemp("records"), **ALONE) as here:
        yield here


@pytest.fixture(scope="module")
def first(fresh: Fast) -> Told:
    """The very first run, which must succeed."""
    return fresh.mended()


@pytest.fixture(scope="module")
def settled(fresh: Fast, first: Told) -> Fast:
    """The stack, settled by its second run; each drill leaves it so."""
    assert first.code == 0
    fresh.mended()
    return fresh


def kms(here: Fast) -> Any:
    environment = supervisor.environment(here.state)
    return boto3.client(
        "kms",
        endpoint_url=environment["AWS_ENDPOINT_URL"],
        region_name=environment["AWS_REGION"],
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


def configure(here: Fast, **settings: Any) -> None:
    here.files.configure(STACK, **ALONE, **{"rotationPeriod": "2h", **settings})


def test_the_first_start_signs_at_once_with_a_successor_published_beside_the_key(
    fresh: Fast, first: Told
) -> None:
    assert "generation 1: new, active" in first.err
    assert "generation 2: new, prepared" in first.err
    assert "ALARM" not in first.err
    number, kid = fresh.active()
    assert number == 1
    assert fresh.published("aws") == {kid, fresh.prepared()}
    assert fresh.answers(fresh.token()) == {200}


@pytest.mark.parametrize("body", ["", '{"keys": [', "<html><body>maintenance</body></html>"])
def test_a_set_that_is_none_is_written_over(settled: Fast, body: str) -> None:
    before = settled.sets()["aws"]
    settled.tamper("aws", body)
    told = settled.up()
    assert told.code == 0, told.err
    after = settled.sets()["aws"]
    assert {key["kid"] for key in after["keys"]} == {key["kid"] for key in before["keys"]}
    assert after["denied"] == before["denied"]


def test_a_settings_change_while_keys_are_published_keeps_the_longer_token_lifetime(
    settled: Fast,
) -> None:
    configure(settled, tokenLifetime="5s")
    told = settled.up()
    assert told.code == 0, told.err
    journal = json.loads(settled.record("journal"))
    in_force = json.dumps(journal)
    assert '"token_lifetime":15' in in_force.replace(" ", "")
    configure(settled)
    settled.mended()


def test_an_older_checkout_with_another_issuer_is_refused_before_any_effect(settled: Fast) -> None:
    before = settled.record("journal")
    configure(settled, issuer="http://127.0.0.1:1/older")
    told = settled.up()
    assert told.code == 2
    assert "for good" in told.err
    assert settled.record("journal") == before
    configure(settled)


def test_a_targeted_up_leaves_a_validator_behind_and_holds_the_next_flip_by_its_name(
    settled: Fast,
) -> None:
    wait_out()
    number, _ = settled.active()
    urns = [
        each["urn"]
        for each in census.recorded(settled.state, STACK)
        if each["urn"].endswith(("::confirmed", "::journal"))
    ]
    configure(settled, requiredScope="demo:other")
    told = settled.up(*(word for urn in urns for word in ("--target", urn)))
    assert told.code == 0, told.err
    held = settled.keys("rotate", "--yes")
    assert held.code == 1, held.out + held.err
    assert "environment-aws" in held.err
    assert settled.active()[0] == number
    configure(settled)
    settled.mended()


def test_an_older_state_stops_an_ordinary_up_until_the_newest_is_back(settled: Fast) -> None:
    backend = settled.state / "sandbox" / "backend"
    state = state_file(backend, STACK)
    assert state is not None
    older = state.with_suffix(".older")
    shutil.copy(state, older)
    wait_out()
    number, _ = settled.active()
    assert settled.keys("rotate", "--yes").code == 0
    newest = state.with_suffix(".newest")
    shutil.copy(state, newest)
    shutil.copy(older, state)
    told = settled.up()
    assert told.code == 1
    assert "Bring the newest state back" in told.err
    shutil.copy(newest, state)
    settled.mended()
    assert settled.active()[0] == number + 1


def test_a_forged_high_number_stops_until_an_operator_declares_the_journal_right(
    settled: Fast,
) -> None:
    found = settled.sets()["aws"]
    settled.tamper("aws", json.dumps({**found, "sequence": found["sequence"] + 500}))
    told = settled.up()
    assert told.code == 1
    assert "this state is older than what was published, or somebody else wrote" in told.err
    decided = settled.keys("trust-journal", "--yes", "--reason", "drill")
    assert decided.code == 0, decided.err + decided.out
    assert settled.sets()["aws"]["sequence"] > found["sequence"] + 500


def test_a_forged_denial_stops_until_an_operator_rejects_it(settled: Fast) -> None:
    _, kid = settled.active()
    found = settled.sets()["aws"]
    others = [key for key in found["keys"] if key["kid"] != kid]
    forged = {**found, "keys": others, "denied": [kid], "sequence": found["sequence"] + 1}
    settled.tamper("aws", json.dumps(forged))
    told = settled.up()
    assert told.code == 1
    assert kid in told.err
    decided = settled.keys("reject-denial", kid, "--yes", "--reason", "drill")
    assert decided.code == 0, decided.err + decided.out
    assert kid in settled.published("aws")
    assert settled.sets()["aws"]["denied"] == []


def test_an_active_kms_key_that_somebody_disabled_stops_an_up_until_it_is_enabled(
    settled: Fast,
) -> None:
    number, _ = settled.active()
    key = settled.confirmed()["key_resources"]["environment"][str(number)]["id"]
    kms(settled).disable_key(KeyId=key)
    told = settled.up()
    assert told.code == 1
    assert "disabled" in told.err
    kms(settled).enable_key(KeyId=key)
    settled.mended()
    assert settled.active()[0] == number


def test_a_taint_of_the_prepared_key_does_not_wait_for_the_pipelines_lock(settled: Fast) -> None:
    staged, (number, signing) = settled.prepared(), settled.active()
    path = lock_file(settled, host="ci-runner-7", pid=1, stack=STACK)
    told = settled.keys("taint", staged, "--yes", "--wait", "0", "--reason", "drill")
    assert told.code == 3
    assert "ci-runner-7" in told.out + told.err
    found = settled.sets()["aws"]
    assert staged in found["denied"]
    assert {key["kid"] for key in found["keys"]} == {signing}
    assert path.is_file()
    path.unlink()
    settled.mended()
    assert settled.active() == (number, signing)
    assert staged not in settled.published("aws")
    settled.mended()  # the run that completed the denial leaves staging the next key to this one
    assert settled.prepared() not in (staged, signing)
    assert settled.published("aws") == {settled.prepared(), signing}


def test_a_taint_while_an_up_is_under_way_is_not_undone_by_it(settled: Fast) -> None:
    wait_out()
    _, lost = settled.active()
    configure(settled, awsValidatorMemory=768)
    running = settled.start("up", STACK)
    turn = settled.state / "work" / f"{STACK}.lock"
    limit = time.monotonic() + 60
    while str(running.pid) not in turn.read_text(encoding="utf-8") and time.monotonic() < limit:
        time.sleep(0.05)
    time.sleep(2)
    told = settled.keys("taint", lost, "--yes", "--reason", "drill")
    end(running)
    assert told.code == 0, told.out + told.err
    configure(settled)
    settled.mended()
    found = settled.sets()["aws"]
    assert lost in found["denied"]
    assert lost not in {key["kid"] for key in found["keys"]}
    assert settled.active()[1] != lost


def test_weeks_of_silence_are_one_rotation_an_alarm_and_no_jump(settled: Fast) -> None:
    settled.mended()
    number, _ = settled.active()
    # The shortest schedule that these timings allow; four of its periods pass without a run.
    configure(settled, upInterval="12s", rotationPeriod="24s")
    wait_out(max(0.0, settled.active_since() + 4 * 24 - time.time()))
    told = settled.done("up", STACK)
    assert "One rotation is made, not several" in told.err
    assert settled.active()[0] == number + 1
    again = settled.done("up", STACK)
    assert settled.active()[0] == number + 1, again.err
    configure(settled)


def test_the_last_removal_leaves_no_key_and_no_document(settled: Fast) -> None:
    url = settled.outputs()["jwksUrls"]["aws"]
    assert settled.sets()["aws"]["keys"]
    settled.done("down", STACK, "--yes")
    assert census.recorded(settled.state, STACK) == []
    supervisor.start(settled.state, say=lambda _: None)
    assert census.ids_in_cloud(settled.state) == {}
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(url, timeout=10)  # noqa: S310
