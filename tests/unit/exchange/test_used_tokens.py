"""Used tokens: one conditional write, and what each answer of each cloud's store means."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from signet.issuing.cloud_api import CloudApi
from signet.issuing.exchange.replay import ReplayUnchecked
from signet.issuing.used_tokens.aws import S3ReplayStore
from signet.issuing.used_tokens.conditional_write import (
    BlobStore,
    CloudStorageStore,
    ConditionalWriteStore,
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

    def __init__(self, *answers: Answer | FetchFailed) -> None:
        self.answers = list(answers)
        self.held: dict[str, bytes | None] = {}

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
        assert headers["authorization"] == "Bearer platform"
        path, _, query = target.path.partition("?")
        if method == "PUT":
            assert (headers["if-none-match"], headers["x-ms-blob-type"]) == ("*", "BlockBlob")
            made, there = Answer(201, {}, b""), Answer(409, BLOB_THERE, b"")
        else:
            asked = dict(parse_qsl(query))
            assert (method, asked["ifGenerationMatch"], asked["uploadType"]) == (
                "POST", "0", "media",
            )  # fmt: skip
            path = f"{path}/{asked['name']}"
            made, there = Answer(200, {}, b"{}"), Answer(412, {}, b"{}")
        if path in self.held:
            return there
        self.held[path] = body
        return made


BLOB_THERE = {"x-ms-error-code": "BlobAlreadyExists"}
STORES = [BlobStore, CloudStorageStore]


def by_rest(kind: type[ConditionalWriteStore], asked: Store) -> ConditionalWriteStore:
    api = CloudApi(lambda _url, _seconds: {"authorization": "Bearer platform"}, transport=asked)
    return kind(api, "https://store.test/used-tokens")


@pytest.mark.parametrize("kind", STORES)
def test_a_key_is_new_once_in_the_other_clouds_too(kind: type[ConditionalWriteStore]) -> None:
    asked = Store()
    assert by_rest(kind, asked).first_use("a", 7)
    assert not by_rest(kind, asked).first_use("a", 7)
    assert by_rest(kind, asked).first_use("b", 8)
    assert asked.held == {"/used-tokens/used/a": b"7", "/used-tokens/used/b": b"8"}


@pytest.mark.parametrize(
    ("kind", "answer"),
    [
        # "Blob service error codes": other conflicts are about the container or the account.
        (BlobStore, Answer(409, {"x-ms-error-code": "ContainerBeingDeleted"}, b"")),
        (BlobStore, Answer(412, {"x-ms-error-code": "LeaseIdMissing"}, b"")),
        (CloudStorageStore, Answer(409, {}, b"")),
        *(
            (kind, answer)
            for kind in STORES
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
    kind: type[ConditionalWriteStore], answer: Answer | FetchFailed
) -> None:
    with pytest.raises(ReplayUnchecked):
        by_rest(kind, Store(answer)).first_use("a", 7)
