"""What an interrupted run may have made on AWS: found by name and tags, and by nothing less."""

from __future__ import annotations

import datetime
import json
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from components.aws import leftovers
from components.aws.leftovers import Aws
from signet.errors import CouldNotCheck
from signet.interrupted import Wanted
from tests.components.conftest import Whole

OURS = {"signet:environment": "dev", "signet:generation": "1"}
THEIRS = {"signet:environment": "prod"}


def refused(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no"}}, "Operation")


class Cloud:
    """Answers of any service: a value, or an error to raise, by method name."""

    def __init__(self, **answers: Any) -> None:
        self.answers = answers

    def __getattr__(self, name: str) -> Any:
        def call(**arguments: Any) -> Any:
            answer = self.answers[name]
            if callable(answer):
                answer = answer(**arguments)
            if isinstance(answer, Exception):
                raise answer
            return answer

        return call

    def get_paginator(self, name: str) -> Any:
        class Pages:
            def paginate(_self, **arguments: Any) -> list[Any]:  # noqa: N805
                return [getattr(self, name)(**arguments)]

        return Pages()


@pytest.fixture
def looking(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Look for one resource in a cloud that answers as told."""

    def look(
        kind: str, inputs: dict[str, Any], recorded: tuple[str, ...] = (), **answers: Any
    ) -> Any:
        monkeypatch.setattr(Aws, "client", lambda _self, _service: Cloud(**answers))
        wanted = Wanted(type=kind, name="n", inputs=inputs, recorded=dict.fromkeys(recorded, ({},)))
        return leftovers.find(wanted)

    return look


STAGE = "aws:apigatewayv2/stage:Stage"


@pytest.mark.parametrize(("recorded_in", "found"), [("other", ["$default"]), ("api", [])])
def test_a_stage_is_recorded_only_with_its_api(
    monkeypatch: pytest.MonkeyPatch, recorded_in: str, found: list[str]
) -> None:
    # Every HTTP API has a stage `$default`: the token service's was taken for the gateway's.
    answers = {"get_stages": {"Items": [{"StageName": "$default"}]}}
    monkeypatch.setattr(Aws, "client", lambda _self, _service: Cloud(**answers))
    wanted = Wanted(
        type=STAGE,
        name="token-service-stage",
        inputs={"apiId": "api", "name": "$default"},
        recorded={"$default": [{"apiId": recorded_in, "name": "$default"}]},
    )
    assert leftovers.find(wanted) == found


def as_list(tags: dict[str, str], key: str = "Key", value: str = "Value") -> list[dict[str, str]]:
    return [{key: name, value: text} for name, text in tags.items()]


@pytest.mark.parametrize(("tags", "found"), [(OURS, ["r"]), (THEIRS, []), ({}, [])])
def test_a_role_of_that_name_is_ours_by_its_tags(
    looking: Any, tags: dict[str, str], found: list[str]
) -> None:
    assert (
        looking(
            "aws:iam/role:Role",
            {"name": "r", "tags": OURS},
            get_role={},
            list_role_tags={"Tags": as_list(tags)},
        )
        == found
    )


@pytest.mark.parametrize(
    ("tags", "objects", "found"),
    [
        (as_list(OURS), 3, ["b"]),
        (as_list(THEIRS), 0, []),
        (refused("NoSuchTagSet"), 0, ["b"]),
        (refused("NoSuchTagSet"), 1, []),
    ],
)
def test_a_bucket_of_that_name_is_ours_by_its_tags_or_when_it_is_bare(
    looking: Any, tags: Any, objects: int, found: list[str]
) -> None:
    assert (
        looking(
            "aws:s3/bucket:Bucket",
            {"bucket": "b", "tags": OURS},
            head_bucket={},
            get_bucket_tagging=tags if isinstance(tags, Exception) else {"TagSet": tags},
            list_objects_v2={"KeyCount": objects},
        )
        == found
    )


@pytest.mark.parametrize(("tags", "found"), [(OURS, ["f"]), (THEIRS, [])])
def test_a_function_of_that_name_is_ours_by_its_tags(
    looking: Any, tags: dict[str, str], found: list[str]
) -> None:
    told = {"Configuration": {"FunctionName": "f"}, "Tags": tags}
    inputs = {"name": "f", "tags": OURS}
    assert looking("aws:lambda/function:Function", inputs, get_function=told) == found


@pytest.mark.parametrize(("tags", "found"), [(OURS, ["/g"]), (THEIRS, [])])
def test_a_log_group_is_ours_by_its_whole_name_and_its_tags(
    looking: Any, tags: dict[str, str], found: list[str]
) -> None:
    groups = [{"logGroupName": name, "arn": f"arn:{name}:*"} for name in ("/g", "/g-other")]
    assert (
        looking(
            "aws:cloudwatch/logGroup:LogGroup",
            {"name": "/g", "tags": OURS},
            describe_log_groups={"logGroups": groups},
            list_tags_for_resource=lambda resourceArn: {"tags": tags},  # noqa: N803
        )
        == found
    )


@pytest.mark.parametrize("name", ["aws-validators-log", "aws-gateways-access"])
def test_a_log_group_that_all_services_share_is_found_by_what_is_declared_of_it(
    looking: Any, whole: Whole, name: str
) -> None:
    group = whole().one(name)
    called, tags = group.inputs["name"], group.inputs["tags"]
    there = [{"logGroupName": each, "arn": f"arn:{each}:*"} for each in (called, f"{called}-old")]
    told = {
        "describe_log_groups": {"logGroups": there},
        "list_tags_for_resource": lambda resourceArn: {"tags": tags},  # noqa: N803
    }
    assert looking(group.type, group.inputs, **told) == [called]
    assert looking(group.type, group.inputs, (called,), **told) == []


def test_the_role_that_a_rings_validators_share_is_found_by_what_is_declared_of_it(
    looking: Any, whole: Whole
) -> None:
    role = whole().one("environment-validators-role")
    tags = [{"Key": key, "Value": value} for key, value in role.inputs["tags"].items()]
    told = {"get_role": {}, "list_role_tags": {"Tags": tags}}
    assert looking(role.type, role.inputs, **told) == ["signet-test-environment-validator"]
    theirs = {"get_role": {}, "list_role_tags": {"Tags": []}}
    assert looking(role.type, role.inputs, **theirs) == []


def test_what_counts_lines_is_put_again_whoever_put_it(looking: Any, whole: Whole) -> None:
    filters = whole().of("aws:cloudwatch/logMetricFilter:LogMetricFilter")
    assert filters
    assert [looking(each.type, each.inputs) for each in filters] == [[]] * len(filters)


def test_a_saved_query_is_ours_by_its_whole_name(looking: Any) -> None:
    pages = {
        None: {"queryDefinitions": [_saved("1", "Signet dev/Why not")], "nextToken": "more"},
        "more": {"queryDefinitions": [_saved("2", "Signet dev/Why")]},
    }

    def told(queryDefinitionNamePrefix: str, nextToken: str | None = None) -> Any:  # noqa: N803
        assert queryDefinitionNamePrefix == "Signet dev/Why"
        return pages[nextToken]

    inputs = {"name": "Signet dev/Why"}
    kind = "aws:cloudwatch/queryDefinition:QueryDefinition"
    assert looking(kind, inputs, describe_query_definitions=told) == ["2"]


def _saved(identity: str, name: str) -> dict[str, str]:
    return {"queryDefinitionId": identity, "name": name, "queryString": "fields @message"}


def test_keys_are_found_by_tags_oldest_first_and_only_those_that_may_still_be_used(
    looking: Any,
) -> None:
    def when(day: int) -> datetime.datetime:
        return datetime.datetime(2026, 1, day, tzinfo=datetime.UTC)

    keys: dict[str, tuple[Any, str, datetime.datetime]] = {
        "newer": (OURS, "Enabled", when(2)),
        "older": (OURS, "Disabled", when(1)),
        "leaving": (OURS, "PendingDeletion", when(1)),
        "others": (THEIRS, "Enabled", when(1)),
        "hidden": (refused("AccessDeniedException"), "Enabled", when(1)),
        "recorded": (OURS, "Enabled", when(1)),
    }

    def tags(KeyId: str) -> Any:  # noqa: N803
        told = keys[KeyId][0]
        if isinstance(told, Exception):
            return told
        return {"Tags": as_list(told, "TagKey", "TagValue")}

    found = looking(
        "aws:kms/key:Key",
        {"tags": OURS},
        ("recorded",),
        list_keys={"Keys": [{"KeyId": each} for each in keys]},
        list_resource_tags=tags,
        describe_key=lambda KeyId: {  # noqa: N803
            "KeyMetadata": {"KeyState": keys[KeyId][1], "CreationDate": keys[KeyId][2]}
        },
    )
    assert found == ["older", "newer"]


@pytest.mark.parametrize(
    ("inputs", "found"),
    [
        ({"statementId": "one"}, ["one"]),
        ({"statementId": "none"}, []),
        ({"sourceArn": "arn:b", "principal": "apigateway.amazonaws.com"}, ["two"]),
    ],
)
def test_a_permission_is_its_statement(
    looking: Any, inputs: dict[str, str], found: list[str]
) -> None:
    policy = {
        "Statement": [
            {
                "Sid": sid,
                "Principal": {"Service": "apigateway.amazonaws.com"},
                "Condition": {"ArnLike": {"AWS:SourceArn": arn}},
            }
            for sid, arn in (("one", "arn:a"), ("two", "arn:b"))
        ]
    }
    kind = "aws:lambda/permission:Permission"
    told = {"Policy": json.dumps(policy)}
    assert looking(kind, {"function": "f", **inputs}, get_policy=told) == found


@pytest.mark.parametrize("code", ["NoSuchEntity", "404", "ResourceNotFoundException"])
def test_what_is_not_there_is_not_found(looking: Any, code: str) -> None:
    assert looking("aws:iam/role:Role", {"name": "r"}, get_role=refused(code)) == []


@pytest.mark.parametrize(
    "error",
    [refused("AccessDenied"), refused("Throttling"), EndpointConnectionError(endpoint_url="x")],
)
def test_an_aws_that_does_not_say_could_not_be_checked(looking: Any, error: Exception) -> None:
    with pytest.raises(CouldNotCheck, match="nothing was changed"):
        looking("aws:iam/role:Role", {"name": "r"}, get_role=error)


def test_a_type_without_a_rule_cannot_be_looked_for(looking: Any) -> None:
    assert looking("aws:ec2/vpc:Vpc", {}) is None


def test_what_is_put_as_a_whole_is_put_again(looking: Any) -> None:
    assert looking("aws:s3/bucketPolicy:BucketPolicy", {"bucket": "b"}) == []
