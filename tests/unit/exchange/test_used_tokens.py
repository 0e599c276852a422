"""Used tokens in S3: one conditional write, and what each answer of S3 means."""

from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from signet.issuing.exchange.replay import ReplayUnchecked
from signet.issuing.used_tokens.aws import S3ReplayStore


class Bucket:
    """Keeps objects and answers as S3 does; `answers` are raised first."""

    def __init__(self, *answers: Exception) -> None:
        self.answers = list(answers)
        self.held: dict[str, dict[str, Any]] = {}

    def put_object(self, **arguments: Any) -> dict[str, Any]:
        if self.answers:
            raise self.answers.pop(0)
        assert arguments["IfNoneMatch"] == "*"
        if arguments["Key"] in self.held:
            raise answered("PreconditionFailed")
        self.held[arguments["Key"]] = arguments
        return {}


def answered(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": ""}}, "PutObject")


def store(bucket: Any) -> S3ReplayStore:
    return S3ReplayStore(bucket, "used-tokens")


def test_a_key_is_new_once() -> None:
    bucket = Bucket()
    assert store(bucket).first_use("a", 7)
    assert not store(bucket).first_use("a", 7)
    assert store(bucket).first_use("b", 7)
    assert bucket.held["used/a"]["Metadata"] == {"expires-at": "7"}


def test_writes_that_met_are_tried_again() -> None:
    assert store(Bucket(answered("ConditionalRequestConflict"))).first_use("a", 7)


@pytest.mark.parametrize(
    "answers",
    [
        [answered("ConditionalRequestConflict")] * 3,
        [answered("AccessDenied")],
        [answered("SlowDown")],
        [EndpointConnectionError(endpoint_url="https://s3.example")],
    ],
)
def test_no_answer_is_not_taken_for_new(answers: list[Exception]) -> None:
    with pytest.raises(ReplayUnchecked):
        store(Bucket(*answers)).first_use("a", 7)
