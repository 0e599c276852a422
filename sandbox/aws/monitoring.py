"""Metric filters, alarms, dashboards and saved queries: ministack keeps them and evaluates alarms
on metrics that are put; it does not count log lines. Saved queries are a fake's
(`ministack_server`).
"""

from __future__ import annotations

from typing import Any

from sandbox.aws.cloud import ACCOUNT, Aws, absent, parse_id, present, region_of, tag_changes
from sandbox.plugin.spec import (
    BOOL,
    INT,
    JSON,
    NUM,
    STR,
    Autoname,
    Call,
    Resource,
    State,
    choice,
    list_of,
    map_of,
    obj,
    opt,
    req,
    set_of,
    table,
)
from sandbox.plugin.values import Props

_REGION = opt(STR, replace=True, computed=True)


def _client(call: Call, props: Props, service: str = "cloudwatch") -> Any:
    cloud: Aws = call.cloud
    return cloud.client(service, props.get("region"))


# Metric filters. internal/service/logs/metric_filter.go


def _found_filter(call: Call, known: Props, group: str, name: str) -> Props | None:
    with absent("ResourceNotFoundException"):
        told = _client(call, known, "logs").describe_metric_filters(
            logGroupName=group, filterNamePrefix=name
        )
        for each in told["metricFilters"]:
            if each["filterName"] == name:
                found: Props = each
                return found
    return None


def _put_filter(call: Call, inputs: Props) -> None:
    counted = inputs["metricTransformation"]
    _client(call, inputs, "logs").put_metric_filter(
        logGroupName=inputs["logGroupName"],
        filterName=inputs["name"],
        filterPattern=inputs["pattern"],
        metricTransformations=[
            {
                "metricName": counted["name"],
                "metricNamespace": counted["namespace"],
                "metricValue": counted["value"],
                **present(dimensions=counted.get("dimensions")),
            }
        ],
    )


def _create_filter(call: Call, inputs: Props) -> str:
    _put_filter(call, inputs)
    return str(inputs["name"])


def _read_filter(call: Call, name: str, known: Props) -> State | None:
    group = known.get("logGroupName")
    if group is None:
        group, name = parse_id(name, 2, "log_group_name:name", ":")
    found = _found_filter(call, known, group, name)
    if found is None:
        return None
    (counted,) = found["metricTransformations"]
    return State(
        name,
        {
            "logGroupName": group,
            "name": name,
            "pattern": found["filterPattern"],
            "metricTransformation": {
                "name": counted["metricName"],
                "namespace": counted["metricNamespace"],
                "value": counted["metricValue"],
                **present(dimensions=counted.get("dimensions") or None),
            },
            "region": region_of(call, known),
        },
    )


def _update_filter(call: Call, name: str, old: Props, new: Props, changed: frozenset[str]) -> None:
    _put_filter(call, new)


def _delete_filter(call: Call, name: str, state: Props) -> None:
    with absent("ResourceNotFoundException"):
        _client(call, state, "logs").delete_metric_filter(
            logGroupName=state["logGroupName"], filterName=state["name"]
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
                dimensions=opt(map_of(STR)),
            )
        ),
        "name": opt(STR, replace=True),
        "pattern": req(STR),
        "region": _REGION,
    },
    outputs=frozenset(),
    create=_create_filter,
    read=_read_filter,
    update=_update_filter,
    delete=_delete_filter,
    autoname=Autoname("name", 512),
)


# Alarms. internal/service/cloudwatch/metric_alarm.go

_ALARM = {
    "actionsEnabled": "ActionsEnabled",
    "alarmActions": "AlarmActions",
    "alarmDescription": "AlarmDescription",
    "comparisonOperator": "ComparisonOperator",
    "evaluationPeriods": "EvaluationPeriods",
    "metricName": "MetricName",
    "name": "AlarmName",
    "namespace": "Namespace",
    "okActions": "OKActions",
    "period": "Period",
    "statistic": "Statistic",
    "threshold": "Threshold",
    "treatMissingData": "TreatMissingData",
}


def _found_alarm(call: Call, known: Props, name: str) -> Props | None:
    told = _client(call, known).describe_alarms(AlarmNames=[name])["MetricAlarms"]
    return told[0] if told else None


def _put_alarm(call: Call, inputs: Props) -> None:
    told = {api: inputs[ours] for ours, api in _ALARM.items() if inputs.get(ours) is not None}
    about = [{"Name": key, "Value": each} for key, each in (inputs.get("dimensions") or {}).items()]
    tags = [{"Key": key, "Value": value} for key, value in (inputs.get("tags") or {}).items()]
    _client(call, inputs).put_metric_alarm(
        **told, **present(Tags=tags or None, Dimensions=about or None)
    )


def _create_alarm(call: Call, inputs: Props) -> str:
    _put_alarm(call, inputs)
    return str(inputs["name"])


def _read_alarm(call: Call, name: str, known: Props) -> State | None:
    found = _found_alarm(call, known, name)
    if found is None:
        return None
    told = _client(call, known).list_tags_for_resource(ResourceARN=found["AlarmArn"])["Tags"]
    tags = {each["Key"]: each["Value"] for each in told}
    props = {ours: found.get(api) for ours, api in _ALARM.items()}
    for ours in ("alarmActions", "okActions", "alarmDescription"):
        props[ours] = props[ours] or None
    about = {each["Name"]: each["Value"] for each in found.get("Dimensions") or []}
    return State(
        name,
        present(
            **props,
            arn=found["AlarmArn"],
            dimensions=about or None,
            region=region_of(call, known),
            tags=tags,
            tagsAll=tags,
        ),
    )


def _update_alarm(call: Call, name: str, old: Props, new: Props, changed: frozenset[str]) -> None:
    # A put of an alarm that exists leaves its tags as they are.
    _put_alarm(call, {**new, "tags": None})
    if "tags" in changed:
        wanted, dropped = tag_changes(old, new)
        client = _client(call, old)
        if wanted:
            tags = [{"Key": key, "Value": value} for key, value in wanted.items()]
            client.tag_resource(ResourceARN=old["arn"], Tags=tags)
        if dropped:
            client.untag_resource(ResourceARN=old["arn"], TagKeys=dropped)


def _delete_alarm(call: Call, name: str, state: Props) -> None:
    _client(call, state).delete_alarms(AlarmNames=[name])


_METRIC_ALARM = Resource(
    "aws:cloudwatch/metricAlarm:MetricAlarm",
    inputs={
        "actionsEnabled": opt(BOOL, default=True),
        "alarmActions": opt(set_of(STR)),
        "alarmDescription": opt(STR),
        "comparisonOperator": opt(choice("GreaterThanOrEqualToThreshold", "GreaterThanThreshold")),
        "dimensions": opt(map_of(STR)),
        "evaluationPeriods": opt(INT),
        "metricName": opt(STR),
        "name": opt(STR, replace=True),
        "namespace": opt(STR),
        "okActions": opt(set_of(STR)),
        "period": opt(INT),
        "region": _REGION,
        "statistic": opt(choice("Sum", "Average", "Minimum", "Maximum", "SampleCount")),
        "tags": opt(map_of(STR)),
        "threshold": opt(NUM),
        "treatMissingData": opt(
            choice("missing", "ignore", "breaching", "notBreaching"), default="missing"
        ),
    },
    outputs=frozenset({"arn", "tagsAll"}),
    create=_create_alarm,
    read=_read_alarm,
    update=_update_alarm,
    delete=_delete_alarm,
    autoname=Autoname("name", 255),
    unsettled={"tagsAll": frozenset({"tags"})},
)


# Dashboards. internal/service/cloudwatch/dashboard.go


def _found_dashboard(call: Call, known: Props, name: str) -> Props | None:
    with absent("DashboardNotFoundError", "ResourceNotFound"):
        found: Props = _client(call, known).get_dashboard(DashboardName=name)
        return found
    return None


def _put_dashboard(call: Call, inputs: Props) -> None:
    _client(call, inputs).put_dashboard(
        DashboardName=inputs["dashboardName"], DashboardBody=inputs["dashboardBody"]
    )


def _create_dashboard(call: Call, inputs: Props) -> str:
    _put_dashboard(call, inputs)
    return str(inputs["dashboardName"])


def _read_dashboard(call: Call, name: str, known: Props) -> State | None:
    found = _found_dashboard(call, known, name)
    if found is None:
        return None
    return State(
        name,
        {
            "dashboardName": name,
            "dashboardBody": found["DashboardBody"],
            "dashboardArn": found["DashboardArn"],
            "region": region_of(call, known),
        },
    )


def _update_dashboard(
    call: Call, name: str, old: Props, new: Props, changed: frozenset[str]
) -> None:
    _put_dashboard(call, new)


def _delete_dashboard(call: Call, name: str, state: Props) -> None:
    with absent("DashboardNotFoundError", "ResourceNotFound"):
        _client(call, state).delete_dashboards(DashboardNames=[name])


_DASHBOARD = Resource(
    "aws:cloudwatch/dashboard:Dashboard",
    inputs={
        "dashboardBody": req(JSON),
        "dashboardName": req(STR, replace=True),
        "region": _REGION,
    },
    outputs=frozenset({"dashboardArn"}),
    create=_create_dashboard,
    read=_read_dashboard,
    update=_update_dashboard,
    delete=_delete_dashboard,
)

# Saved queries. internal/service/logs/query_definition.go


def _found_query(call: Call, known: Props, identity: str) -> Props | None:
    logs = _client(call, known, "logs")
    page: dict[str, str] = {}
    while True:
        told = logs.describe_query_definitions(**page)
        for each in told["queryDefinitions"]:
            if each["queryDefinitionId"] == identity:
                found: Props = each
                return found
        if not told.get("nextToken"):
            return None
        page = {"nextToken": told["nextToken"]}


def _put_query(call: Call, inputs: Props, identity: str | None = None) -> str:
    told = _client(call, inputs, "logs").put_query_definition(
        name=inputs["name"],
        queryString=inputs["queryString"],
        logGroupNames=inputs.get("logGroupNames") or [],
        **present(queryDefinitionId=identity),
    )
    return str(told["queryDefinitionId"])


def _create_query(call: Call, inputs: Props) -> str:
    return _put_query(call, inputs)


def _read_query(call: Call, identity: str, known: Props) -> State | None:
    found = _found_query(call, known, identity)
    if found is None:
        return None
    region = region_of(call, known)
    return State(
        identity,
        {
            "name": found["name"],
            "queryString": found["queryString"],
            "logGroupNames": found.get("logGroupNames") or [],
            "queryDefinitionId": identity,
            # Service Authorization Reference, CloudWatch Logs.
            "arn": f"arn:aws:logs:{region}:{ACCOUNT}:query-definition:{identity}",
            "region": region,
        },
    )


def _update_query(
    call: Call, identity: str, old: Props, new: Props, changed: frozenset[str]
) -> None:
    _put_query(call, new, identity)


def _delete_query(call: Call, identity: str, state: Props) -> None:
    with absent("ResourceNotFoundException"):
        _client(call, state, "logs").delete_query_definition(queryDefinitionId=identity)


_QUERY = Resource(
    "aws:cloudwatch/queryDefinition:QueryDefinition",
    inputs={
        "logGroupNames": opt(list_of(STR)),
        "name": opt(STR),
        "queryString": req(STR),
        "region": _REGION,
    },
    outputs=frozenset({"arn", "queryDefinitionId"}),
    create=_create_query,
    read=_read_query,
    update=_update_query,
    delete=_delete_query,
    autoname=Autoname("name", 255),
)

RESOURCES = table(_FILTER, _METRIC_ALARM, _DASHBOARD, _QUERY)
