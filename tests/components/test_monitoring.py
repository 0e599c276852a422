"""Alarms, dashboards and queries in three clouds, held to the audit lines that validators write.

No emulator evaluates a metric filter, a KQL query or a log-based metric (ministack keeps filters
and counts nothing; Azure's and Google's fakes are ours), so what is held here is every field name
and every value in them to the schema of the lines, and every signal to real lines.
"""

import functools
import json
import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pulumi
import pytest

from components.aws import monitoring as aws
from components.aws import monitoring_documents as aws_documents
from components.azure import monitoring as azure
from components.azure import monitoring_documents as azure_documents
from components.gcp import monitoring as gcp
from components.gcp import monitoring_documents as gcp_documents
from components.queries import Query, load
from signet.issuing.exchange.lines import Trace, exchange_line
from signet.issuing.exchange.refusal import ExchangeRefused
from signet.issuing.exchange.refusal import Reason as Refused
from signet.paths import repo_root
from signet.signals import Signal, WatchedService, exchange_signals, of_service, signals
from tests.components import mocked
from tests.components.conftest import Whole
from tests.components.test_services import ALL
from tests.unit.verification.test_audit import (
    AUDIT,
    SCHEMA,
    checked,
    settings,
)
from validator_functions.verification.audit import audit_line, key_event_line, overdue_line
from validator_functions.verification.decision import Decision, Request
from validator_functions.verification.key_source import KeyEvent
from validator_functions.verification.reasons import Reason

SIGNALS = signals(refusals=100, unknown_keys=50)
EXCHANGES = exchange_signals(refusals=100)
LINES = {**SCHEMA["$defs"]["decision"]["properties"], **SCHEMA["$defs"]["keys"]["properties"]}
NAMES = [signal.name for signal in SIGNALS]
EVERY_SIGNAL = pytest.mark.parametrize(
    "signal", [*SIGNALS, *EXCHANGES], ids=[*NAMES, *(signal.name for signal in EXCHANGES)]
)


def values_of(field: str) -> set[Any]:
    return set(LINES[field]["enum"])


# --- the signals ----------------------------------------------------------------------------------


@EVERY_SIGNAL
def test_a_signal_is_about_fields_and_values_that_lines_have(signal: Signal) -> None:
    lines = SCHEMA["$defs"][signal.kind]
    assert signal.field in lines["required"]
    assert set(signal.values) <= set(lines["properties"][signal.field]["enum"])


def raised_by(line: str) -> list[str]:
    told = checked(line)
    return [
        signal.name
        for signal in (*SIGNALS, *EXCHANGES)
        if told["signet"] == signal.kind and told[signal.field] in signal.values
    ]


REQUEST = Request("GET", "/orders/7", (), "request-1")


@pytest.mark.parametrize("reason", [*Reason, None])
def test_each_decision_raises_the_signals_of_its_status(reason: Reason | None) -> None:
    status = 200 if reason is None else reason.status
    wanted = {200: [], 401: ["refusals"], 403: ["refusals"], 503: ["could-not-check"]}[status]
    if reason is Reason.KEY_UNKNOWN:
        wanted = [*wanted, "unknown-keys"]
    decision = Decision(reason=reason, issuer="i" if reason is None else None)
    assert raised_by(audit_line(decision, REQUEST, settings(), 1.0, "http_api")) == wanted


@pytest.mark.parametrize("event", sorted(values_of("event") - {"rotation_overdue"}))
def test_an_event_that_asks_for_a_person_raises_one(event: str) -> None:
    alarming = event.startswith("sequence_") or event == "set_refused"
    told = KeyEvent(event, issuer="https://i.test", url="https://s.test", alarm=alarming)
    assert raised_by(key_event_line(told, settings(), 1.0)) == (["key-sets"] if alarming else [])


@pytest.mark.parametrize("reason", Refused)
def test_each_refused_exchange_raises_the_signal_of_its_status(reason: Refused) -> None:
    refusal = ExchangeRefused(reason, "as the test says")
    line = exchange_line(
        Trace(parts={"total": 1.0}), refusal, environment="prod", cloud="gcp", at=1.0
    )
    wanted = {
        400: ["exchange-refusals"],
        429: ["exchange-limits"],
        500: ["exchange-failures"],
        503: ["exchange-failures"],
    }
    assert raised_by(line) == wanted.get(refusal.status, [])


def test_keys_that_nobody_rotated_raise_one() -> None:
    assert raised_by(overdue_line(settings(**AUDIT), 1.0)) == ["rotation-overdue"]


# --- each cloud's words ---------------------------------------------------------------------------


@EVERY_SIGNAL
def test_a_metric_filter_names_the_signals_field_and_values(signal: Signal) -> None:
    pattern = aws_documents.pattern(signal)
    terms = re.findall(r"\(\$\.(\w+) = (\"\w+\"|\d+)\)", pattern)
    wanted = [("signet", f'"{signal.kind}"')]
    wanted += [(signal.field, json.dumps(value)) for value in signal.values]
    assert terms == wanted
    assert len(pattern) <= 1_024  # CloudWatch Logs quotas


def test_the_metric_filter_reads_as_cloudwatch_documents_it() -> None:
    assert aws_documents.pattern(SIGNALS[0]) == (
        '{ ($.signet = "decision") && (($.status = 401) || ($.status = 403)) }'
    )


@EVERY_SIGNAL
def test_a_kql_condition_names_the_signals_field_and_values(signal: Signal) -> None:
    text = azure_documents.condition(signal)
    assert f'"signet":"{signal.kind}"' in text
    (found,) = re.findall(r"where (tostring|toint)\(line\.(\w+)\) in \((.*)\)", text)
    kind = "toint" if isinstance(signal.values[0], int) else "tostring"
    assert found[:2] == (kind, signal.field)
    assert json.loads(f"[{found[2]}]") == list(signal.values)


@EVERY_SIGNAL
def test_a_log_metrics_condition_names_a_label_of_the_metric(signal: Signal) -> None:
    text = gcp_documents.condition_filter("prod", signal)
    exchange = signal.kind == "exchange"
    assert signal.field in (gcp_documents.EXCHANGE_LABELS if exchange else gcp_documents.LABELS)
    (values,) = re.findall(rf"metric\.labels\.{signal.field}=one_of\((.*?)\)", text)
    assert json.loads(f"[{values}]") == [str(value) for value in signal.values]
    named = gcp_documents.exchanges_name if exchange else gcp_documents.metric_name
    assert f'metric.type="logging.googleapis.com/user/{named("prod")}"' in text


def test_the_log_metric_counts_lines_of_one_environment() -> None:
    fields = re.findall(r"jsonPayload\.(\w+)", gcp_documents.metric_filter("prod"))
    assert set(fields) | set(gcp_documents.LABELS) <= set(LINES)
    assert 'jsonPayload.environment="prod"' in gcp_documents.metric_filter("prod")


def test_the_exchanges_metric_counts_what_ended_without_a_token() -> None:
    text = gcp_documents.exchanges_filter("prod")
    fields = {*re.findall(r"jsonPayload\.(\w+)", text), *gcp_documents.EXCHANGE_LABELS}
    assert fields <= set(SCHEMA["$defs"]["exchange"]["properties"])
    assert 'jsonPayload.environment="prod"' in text
    assert 'jsonPayload.signet="exchange"' in text


# --- the questions --------------------------------------------------------------------------------

QUERIES = {
    "aws": aws_documents.SAVED,
    "azure": azure_documents.SAVED,
    "gcp": gcp_documents.SAVED,
}
EVERY_QUERY = pytest.mark.parametrize(
    ("cloud", "name"), [(cloud, name) for cloud, names in QUERIES.items() for name in names]
)

# What CloudWatch Logs Insights calls its own ("CloudWatch Logs Insights language query syntax").
INSIGHTS = {
    *("filter", "fields", "stats", "sort", "limit", "and", "in", "as", "by", "desc"),
    *("count", "count_distinct", "earliest", "latest", "bin", "m", "timestamp"),
}


def fields_of(cloud: str, text: str) -> set[str]:
    if cloud == "aws":
        plain = re.sub(r'"[^"]*"', "", text)
        made = set(re.findall(r"\bas (\w+)", plain))
        return set(re.findall(r"[a-z_]+", plain)) - INSIGHTS - made
    return set(re.findall(rf"{'line' if cloud == 'azure' else 'jsonPayload'}\.(\w+)", text))


@EVERY_QUERY
def test_a_query_asks_for_fields_that_lines_have(cloud: str, name: str) -> None:
    (query,) = load(cloud, [name])
    fields = fields_of(cloud, query.text)
    assert fields
    assert fields <= set(LINES)


@EVERY_QUERY
def test_a_query_compares_with_values_that_lines_have(cloud: str, name: str) -> None:
    (query,) = load(cloud, [name])
    texts = set(re.findall(r'"(\w+)"', query.text.replace('{"signet":', "")))
    known = values_of("reason") | {"decision", "keys", "cloud_run_revision", "ENVIRONMENT"}
    assert texts <= known


def test_every_query_file_is_saved_with_the_environment() -> None:
    for cloud, names in QUERIES.items():
        files = (repo_root() / "components" / cloud / "queries").iterdir()
        assert {path.stem for path in files} == set(names)


@EVERY_QUERY
def test_the_page_prints_the_query_as_it_is(cloud: str, name: str) -> None:
    page = (repo_root() / "docs" / "audit.md").read_text()
    (query,) = load(cloud, [name])
    assert query.text in page
    assert query.title in page


# --- the dashboards -------------------------------------------------------------------------------


def titles(cloud: str, names: Sequence[str]) -> list[str]:
    return [query.title for query in load(cloud, names)]


def test_awss_dashboard_has_every_signal_and_every_question() -> None:
    told = json.loads(aws_documents.dashboard("prod", "eu-central-1", SIGNALS, "/signet/a"))
    chart, *logs = told["widgets"]
    assert [metric[:2] for metric in chart["properties"]["metrics"]] == [
        ["Signet/prod", name] for name in NAMES
    ]
    assert [log["properties"]["title"] for log in logs] == titles("aws", aws_documents.QUESTIONS)
    for log in logs:
        query = log["properties"]["query"]
        assert query.startswith("SOURCE '/signet/a' | filter ")
        assert log["properties"]["region"] == "eu-central-1"
    places = {(each["x"], each["y"]) for each in told["widgets"]}
    assert len(places) == len(told["widgets"])


def test_azures_workbook_asks_the_one_workspace_every_question() -> None:
    told = json.loads(azure_documents.workbook("prod", "/w/1"))
    asked = [item["content"] for item in told["items"] if item["type"] == 3]
    assert [item["title"] for item in asked] == titles("azure", azure_documents.QUESTIONS)
    assert all(item["crossComponentResources"] == ["/w/1"] for item in asked)


def test_googles_dashboard_has_every_signal_and_every_question() -> None:
    told = json.loads(gcp_documents.dashboard("prod", SIGNALS))
    widgets = [tile["widget"] for tile in told["mosaicLayout"]["tiles"]]
    chart, by_reason, *panels = widgets
    assert len(chart["xyChart"]["dataSets"]) == len(SIGNALS)
    assert "metric.label.reason" in json.dumps(by_reason)
    assert [panel["title"] for panel in panels] == titles("gcp", gcp_documents.QUESTIONS)
    assert "ENVIRONMENT" not in json.dumps(told)


def test_a_query_is_its_title_and_its_text() -> None:
    assert load("gcp", ["keys"]) == (
        Query(
            "What happened to keys",
            'resource.type="cloud_run_revision"\njsonPayload.signet="keys"\n'
            'jsonPayload.environment="ENVIRONMENT"',
        ),
    )


# --- the components -------------------------------------------------------------------------------


def _aws(target: str, services: Sequence[WatchedService] = ()) -> Any:
    args = aws.MonitoringArgs(
        environment="prod",
        region="eu-central-1",
        log_group="/signet/prod/validators",
        signals=SIGNALS,
        topic=target,
        services=services,
    )
    return aws.Monitoring("watch", args)


def _azure(target: str) -> Any:
    args = azure.MonitoringArgs(
        environment="prod",
        resource_group="group",
        scope="/subscriptions/s/resourceGroups/group",
        location="westeurope",
        account="examplekeys",
        workspace=pulumi.Output.from_input("/w/1"),
        signals=SIGNALS,
        action_group=target,
    )
    return azure.Monitoring("watch", args)


def _gcp(target: str) -> Any:
    args = gcp.MonitoringArgs(
        environment="prod", project="example-org-prod", signals=SIGNALS, channel=target
    )
    return gcp.Monitoring("watch", args)


CLOUDS: Mapping[str, tuple[Callable[[str], Any], str, str]] = {
    "aws": (_aws, "aws:cloudwatch/metricAlarm:MetricAlarm", "name"),
    "azure": (_azure, "azure-native:monitor:ScheduledQueryRule", "ruleName"),
    "gcp": (_gcp, "gcp:monitoring/alertPolicy:AlertPolicy", "displayName"),
}


@pytest.mark.parametrize("cloud", CLOUDS)
@pytest.mark.parametrize("target", ["", "the-target"])
def test_each_signal_is_an_alarm_that_tells_whom_it_is_to_tell(cloud: str, target: str) -> None:
    declare, kind, name = CLOUDS[cloud]
    made: list[Any] = []
    run = mocked.run(lambda: made.append(declare(target)))
    alarms = {alarm.inputs[name]: alarm.inputs for alarm in run.of(kind)}
    assert list(made[0].alarms) == [f"signet-prod-{n}" for n in NAMES]
    assert set(alarms) == set(made[0].alarms)
    for signal in SIGNALS:
        told = json.dumps(mocked.plain(alarms[signal.alarm_name("prod")]))
        assert ("the-target" in told) == bool(target)
        assert signal.runbook in told
    (component,) = [resource for resource in run.resources if not resource.custom]
    assert component.type == f"signet:{cloud}:Monitoring"
    assert component.urn in run.finished


def test_alarms_begin_at_the_same_number_in_every_cloud() -> None:
    at = {
        cloud: {each.inputs[name]: each.inputs for each in mocked.run(declare).of(kind)}
        for cloud, (declare, kind, name) in (
            (cloud, (functools.partial(told[0], ""), *told[1:])) for cloud, told in CLOUDS.items()
        )
    }
    for signal in SIGNALS:
        name = signal.alarm_name("prod")
        on_aws = at["aws"][name]
        assert (on_aws["threshold"], on_aws["period"]) == (signal.threshold, signal.minutes * 60)
        assert on_aws["comparisonOperator"] == "GreaterThanOrEqualToThreshold"
        on_azure = at["azure"][name]
        (condition,) = on_azure["criteria"]["allOf"]
        assert condition["threshold"] == signal.threshold
        assert condition["operator"] == "GreaterThanOrEqual"
        assert on_azure["windowSize"] == ("PT1H" if signal.minutes == 60 else "PT5M")
        on_gcp = at["gcp"][name]
        threshold = on_gcp["conditions"][0]["conditionThreshold"]
        assert threshold["thresholdValue"] == signal.threshold - 1
        assert threshold["comparison"] == "COMPARISON_GT"
        assert threshold["aggregations"][0]["alignmentPeriod"] == f"{signal.minutes * 60}s"


def test_on_aws_lines_are_counted_once_for_all_services_and_once_for_each() -> None:
    run = mocked.run(lambda: _aws("", OWN))
    filters = run.of("aws:cloudwatch/logMetricFilter:LogMetricFilter")
    assert {each.inputs["logGroupName"] for each in filters} == {"/signet/prod/validators"}
    counted = [each.inputs["metricTransformation"] for each in filters]
    assert {each["namespace"] for each in counted} == {"Signet/prod"}
    assert sorted(each["name"] for each in counted if "dimensions" not in each) == sorted(NAMES)
    of_services = {each["name"]: each["dimensions"] for each in counted if "dimensions" in each}
    # As many whatever the number of services, of which there are three here.
    assert of_services == {name: {"service": "$.service"} for name in OF_A_SERVICE}
    assert len({each.inputs["name"] for each in filters}) == len(filters)


def test_on_aws_an_environments_alarm_and_a_services_never_read_the_same_metric() -> None:
    alarms = mocked.run(lambda: _aws("", OWN)).of("aws:cloudwatch/metricAlarm:MetricAlarm")
    read = [(each.inputs["metricName"], each.inputs.get("dimensions")) for each in alarms]
    wanted: list[tuple[str, Any]] = [(name, None) for name in NAMES]
    wanted += [(name, {"service": each.name}) for each in OWN for name in OF_A_SERVICE]
    assert sorted(read, key=str) == sorted(wanted, key=str)


def test_a_service_is_named_in_every_line_that_is_counted_for_it() -> None:
    for signal in of_service("orders", SIGNALS):
        assert "service" in SCHEMA["$defs"][signal.kind]["required"]


def test_the_whole_program_exports_its_alarms(whole: Whole) -> None:
    run = whole(settings={"awsAlarmTopic": "arn:aws:sns:eu-central-1:111122223333:oncall"})
    assert run.exports["monitoring"] == {"aws": [f"signet-test-{name}" for name in NAMES]}
    for alarm in run.of("aws:cloudwatch/metricAlarm:MetricAlarm"):
        assert alarm.inputs["alarmActions"] == ["arn:aws:sns:eu-central-1:111122223333:oncall"]


SAVED: Mapping[str, tuple[str, str, str]] = {
    "aws": ("aws:cloudwatch/queryDefinition:QueryDefinition", "name", "queryString"),
    "azure": ("azure-native:operationalinsights:Query", "displayName", "body"),
    "gcp": ("gcp:logging/savedQuery:SavedQuery", "displayName", "loggingQuery"),
}


@pytest.mark.parametrize("cloud", SAVED)
def test_every_question_is_a_saved_query_of_the_environment(cloud: str) -> None:
    kind, title, text = SAVED[cloud]
    declare = functools.partial(CLOUDS[cloud][0], "")
    saved = {each.inputs[title]: mocked.plain(each.inputs) for each in mocked.run(declare).of(kind)}
    queries = load(cloud, QUERIES[cloud])
    before = {"aws": "Signet prod/", "azure": "", "gcp": "Signet prod: "}[cloud]
    assert set(saved) == {f"{before}{query.title}" for query in queries}
    for query in queries:
        asked = saved[f"{before}{query.title}"][text]
        asked = asked["filter"] if cloud == "gcp" else asked
        assert asked == (gcp_documents.about(query.text, "prod") if cloud == "gcp" else query.text)


def test_azures_queries_are_in_one_pack_of_the_environment_by_fixed_ids() -> None:
    run = mocked.run(functools.partial(_azure, ""))
    (pack,) = run.of("azure-native:operationalinsights:QueryPack")
    assert pack.inputs["queryPackName"] == "signet-prod"
    ids = [each.inputs["id"] for each in run.of("azure-native:operationalinsights:Query")]
    assert all(str(uuid.UUID(identity)) == identity for identity in ids)
    assert len(set(ids)) == len(azure_documents.SAVED)


def test_awss_queries_are_asked_of_every_validators_lines() -> None:
    asked = mocked.run(lambda: _aws("", OWN)).of("aws:cloudwatch/queryDefinition:QueryDefinition")
    assert {tuple(each.inputs["logGroupNames"]) for each in asked} == {("/signet/prod/validators",)}


OF_A_SERVICE = ["refusals", "could-not-check"]

OWN = [
    WatchedService(
        name=name,
        contact=contact,
        clouds=["aws", "azure", "gcp"],
        signals=of_service(name, SIGNALS),
    )
    for name, contact in (
        ("orders", "orders@example.com"),
        ("bills", "https://alarms.example.com/bills"),
        ("refunds", "orders@example.com"),
    )
]


def test_a_service_has_alarms_on_its_own_lines_that_tell_its_contact_in_each_cloud(
    whole: Whole, tmp_path: Path
) -> None:
    text = """\
service: {name}
owner: team
contact: {contact}
clouds: [aws, azure, gcp]
audience: https://{name}.example.com
routes:
  - {{methods: [GET], path: "/x", scopes: ["x:read"]}}
"""
    for each in OWN:
        path = tmp_path / f"{each.name}.yaml"
        path.write_text(text.format(name=each.name, contact=each.contact))
    run = whole(settings={**ALL, "services": str(tmp_path)})
    names = [f"signet-test-{s.name}-{n}" for s in OWN for n in ("refusals", "could-not-check")]
    for cloud, (_, kind, name) in CLOUDS.items():
        assert set(names) < set(run.exports["monitoring"][cloud])
        alarms = {each.inputs[name]: json.dumps(mocked.plain(each.inputs)) for each in run.of(kind)}
        told = {
            each: [part for part in _told(run, cloud) if part in alarms[each]] for each in names
        }
        # Two services of one contact have one resource that tells it; nobody else is told.
        assert [len(parts) for parts in told.values()] == [1] * len(names)
        assert told["signet-test-orders-refusals"] == told["signet-test-refunds-refusals"]
        assert told["signet-test-orders-refusals"] != told["signet-test-bills-refusals"]
        assert len(_told(run, cloud)) == 2
        for signal in ("refusals", "could-not-check"):
            assert not any(part in alarms[f"signet-test-{signal}"] for part in _told(run, cloud))
    assert 'metric.labels.service=\\"orders\\"' in _condition(run, "gcp")
    assert 'tostring(line.service) == \\"orders\\"' in _condition(run, "azure")


_TELLS = {
    "aws": ("aws:sns/topic:Topic", "arn"),
    "azure": ("azure-native:monitor:ActionGroup", "id"),
    "gcp": ("gcp:monitoring/notificationChannel:NotificationChannel", "name"),
}


def _told(run: mocked.Run, cloud: str) -> list[str]:
    """What alarms name of the resources that tell contacts, as the mocks make it up."""
    return [each.name for each in run.of(_TELLS[cloud][0])]


def _condition(run: mocked.Run, cloud: str) -> str:
    _, kind, name = CLOUDS[cloud]
    found = next(r for r in run.of(kind) if r.inputs[name] == "signet-test-orders-refusals")
    return json.dumps(mocked.plain(found.inputs))


def test_a_contact_is_told_by_mail_or_by_a_request() -> None:
    run = mocked.run(lambda: _every("orders@example.com", "https://alarms.example.com/x"))
    subscribed = {
        each.inputs["endpoint"]: each.inputs["protocol"]
        for each in run.of("aws:sns/topicSubscription:TopicSubscription")
    }
    assert subscribed == {"orders@example.com": "email", "https://alarms.example.com/x": "https"}
    groups = [each.inputs for each in run.of("azure-native:monitor:ActionGroup")]
    # In which order the two are registered is the engine's business.
    mails = [each["emailAddress"] for group in groups for each in group.get("emailReceivers") or ()]
    assert mails == ["orders@example.com"]
    calls = [each["serviceUri"] for group in groups for each in group.get("webhookReceivers") or ()]
    assert calls == ["https://alarms.example.com/x"]
    channels = sorted(
        (each.inputs["type"], each.inputs["labels"])
        for each in run.of("gcp:monitoring/notificationChannel:NotificationChannel")
    )
    assert channels == [
        ("email", {"email_address": "orders@example.com"}),
        ("webhook_tokenauth", {"url": "https://alarms.example.com/x"}),
    ]


def _every(*contacts: str) -> None:
    azure_args = azure.AlarmArgs(
        environment="prod", resource_group="g", scope="s", location="westeurope", action_group=""
    )
    gcp_args = gcp.AlarmArgs(environment="prod", project="example-org-prod", channel="")
    none = pulumi.ResourceOptions()
    for number, contact in enumerate(contacts):
        aws.contact_topic(f"aws-{number}", "prod", contact, none)
        azure.contact_group(f"azure-{number}", azure_args, contact, none)
        gcp.contact_channel(f"gcp-{number}", gcp_args, contact, none)
