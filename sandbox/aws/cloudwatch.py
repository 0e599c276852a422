"""Log groups, metric filters and alarms. No metric feeds the filters and alarms in ministack."""

from __future__ import annotations

from typing import Any

from sandbox.aws.cloud import Aws, absent, parse_id, present, tag_changes
from sandbox.plugin.spec import (
    BOOL,
    INT,
    NUM,
    STR,
    Autoname,
    Call,
    Resource,
    State,
    choice,
    map_of,
    obj,
    opt,
    req,
    set_of,
    table,
)
from sandbox.plugin.values import Props

_GONE = ("ResourceNotFoundException",)
_REGION = opt(STR, replace=True, computed=True)


def _client(call: Call, service: str, props: Props) -> Any:
    cloud: Aws = call.cloud
    return cloud.client(service, props.get("region"))


def _region(call: Call, known: Props) -> str:
    return str(known.get("region") or call.cloud.region)


# Log groups. internal/service/logs/group.go


def _create_group(call: Call, inputs: Props) -> str:
    logs, name = _client(call, "logs", inputs), str(inputs["name"])
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
    logs = _client(call, "logs", known)
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
                        region=_region(call, known),
                        retentionInDays=group.get("retentionInDays", 0),
                        tags=tags,
                        tagsAll=tags,
                    ),
                )
    return None


def _update_group(call: Call, name: str, old: Props, new: Props, changed: frozenset[str]) -> None:
    logs = _client(call, "logs", old)
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
        _client(call, "logs", state).delete_log_group(logGroupName=name)


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


# Metric filters. internal/service/logs/metric_filter.go


def _put_filter(call: Call, inputs: Props) -> str:
    transformation = inputs["metricTransformation"]
    default = transformation.get("defaultValue")
    _client(call, "logs", inputs).put_metric_filter(
        logGroupName=inputs["logGroupName"],
        filterName=inputs["name"],
        filterPattern=inputs["pattern"].strip(),
        metricTransformations=[
            present(
                metricName=transformation["name"],
                metricNamespace=transformation["namespace"],
                metricValue=transformation["value"],
                unit=transformation.get("unit"),
                defaultValue=float(default) if default not in (None, "") else None,
                dimensions=transformation.get("dimensions"),
            )
        ],
    )
    return str(inputs["name"])


def _read_filter(call: Call, name: str, known: Props) -> State | None:
    if known:
        group = known["logGroupName"]
    else:
        group, name = parse_id(name, 2, "log-group:filter", ":")
    logs = _client(call, "logs", known)
    found: list[Props] = []
    with absent(*_GONE):
        found = logs.describe_metric_filters(logGroupName=group, filterNamePrefix=name)[
            "metricFilters"
        ]
    for entry in found:
        if entry["filterName"] == name:
            told = entry["metricTransformations"][0]
            default = told.get("defaultValue")
            return State(
                name,
                {
                    "name": name,
                    "logGroupName": group,
                    "pattern": entry.get("filterPattern", ""),
                    "region": _region(call, known),
                    "metricTransformation": present(
                        name=told["metricName"],
                        namespace=told["metricNamespace"],
                        value=told["metricValue"],
                        unit=told.get("unit"),
                        defaultValue=None if default is None else f"{default:g}",
                        dimensions=told.get("dimensions") or None,
                    ),
                },
            )
    return None


def _update_filter(
    call: Call,
    name: str,
    old: Props,
    new: Props,
    changed: frozenset[str],
) -> None:
    _put_filter(call, {**new, "name": name})


def _delete_filter(call: Call, name: str, state: Props) -> None:
    with absent(*_GONE):
        _client(call, "logs", state).delete_metric_filter(
            logGroupName=state["logGroupName"], filterName=name
        )


_FILTER = Resource(
    "aws:cloudwatch/logMetricFilter:LogMetricFilter",
    inputs={
        "logGroupName": req(STR, replace=True),
        "metricTransformation": req(
            obj(
                name=req(STR),
                namespace=req(STR),
                value=req(STR),
                defaultValue=opt(STR),
                unit=opt(STR, default="None"),
                dimensions=opt(map_of(STR)),
            )
        ),
        "name": opt(STR, replace=True),
        "pattern": req(STR),
        "region": _REGION,
    },
    outputs=frozenset(),
    create=_put_filter,
    read=_read_filter,
    update=_update_filter,
    delete=_delete_filter,
    autoname=Autoname("name", 512),
)


# Alarms. internal/service/cloudwatch/metric_alarm.go

_ALARM_FIELDS = {
    "actionsEnabled": "ActionsEnabled",
    "alarmActions": "AlarmActions",
    "alarmDescription": "AlarmDescription",
    "comparisonOperator": "ComparisonOperator",
    "datapointsToAlarm": "DatapointsToAlarm",
    "evaluationPeriods": "EvaluationPeriods",
    "extendedStatistic": "ExtendedStatistic",
    "insufficientDataActions": "InsufficientDataActions",
    "metricName": "MetricName",
    "namespace": "Namespace",
    "okActions": "OKActions",
    "period": "Period",
    "statistic": "Statistic",
    "threshold": "Threshold",
    "treatMissingData": "TreatMissingData",
    "unit": "Unit",
}


def _put_alarm(call: Call, inputs: Props) -> str:
    dimensions = [{"Name": k, "Value": v} for k, v in (inputs.get("dimensions") or {}).items()]
    tags = [{"Key": k, "Value": v} for k, v in (inputs.get("tags") or {}).items()]
    _client(call, "cloudwatch", inputs).put_metric_alarm(
        AlarmName=inputs["name"],
        **present(
            Dimensions=dimensions or None,
            Tags=tags or None,
            **{api: inputs.get(ours) for ours, api in _ALARM_FIELDS.items()},
        ),
    )
    return str(inputs["name"])


def _create_alarm(call: Call, inputs: Props) -> str:
    # PutMetricAlarm overwrites an alarm of the same name at AWS too; nothing is found and reused.
    return _put_alarm(call, inputs)


def _read_alarm(call: Call, name: str, known: Props) -> State | None:
    cloudwatch = _client(call, "cloudwatch", known)
    found = cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"]
    if not found:
        return None
    alarm = found[0]
    told = cloudwatch.list_tags_for_resource(ResourceARN=alarm["AlarmArn"]).get("Tags") or []
    tags = {t["Key"]: t["Value"] for t in told}
    return State(
        name,
        present(
            name=name,
            arn=alarm["AlarmArn"],
            dimensions={d["Name"]: d["Value"] for d in alarm.get("Dimensions") or []},
            region=_region(call, known),
            tags=tags,
            tagsAll=tags,
            **{ours: alarm.get(api) or None for ours, api in _ALARM_FIELDS.items()},
        )
        | {
            "actionsEnabled": bool(alarm.get("ActionsEnabled", True)),
            "threshold": alarm.get("Threshold"),
        },
    )


def _update_alarm(call: Call, name: str, old: Props, new: Props, changed: frozenset[str]) -> None:
    if changed - {"tags"}:
        _put_alarm(call, {**new, "name": name, "tags": {}})
    if "tags" in changed:
        cloudwatch = _client(call, "cloudwatch", old)
        wanted, dropped = tag_changes(old, new)
        if wanted:
            cloudwatch.tag_resource(
                ResourceARN=old["arn"], Tags=[{"Key": k, "Value": v} for k, v in wanted.items()]
            )
        if dropped:
            cloudwatch.untag_resource(ResourceARN=old["arn"], TagKeys=dropped)


def _delete_alarm(call: Call, name: str, state: Props) -> None:
    with absent(*_GONE):
        _client(call, "cloudwatch", state).delete_alarms(AlarmNames=[name])


_ALARM = Resource(
    "aws:cloudwatch/metricAlarm:MetricAlarm",
    inputs={
        "actionsEnabled": opt(BOOL, default=True),
        "alarmActions": opt(set_of(STR)),
        "alarmDescription": opt(STR),
        "comparisonOperator": req(
            choice(
                "GreaterThanOrEqualToThreshold",
                "GreaterThanThreshold",
                "LessThanThreshold",
                "LessThanOrEqualToThreshold",
            )
        ),
        "datapointsToAlarm": opt(INT),
        "dimensions": opt(map_of(STR)),
        "evaluationPeriods": req(INT),
        "extendedStatistic": opt(STR),
        "insufficientDataActions": opt(set_of(STR)),
        "metricName": req(STR),
        "name": opt(STR, replace=True),
        "namespace": req(STR),
        "okActions": opt(set_of(STR)),
        "period": req(INT),
        "region": _REGION,
        "statistic": opt(choice("SampleCount", "Average", "Sum", "Minimum", "Maximum")),
        "tags": opt(map_of(STR)),
        "threshold": req(NUM),
        "treatMissingData": opt(
            choice("missing", "ignore", "breaching", "notBreaching"), default="missing"
        ),
        "unit": opt(STR),
    },
    outputs=frozenset({"arn", "tagsAll"}),
    create=_create_alarm,
    read=_read_alarm,
    update=_update_alarm,
    delete=_delete_alarm,
    autoname=Autoname("name", 255),
    unsettled={"tagsAll": frozenset({"tags"})},
)

RESOURCES = table(_GROUP, _FILTER, _ALARM)
