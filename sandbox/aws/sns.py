"""SNS topics and their subscriptions: ministack keeps them; nobody is asked to confirm one."""

from __future__ import annotations

from typing import Any

from sandbox.aws.cloud import Aws, absent, region_of, tag_changes
from sandbox.plugin.spec import (
    STR,
    Autoname,
    Call,
    Resource,
    State,
    choice,
    map_of,
    opt,
    req,
    table,
)
from sandbox.plugin.values import Props

_REGION = opt(STR, replace=True, computed=True)
_GONE = ("NotFound", "NotFoundException")


def _client(call: Call, props: Props) -> Any:
    cloud: Aws = call.cloud
    return cloud.client("sns", props.get("region"))


# Topics. internal/service/sns/topic.go


def _create_topic(call: Call, inputs: Props) -> str:
    tags = [{"Key": k, "Value": v} for k, v in (inputs.get("tags") or {}).items()]
    made = _client(call, inputs).create_topic(
        Name=inputs["name"],
        Attributes={"DisplayName": inputs.get("displayName", "")},
        Tags=tags,
    )
    return str(made["TopicArn"])


def _read_topic(call: Call, arn: str, known: Props) -> State | None:
    client = _client(call, known)
    found: Props | None = None
    with absent(*_GONE):
        found = client.get_topic_attributes(TopicArn=arn)["Attributes"]
    if found is None:
        return None
    listed = client.list_tags_for_resource(ResourceArn=arn).get("Tags") or []
    tags = {each["Key"]: each["Value"] for each in listed}
    return State(
        arn,
        {
            "arn": arn,
            "name": arn.rpartition(":")[2],
            "displayName": found.get("DisplayName", ""),
            "region": region_of(call, known),
            "tags": tags,
            "tagsAll": tags,
        },
    )


def _update_topic(call: Call, arn: str, old: Props, new: Props, changed: frozenset[str]) -> None:
    client = _client(call, old)
    if "displayName" in changed:
        client.set_topic_attributes(
            TopicArn=arn, AttributeName="DisplayName", AttributeValue=new.get("displayName", "")
        )
    wanted, dropped = tag_changes(old, new)
    if wanted:
        client.tag_resource(
            ResourceArn=arn, Tags=[{"Key": k, "Value": v} for k, v in wanted.items()]
        )
    if dropped:
        client.untag_resource(ResourceArn=arn, TagKeys=dropped)


def _delete_topic(call: Call, arn: str, state: Props) -> None:
    with absent(*_GONE):
        _client(call, state).delete_topic(TopicArn=arn)


_TOPIC = Resource(
    "aws:sns/topic:Topic",
    inputs={
        "displayName": opt(STR, default=""),
        "name": opt(STR, replace=True),
        "region": _REGION,
        "tags": opt(map_of(STR)),
    },
    outputs=frozenset({"arn", "tagsAll"}),
    create=_create_topic,
    read=_read_topic,
    update=_update_topic,
    delete=_delete_topic,
    autoname=Autoname("name", 256),
    unsettled={"tagsAll": frozenset({"tags"})},
)


# Subscriptions. internal/service/sns/topic_subscription.go: each change is another one.


def _create_subscription(call: Call, inputs: Props) -> str:
    made = _client(call, inputs).subscribe(
        TopicArn=inputs["topic"],
        Protocol=inputs["protocol"],
        Endpoint=inputs["endpoint"],
        ReturnSubscriptionArn=True,
    )
    return str(made["SubscriptionArn"])


def _read_subscription(call: Call, arn: str, known: Props) -> State | None:
    found: Props | None = None
    with absent(*_GONE):
        found = _client(call, known).get_subscription_attributes(SubscriptionArn=arn)["Attributes"]
    if found is None:
        return None
    return State(
        arn,
        {
            "arn": arn,
            "endpoint": found["Endpoint"],
            "protocol": found["Protocol"],
            "topic": found["TopicArn"],
            "region": region_of(call, known),
        },
    )


def _delete_subscription(call: Call, arn: str, state: Props) -> None:
    with absent(*_GONE):
        _client(call, state).unsubscribe(SubscriptionArn=arn)


_SUBSCRIPTION = Resource(
    "aws:sns/topicSubscription:TopicSubscription",
    inputs={
        "endpoint": req(STR, replace=True),
        "protocol": req(choice("email", "https"), replace=True),
        "region": _REGION,
        "topic": req(STR, replace=True),
    },
    outputs=frozenset({"arn"}),
    create=_create_subscription,
    read=_read_subscription,
    delete=_delete_subscription,
)

RESOURCES = table(_TOPIC, _SUBSCRIPTION)
