"""Used tokens: one conditional write, and what each answer of each cloud's store means."""

from collections.abc import Mapping
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from signet.issuing.cloud_api import CloudApi
from signet.issuing.exchange.replay import ReplayUnchecked
from signet.issuing.used_tokens.aws import S3ReplayStore
from signet.issuing.used_tokens.conditional_put import (
    BLOB_STORAGE,
    CLOUD_STORAGE,
    ConditionalPutStore,
    Dialect,
)
from validator_functions.verification.fetch import Answer, FailureReason, FetchFailed, Target


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


class Store:
    """Keeps objects and answers as Blob Storage or Cloud Storage does; `answers` come first."""

    def __init__(self, dialect: Dialect, *answers: Answer | FetchFailed) -> None:
        self.dialect = dialect
        self.answers = list(answers)
        self.held: dict[str, Mapping[str, str]] = {}

    def __call__(
        self,
        method: str,
        target: Target,
        headers: Mapping[str, str],
        deadline: float,
        max_bytes: int,
        *,
        body: bytes | None,
    ) -> Answer:
        if self.answers:
            answer = self.answers.pop(0)
            if isinstance(answer, FetchFailed):
                raise answer
            return answer
        assert (method, body, headers["authorization"]) == ("PUT", b"", "Bearer platform")
        blob = self.dialect is BLOB_STORAGE
        condition = "if-none-match" if blob else "x-goog-if-generation-match"
        assert headers[condition] == ("*" if blob else "0")
        if target.path in self.held:
            code = {"x-ms-error-code": "BlobAlreadyExists"}
            return Answer(409, code, b"") if blob else Answer(412, {}, b"")
        self.held[target.path] = headers
        return Answer(201 if blob else 200, {}, b"")


def by_rest(asked: Store) -> ConditionalPutStore:
    api = CloudApi(lambda _url, _seconds: {"authorization": "Bearer platform"}, transport=asked)
    return ConditionalPutStore(api, "https://store.test/used-tokens", asked.dialect)


BOTH = pytest.mark.parametrize("dialect", [BLOB_STORAGE, CLOUD_STORAGE])


@BOTH
def test_a_key_is_new_once_in_the_other_clouds_too(dialect: Dialect) -> None:
    asked = Store(dialect)
    assert by_rest(asked).first_use("a", 7)
    assert not by_rest(asked).first_use("a", 7)
    assert by_rest(asked).first_use("b", 7)
    (headers, _) = asked.held.values()
    assert list(asked.held) == ["/used-tokens/used/a", "/used-tokens/used/b"]
    assert "7" in {value for name, value in headers.items() if "expires" in name}


@pytest.mark.parametrize(
    ("dialect", "answer"),
    [
        # "Blob service error codes": other conflicts are about the container or the account.
        (BLOB_STORAGE, Answer(409, {"x-ms-error-code": "ContainerBeingDeleted"}, b"")),
        (BLOB_STORAGE, Answer(412, {"x-ms-error-code": "LeaseIdMissing"}, b"")),
        (CLOUD_STORAGE, Answer(409, {}, b"")),
        *(
            (dialect, answer)
            for dialect in (BLOB_STORAGE, CLOUD_STORAGE)
            for answer in (
                Answer(304, {}, b""),
                Answer(403, {}, b""),
                Answer(404, {}, b""),
                Answer(429, {}, b""),
                Answer(503, {}, b""),
                FetchFailed(FailureReason.TIMEOUT),
                FetchFailed(FailureReason.CREDENTIALS_MISSING),
            )
        ),
    ],
)
def test_no_answer_of_theirs_is_taken_for_new(
    dialect: Dialect, answer: Answer | FetchFailed
) -> None:
    with pytest.raises(ReplayUnchecked):
        by_rest(Store(dialect, answer)).first_use("a", 7)
