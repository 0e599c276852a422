"""A name that somebody has stops a run before it makes anything; a silent cloud does not."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from components.aws.chosen_names import chosen_names
from components.aws.settings import AwsSettings
from components.collisions import ChosenName, refuse_taken
from components.observe import CloudReader
from components.program import main
from components.record import Record
from signet.errors import CouldNotCheck, SettingsError
from signet.observed import StoreReading
from tests.components import mocked
from tests.components.conftest import SETTINGS

BUCKET = "aws:s3/bucket:Bucket"


def name(value: str = "keys", taken: Any = lambda: None) -> ChosenName:
    return ChosenName(
        setting="awsBucket",
        value=value,
        what="AWS: the S3 bucket",
        resource_type=BUCKET,
        recorded_as="bucket",
        taken=taken,
        remedy="choose another name",
    )


def holding(bucket: str) -> Record:
    return Record(resources={f"urn:pulumi:dev::signet::{BUCKET}::store": {"bucket": bucket}})


def test_every_name_that_is_taken_is_told_at_once_with_its_cloud_and_what_to_do() -> None:
    names = [name("a", lambda: "is theirs"), name("b"), name("c", lambda: "exists already")]
    with pytest.raises(SettingsError) as raised:
        refuse_taken(names, Record())
    assert [(fault.key, fault.value) for fault in raised.value.faults] == [
        ("signet:awsBucket", "a"),
        ("signet:awsBucket", "c"),
    ]
    told = str(raised.value)
    assert "AWS: the S3 bucket a is theirs, and this stack's state does not record it" in told
    assert "choose another name" in told


def test_what_the_state_records_is_not_asked_about() -> None:
    def fail() -> str:
        raise AssertionError("asked")

    assert refuse_taken([name("keys", fail)], holding("keys")) == []
    with pytest.raises(SettingsError):
        refuse_taken([name("other", lambda: "is theirs")], holding("keys"))


def test_a_cloud_that_does_not_answer_is_no_collision(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable() -> str:
        raise CouldNotCheck("a bucket's name", where="aws: no route to host")

    never = threading.Event()
    monkeypatch.setattr("components.collisions._SECONDS", 0.1)
    said = refuse_taken([name("a", unreachable), name("b", lambda: str(never.wait(30)))], Record())
    never.set()
    assert said == [
        "AWS: the S3 bucket a: whether it is free could not be found out (aws: no route to host)",
        "AWS: the S3 bucket b: whether it is free was not answered in time",
    ]


def test_a_run_stops_before_it_declares_anything() -> None:
    reader = CloudReader(
        store=lambda _: StoreReading("absent"),
        keys=lambda: (),
        names=lambda: [name("signet-test-keys", lambda: "is theirs")],
    )
    with pytest.raises(SettingsError, match="1 setting is wrong"):
        mocked.run(lambda: main(lambda _: {"aws": reader}), settings=SETTINGS)


def error(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": ""}}, "HeadBucket")


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (error("404"), None),
        (error("403"), "another account"),
        (error("301"), "another region"),
        ({}, "exists already in this account"),
    ],
)
def test_a_bucket_is_free_only_where_s3_says_that_there_is_none(
    answer: Any, why: str | None
) -> None:
    (asked,) = chosen_names(_settings(), lambda _: _S3(answer))  # type: ignore[arg-type,return-value]
    assert asked.value == "signet-test-keys"
    told = asked.taken()
    assert told is None if why is None else why in (told or "")


@pytest.mark.parametrize("answer", [error("400"), EndpointConnectionError(endpoint_url="x")])
def test_an_s3_that_does_not_say_could_not_be_checked(answer: Exception) -> None:
    (asked,) = chosen_names(_settings(), lambda _: _S3(answer))  # type: ignore[arg-type,return-value]
    with pytest.raises(CouldNotCheck):
        asked.taken()


class _S3:
    def __init__(self, answer: Any) -> None:
        self._answer = answer

    def head_bucket(self, *, Bucket: str) -> Any:  # noqa: N803
        assert Bucket == "signet-test-keys"
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer


def _settings() -> AwsSettings:
    from components.settings import parse
    from components.surroundings import Surroundings

    raw = {key: value for key, value in SETTINGS.items() if isinstance(value, str)}
    principals = '["arn:aws:iam::111122223333:role/pipeline"]'
    found = parse(
        {**raw, "awsIssuerPrincipals": principals, "environment": "dev"}, Surroundings(stack="dev")
    ).aws
    assert found is not None
    return found


def test_a_token_services_bucket_is_asked_about_too() -> None:
    both = chosen_names(
        _settings(),
        lambda _: _S3(None),  # type: ignore[arg-type,return-value]
        token_service=True,
    )
    assert [each.value for each in both] == [_settings().bucket, f"{_settings().bucket}-used"]
