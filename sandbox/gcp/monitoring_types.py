"""Log metrics, alert policies, dashboards and saved queries: kept by the fake, which counts, alerts
and asks nothing.

Source of ids and of what replaces: hashicorp/terraform-provider-google, services/logging and
services/monitoring.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping

from sandbox.gcp.kms_types import DELETION, refuse_deletion
from sandbox.plugin.spec import (
    BOOL,
    JSON,
    NUM,
    STR,
    Call,
    Prop,
    Resource,
    State,
    choice,
    list_of,
    map_of,
    obj,
    opt,
    req,
    table,
)
from sandbox.plugin.values import Props

_PROJECT = opt(STR, replace=True, computed=True)
_POLICY = opt(DELETION, default="DELETE", kept=True)


NameOf = Callable[[Call, Props], str]


def _numbered(kind: str) -> NameOf:
    """Google makes up a random name; this one is made of the URN, and so its own in a stack."""

    def name_of(call: Call, given: Props) -> str:
        digest = hashlib.sha256(call.urn.encode()).hexdigest()
        return f"projects/{given['project']}/{kind}/{int(digest[:15], 16)}"

    return name_of


def _kept(
    token: str, kind: str, inputs: Mapping[str, Prop], outputs: frozenset[str], name_of: NameOf
) -> Resource:
    """A type of which the fake remembers the inputs; `name_of` gives its id."""

    def create(call: Call, given: Props) -> str:
        name = name_of(call, given)
        call.cloud.create(kind, name, given)
        return name

    def read(call: Call, name: str, known: Props) -> State | None:
        found = call.cloud.read(kind, name)
        if found is None:
            return None
        told = {key: value for key, value in found["inputs"].items() if key != "__defaults"}
        made = {"name": name, "creationRecords": [], "verificationStatus": ""}
        return State(name, {**told, **{each: made[each] for each in outputs}})

    def update(call: Call, name: str, old: Props, new: Props, changed: frozenset[str]) -> None:
        call.cloud.change(kind, name, new)

    def delete(call: Call, name: str, state: Props) -> None:
        if not refuse_deletion(state):
            call.cloud.delete(kind, name)

    return Resource(
        token,
        inputs=inputs,
        outputs=outputs,
        create=create,
        read=read,
        update=update,
        delete=delete,
    )


_METRIC = _kept(
    "gcp:logging/metric:Metric",
    "metric",
    {
        "deletionPolicy": _POLICY,
        "description": opt(STR),
        "filter": req(STR),
        "labelExtractors": opt(map_of(STR)),
        "metricDescriptor": opt(
            obj(
                metricKind=req(choice("DELTA", "GAUGE", "CUMULATIVE")),
                valueType=req(choice("INT64", "DISTRIBUTION")),
                labels=opt(list_of(obj(key=req(STR), valueType=opt(choice("STRING", "INT64"))))),
            )
        ),
        "name": opt(STR, replace=True),
        "project": _PROJECT,
    },
    frozenset(),
    lambda _call, given: str(given["name"]),
)

_AGGREGATION = obj(alignmentPeriod=opt(STR), perSeriesAligner=opt(STR), crossSeriesReducer=opt(STR))
_THRESHOLD = obj(
    aggregations=opt(list_of(_AGGREGATION)),
    comparison=req(choice("COMPARISON_GT", "COMPARISON_LT")),
    duration=req(STR),
    filter=opt(STR),
    thresholdValue=opt(NUM),
)

_ALERT = _kept(
    "gcp:monitoring/alertPolicy:AlertPolicy",
    "alertPolicies",
    {
        "combiner": req(choice("OR", "AND", "AND_WITH_MATCHING_RESOURCE")),
        "conditions": req(list_of(obj(displayName=req(STR), conditionThreshold=opt(_THRESHOLD)))),
        "deletionPolicy": _POLICY,
        "displayName": req(STR),
        "documentation": opt(obj(content=opt(STR), mimeType=opt(STR))),
        "enabled": opt(BOOL, default=True),
        "notificationChannels": opt(list_of(STR)),
        "project": _PROJECT,
        "severity": opt(choice("CRITICAL", "ERROR", "WARNING")),
        "userLabels": opt(map_of(STR)),
    },
    frozenset({"creationRecords", "name"}),
    _numbered("alertPolicies"),
)

_DASHBOARD = _kept(
    "gcp:monitoring/dashboard:Dashboard",
    "dashboards",
    {"dashboardJson": req(JSON), "deletionPolicy": _POLICY, "project": _PROJECT},
    frozenset(),
    _numbered("dashboards"),
)

_SAVED_QUERY = _kept(
    "gcp:logging/savedQuery:SavedQuery",
    "savedQueries",
    {
        "deletionPolicy": _POLICY,
        "description": opt(STR),
        "displayName": req(STR),
        "location": req(STR, replace=True),
        "loggingQuery": opt(obj(filter=req(STR))),
        "name": opt(STR, replace=True),
        "parent": req(STR, replace=True),
        "visibility": req(choice("SHARED", "PRIVATE")),
    },
    frozenset(),
    lambda _call, given: (
        f"{given['parent']}/locations/{given['location']}/savedQueries/{given['name']}"
    ),
)

_CHANNEL = _kept(
    "gcp:monitoring/notificationChannel:NotificationChannel",
    "notificationChannels",
    {
        "deletionPolicy": _POLICY,
        "description": opt(STR),
        "displayName": opt(STR),
        "enabled": opt(BOOL, default=True),
        "forceDelete": opt(BOOL, default=False, kept=True),
        "labels": opt(map_of(STR)),
        "project": _PROJECT,
        "type": req(STR),
        "userLabels": opt(map_of(STR)),
    },
    frozenset({"name", "verificationStatus"}),
    _numbered("notificationChannels"),
)

RESOURCES = table(_METRIC, _ALERT, _CHANNEL, _DASHBOARD, _SAVED_QUERY)
