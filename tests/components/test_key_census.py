"""Finding KMS keys by tag: every page, bounded, and never guessed."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from components.adoption import FoundKey
from components.aws.clients import kms as kms_client
from components.aws.key_census import MOST_KEYS, find_keys
from components.aws.settings import AwsSettings
from components.settings import parse
from components.surroundings import Surroundings
from signet.errors import CouldNotCheck
from tests.components.conftest import SETTINGS

ARN = "arn:aws:kms:eu-central-1:111122223333:key/"


def settings(**surroundings: Any) -> AwsSettings:
    raw = {k: v if isinstance(v, str) else json.dumps(v) for k, v in SETTINGS.items()}
    aws = parse(raw, Surroundings(stack="test", **surroundings)).aws
    assert aws is not None
    return aws


class FakeAws:
    """The tagging service and KMS, holding keys with tags."""

    def __init__(self, keys: dict[str, tuple[dict[str, str], str, int]], page: int = 2) -> None:
        self.keys = keys
        self.page = page
        self.asked: dict[str, Any] = {}

    def get_paginator(self, name: str) -> "FakeAws":
        assert name == "get_resources"
        return self

    def paginate(self, **asked: Any) -> Iterator[dict[str, Any]]:
        self.asked = asked
        items = [
            {
                "ResourceARN": ARN + identity,
                "Tags": [{"Key": k, "Value": v} for k, v in tags.items()],
            }
            for identity, (tags, _, _) in self.keys.items()
        ]
        for start in range(0, len(items), self.page):
            yield {"ResourceTagMappingList": items[start : start + self.page]}

    def describe_key(self, KeyId: str) -> dict[str, Any]:  # noqa: N803 - the SDK's name
        identity = KeyId.removeprefix(ARN)
        _, state, at = self.keys[identity]
        return {
            "KeyMetadata": {
                "KeyId": identity,
                "KeyState": state,
                "CreationDate": datetime.fromtimestamp(at, UTC),
            }
        }


def tags(generation: str, ring: str = "environment") -> dict[str, str]:
    return {
        "signet:environment": "test",
        "signet:ring": ring,
        "signet:generation": generation,
        "signet:cloud": "aws",
    }


def find(fake: FakeAws) -> tuple[FoundKey, ...]:
    return find_keys(settings(), "test", lambda _: fake, lambda _: fake)  # type: ignore[arg-type, return-value]


def test_every_page_is_read_and_the_oldest_key_comes_first() -> None:
    fake = FakeAws(
        {
            "c": (tags("2"), "Disabled", 30),
            "b": (tags("1"), "Enabled", 20),
            "a": (tags("1"), "PendingDeletion", 10),
            "d": (tags("x"), "Creating", 40),
        }
    )
    found = find(fake)
    assert [(key.id, key.generation, key.status) for key in found] == [
        ("a", 1, "gone"),
        ("b", 1, "enabled"),
        ("c", 2, "disabled"),
        ("d", 0, "gone"),
    ]
    assert fake.asked["TagFilters"] == [
        {"Key": "signet:environment", "Values": ["test"]},
        {"Key": "signet:generation"},
    ]
    assert fake.asked["ResourceTypeFilters"] == ["kms:key"]


def test_a_runaway_stops() -> None:
    keys = {str(n): (tags(str(n)), "Enabled", n) for n in range(MOST_KEYS + 1)}
    with pytest.raises(CouldNotCheck, match="more than"):
        find(FakeAws(keys, page=100))


def test_a_refusal_stops_and_names_the_rights_that_are_missing() -> None:
    class Refusing(FakeAws):
        def paginate(self, **asked: Any) -> Iterator[dict[str, Any]]:
            raise ClientError({"Error": {"Code": "AccessDenied"}}, "GetResources")

    with pytest.raises(CouldNotCheck) as raised:
        find(Refusing({}))
    assert "tag:GetResources" in raised.value.remedy


def test_addresses_from_the_environment_never_move_a_client(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_ENDPOINT_URL_KMS", "http://127.0.0.1:1")
    outside = kms_client(settings())
    assert outside.meta.endpoint_url == "https://kms.eu-central-1.amazonaws.com"
    inside = kms_client(settings(in_sandbox=True, aws_endpoint="http://127.0.0.1:4566"))
    assert inside.meta.endpoint_url == "http://127.0.0.1:4566"
