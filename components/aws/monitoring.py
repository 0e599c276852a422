"""Metrics out of the validators' log lines, alarms on them, and the questions: a dashboard with
their answers, and saved queries.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_aws import cloudwatch

from components.aws import monitoring_documents as documents
from components.aws.tags import environment_tags
from components.queries import Query, load
from signet.signals import Signal


@dataclass(frozen=True, kw_only=True)
class MonitoringArgs:
    """What is watched, and who is told."""

    environment: str
    region: str
    log_groups: Mapping[str, pulumi.Output[str]]
    """By service: where its validator's lines are."""
    signals: Sequence[Signal]
    topic: str
    """ARN of an SNS topic that alarms go to; empty: their state is all that there is."""


class Monitoring(pulumi.ComponentResource):
    """One metric and one alarm for each signal, whichever service it comes from."""

    alarms: Sequence[str]
    """Names of the alarms."""
    dashboard: str
    """Name of the dashboard."""

    def __init__(
        self, name: str, args: MonitoringArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("signet:aws:Monitoring", name, None, opts)
        own = pulumi.ResourceOptions(parent=self)
        for service, group in args.log_groups.items():
            for signal in args.signals:
                count_lines(f"{name}-{service}-{signal.name}", args.environment, group, signal, own)
        for signal in args.signals:
            alarm(f"{name}-{signal.name}", args.environment, args.topic, signal, own)
        self.dashboard = f"signet-{args.environment}"
        cloudwatch.Dashboard(
            f"{name}-dashboard",
            dashboard_name=self.dashboard,
            dashboard_body=pulumi.Output.all(**args.log_groups).apply(
                lambda groups: documents.dashboard(
                    args.environment, args.region, args.signals, groups
                )
            ),
            opts=own,
        )
        for question, query in zip(documents.SAVED, load("aws", documents.SAVED), strict=True):
            self._query(f"{name}-{question}", args, query)
        self.alarms = [signal.alarm_name(args.environment) for signal in args.signals]
        self.register_outputs({"alarms": self.alarms, "dashboard": self.dashboard})

    def _query(self, name: str, args: MonitoringArgs, query: Query) -> None:
        groups = [group for _, group in sorted(args.log_groups.items())]
        cloudwatch.QueryDefinition(
            f"{name}-query",
            # What stands before the slash is a folder in the console.
            name=f"Signet {args.environment}/{query.title}",
            query_string=query.text,
            log_group_names=groups[: documents.MOST_GROUPS],
            opts=pulumi.ResourceOptions(parent=self),
        )


def count_lines(
    name: str,
    environment: str,
    group: pulumi.Output[str],
    signal: Signal,
    opts: pulumi.ResourceOptions,
) -> None:
    """Declare the metric of a signal's lines in one log group."""
    cloudwatch.LogMetricFilter(
        f"{name}-lines",
        name=f"signet-{signal.name}",
        log_group_name=group,
        pattern=documents.pattern(signal),
        metric_transformation=cloudwatch.LogMetricFilterMetricTransformationArgs(
            name=signal.name,
            namespace=documents.namespace(environment),
            value="1",
        ),
        opts=opts,
    )


def alarm(
    name: str, environment: str, topic: str, signal: Signal, opts: pulumi.ResourceOptions
) -> None:
    """Declare the alarm on a signal's metric; `topic` is whom it tells, empty for nobody."""
    cloudwatch.MetricAlarm(
        f"{name}-alarm",
        name=signal.alarm_name(environment),
        alarm_description=f"{signal.title}. {signal.runbook}",
        namespace=documents.namespace(environment),
        metric_name=signal.name,
        statistic="Sum",
        period=signal.minutes * 60,
        evaluation_periods=1,
        comparison_operator="GreaterThanOrEqualToThreshold",
        threshold=signal.threshold,
        # No line is good news: most hours have none of most signals.
        treat_missing_data="notBreaching",
        alarm_actions=[topic] if topic else None,
        ok_actions=[topic] if topic else None,
        tags=environment_tags(environment),
        opts=opts,
    )
