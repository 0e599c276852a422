"""Log groups, into which Lambda really writes."""

from __future__ import annotations

from typing import Any

from sandbox.aws.cloud import Aws, absent, present, region_of, tag_changes
from sandbox.plugin.spec import (
    BOOL,
    INT,
    STR,
    Autoname,
    Call,
    Resource,
    State,
    choice,
    map_of,
    opt,
    table,
)
from sandbox.plugin.values import Props

_GONE = ("ResourceNotFoundException",)
_REGION = opt(STR, replace=True, computed=True)


def _logs(call: Call, props: Props) -> Any:
    cloud: Aws = call.cloud
    return cloud.client("logs", props.get("region"))


# Log groups. internal/service/logs/group.go


def _create_group(call: Call, inputs: Props) -> str:
    logs, name = _logs(call, inputs), str(inputs["name"])
    logs.create_log_group(
        logGroupName=name,
        **present(
            kmsKeyId=inputs.get("kmsKeyId"),
            logGroupClass=inputs.get("logGroupClass"),
            tags=inputs.get("tags") or None,
        ),
    )
    call.made(name)
    _retain(logs, name, inputs)
    return name


def _retain(logs: Any, name: str, inputs: Props) -> None:
    days = inputs.get("retentionInDays", 0)
    if days:
        logs.put_retention_policy(logGroupName=name, retentionInDays=days)
    else:
        with absent(*_GONE):
            logs.delete_retention_policy(logGroupName=name)


def _read_group(call: Call, name: str, known: Props) -> State | None:
    logs = _logs(call, known)
    for page in logs.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=name):
        for group in page["logGroups"]:
            if group["logGroupName"] == name:
                arn = group["arn"].removesuffix(":*")
                tags = logs.list_tags_for_resource(resourceArn=arn).get("tags") or {}
                return State(
                    name,
                    present(
                        name=name,
                        arn=arn,
                        kmsKeyId=group.get("kmsKeyId"),
                        logGroupClass=group.get("logGroupClass"),
                        region=region_of(call, known),
                        retentionInDays=group.get("retentionInDays", 0),
                        tags=tags,
                        tagsAll=tags,
                    ),
                )
    return None


def _update_group(call: Call, name: str, old: Props, new: Props, changed: frozenset[str]) -> None:
    logs = _logs(call, old)
    if "retentionInDays" in changed:
        _retain(logs, name, new)
    if "kmsKeyId" in changed:
        if new.get("kmsKeyId"):
            logs.associate_kms_key(logGroupName=name, kmsKeyId=new["kmsKeyId"])
        else:
            logs.disassociate_kms_key(logGroupName=name)
    if "tags" in changed:
        wanted, dropped = tag_changes(old, new)
        if wanted:
            logs.tag_resource(resourceArn=old["arn"], tags=wanted)
        if dropped:
            logs.untag_resource(resourceArn=old["arn"], tagKeys=dropped)


def _delete_group(call: Call, name: str, state: Props) -> None:
    if state.get("skipDestroy"):
        return
    with absent(*_GONE):
        _logs(call, state).delete_log_group(logGroupName=name)


_GROUP = Resource(
    "aws:cloudwatch/logGroup:LogGroup",
    inputs={
        "kmsKeyId": opt(STR),
        "logGroupClass": opt(
            choice("STANDARD", "INFREQUENT_ACCESS", "DELIVERY"), replace=True, computed=True
        ),
        "name": opt(STR, replace=True),
        "region": _REGION,
        "retentionInDays": opt(INT, default=0),
        "skipDestroy": opt(BOOL, default=False, kept=True),
        "tags": opt(map_of(STR)),
    },
    outputs=frozenset({"arn", "tagsAll"}),
    create=_create_group,
    read=_read_group,
    update=_update_group,
    delete=_delete_group,
    autoname=Autoname("name", 512),
    unsettled={"tagsAll": frozenset({"tags"})},
)


RESOURCES = table(_GROUP)
