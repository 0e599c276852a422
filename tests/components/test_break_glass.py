"""A bad day: conditional writes and a disabled key, as AWS's API takes them; and leftovers."""

import io
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from components.adoption import FoundKey
from components.aws.break_glass import AwsBreakGlass
from components.azure.break_glass import AzureBreakGlass
from components.break_glass import Held, Overtaken, hands
from signet.errors import CouldNotCheck
from signet.observed import StoreReading
from tests.components.test_read_back import SET, aws_settings, parsed, refused

WHERE = {"Bucket": "signet-test-keys", "Key": ".well-known/jwks.json"}


@dataclass
class Aws:
    """Answers every call with what it is given, and keeps what was asked."""

    answer: Any = None
    asked: list[dict[str, Any]] = field(default_factory=list)

    def _said(self, **asked: Any) -> Any:
        self.asked.append(asked)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    disable_key = get_object = put_object = schedule_key_deletion = _said


def hand(aws: Aws) -> AwsBreakGlass:
    return AwsBreakGlass(aws_settings(), "public, max-age=300", kms=lambda _: aws, s3=lambda _: aws)  # type: ignore[arg-type, return-value]


def test_what_is_held_carries_its_entity_tag() -> None:
    aws = Aws({"Body": io.BytesIO(SET), "ETag": '"e1"'})
    found = hand(aws).held()
    assert (found.reading.status, found.body, found.version) == ("read", SET, '"e1"')
    assert aws.asked == [WHERE]


def test_a_document_that_is_missing_is_absent() -> None:
    found = hand(Aws(refused("NoSuchKey"))).held()
    assert (found.reading.status, found.version) == ("absent", None)


@pytest.mark.parametrize(
    ("version", "condition"), [('"e1"', {"IfMatch": '"e1"'}), (None, {"IfNoneMatch": "*"})]
)
def test_a_write_names_the_version_that_it_replaces(
    version: str | None, condition: dict[str, str]
) -> None:
    aws = Aws({})
    hand(aws).write("{}", Held(reading=StoreReading("absent"), version=version))
    assert aws.asked == [
        {
            **WHERE,
            "Body": b"{}",
            "ContentType": "application/jwk-set+json",
            "CacheControl": "public, max-age=300",
            **condition,
        }
    ]


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (refused("PreconditionFailed"), Overtaken),
        (refused("ConditionalRequestConflict"), Overtaken),
        (refused("AccessDenied"), CouldNotCheck),
        (EndpointConnectionError(endpoint_url="https://s3"), CouldNotCheck),
    ],
)
def test_a_write_that_is_too_late_is_told_apart_from_one_that_is_refused(
    error: Exception, expected: type[Exception]
) -> None:
    with pytest.raises(expected):
        hand(Aws(error)).write("{}", Held(reading=StoreReading("absent"), version='"e1"'))


@pytest.mark.parametrize("error", [None, refused("KMSInvalidStateException")])
def test_a_key_is_disabled_or_cannot_sign_already(error: ClientError | None) -> None:
    aws = Aws(error)
    hand(aws).disable_key("arn:key")
    assert aws.asked == [{"KeyId": "arn:key"}]


@pytest.mark.parametrize(
    "error",
    [refused("AccessDeniedException"), EndpointConnectionError(endpoint_url="https://kms")],
)
def test_a_key_that_is_not_disabled_is_told_with_the_right_that_is_needed(error: Exception) -> None:
    with pytest.raises(CouldNotCheck) as caught:
        hand(Aws(error)).disable_key("arn:key")
    assert "kms:DisableKey" in caught.value.remedy


def test_bytes_that_are_no_set_count_as_none_where_they_may_be_replaced() -> None:
    strange = StoreReading("unverified", detail="not JSON")
    assert Held(reading=strange, body=b"<", version="1").judged.status == "absent"
    assert Held(reading=strange).judged.status == "unverified"


LEFTOVER = FoundKey(
    cloud="aws", id="k1", ring="r", generation=1, status="enabled", created_at=1, name="dev-r-1"
)


def test_a_leftover_on_aws_is_given_up_with_the_waiting_time_of_the_settings() -> None:
    aws = Aws({})
    assert hand(aws).remove_key(LEFTOVER, 7).startswith("is deleted in 7 days")
    assert aws.asked == [{"KeyId": "k1", "PendingWindowInDays": 7}]
    with pytest.raises(CouldNotCheck):
        hand(Aws(refused("AccessDeniedException"))).remove_key(LEFTOVER, 7)


@dataclass
class Vault:
    """A Key Vault key with some versions."""

    versions: tuple[str, ...]
    done: list[str] = field(default_factory=list)

    def list_properties_of_key_versions(self, _name: str) -> list[SimpleNamespace]:
        return [SimpleNamespace(version=version) for version in self.versions]

    def update_key_properties(self, name: str, version: str, *, enabled: bool) -> None:
        self.done.append(f"{name}/{version} enabled={enabled}")

    def begin_delete_key(self, name: str) -> None:
        self.done.append(f"delete {name}")


@pytest.mark.parametrize(
    ("versions", "done"),
    [(("k1",), "delete dev-r-1"), (("k0", "k1"), "dev-r-1/k1 enabled=False")],
)
def test_a_leftover_on_azure_never_takes_a_version_in_use_with_it(
    versions: tuple[str, ...], done: str
) -> None:
    vault = Vault(versions)
    settings = SimpleNamespace(vault_url="https://v.vault.azure.net")
    made = AzureBreakGlass(settings, "", keys=lambda _: vault)  # type: ignore[arg-type, return-value]
    made.remove_key(LEFTOVER, 7)
    assert vault.done == [done]


@pytest.mark.parametrize(
    ("ring", "path"),
    [("environment", ".well-known/jwks.json"), ("orders", "orders/.well-known/jwks.json")],
)
def test_the_set_of_one_ring_is_not_written_over_anothers(
    ring: str, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    aws = Aws(refused("NoSuchKey"))
    made = hands(parsed(), ring)
    assert set(made) == {"aws"}
    monkeypatch.setattr(made["aws"], "_s3", lambda _: aws)
    made["aws"].held()
    assert aws.asked == [{**WHERE, "Key": path}]
