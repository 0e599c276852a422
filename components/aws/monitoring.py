"""Metrics out of the validators' log lines, alarms on them, and the questions: a dashboard with
their answers, and saved queries.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_aws import cloudwatch, sns

from components.aws import monitoring_documents as documents
from components.aws.tags import environment_tags
from components.contacts import contact_name
from components.queries import Query, load
from signet.signals import Signal, WatchedService


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
    services: Sequence[WatchedService] = ()


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
        self._services(name, args, own)
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
        own_alarms = [signal for each in args.services for signal in each.signals]
        every = [*args.signals, *own_alarms]
        self.alarms = [signal.alarm_name(args.environment) for signal in every]
        self.register_outputs({"alarms": self.alarms, "dashboard": self.dashboard})

    def _services(self, name: str, args: MonitoringArgs, own: pulumi.ResourceOptions) -> None:
        """Declare each service's own alarms, and one topic for each contact."""
        topics = {
            who: contact_topic(f"{name}-{contact_name(who)}", args.environment, who, own)
            for who in sorted({each.contact for each in args.services})
        }
        for each in args.services:
            group, topic = args.log_groups[each.name], topics[each.contact]
            for signal in each.signals:
                title = f"{name}-own-{signal.metric}"
                count_lines(title, args.environment, group, signal, own)
                alarm(title, args.environment, topic, signal, own)

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
        name=f"signet-{signal.metric}",
        log_group_name=group,
        pattern=documents.pattern(signal),
        metric_transformation=cloudwatch.LogMetricFilterMetricTransformationArgs(
            name=signal.metric,
            namespace=documents.namespace(environment),
            value="1",
        ),
        opts=opts,
    )


def contact_topic(
    name: str, environment: str, contact: str, opts: pulumi.ResourceOptions
) -> pulumi.Output[str]:
    """Declare the topic that tells a contact, and return its ARN.

    SNS asks the contact once whether it wants to be told (SNS, "Confirming a subscription").
    """
    topic = sns.Topic(
        name,
        name=f"signet-{environment}-{contact_name(contact)}",
        display_name=f"Signet {environment}",
        tags=environment_tags(environment),
        opts=opts,
    )
    sns.TopicSubscription(
        f"{name}-told",
        topic=topic.arn,
        protocol="https" if contact.startswith("https:") else "email",
        endpoint=contact,
        opts=opts,
    )
    arn: pulumi.Output[str] = topic.arn
    return arn


def alarm(
    name: str,
    environment: str,
    topic: pulumi.Input[str],
    signal: Signal,
    opts: pulumi.ResourceOptions,
) -> None:
    """Declare the alarm on a signal's metric; `topic` is whom it tells, empty for nobody."""
    actions = None if isinstance(topic, str) and not topic else [topic]
    cloudwatch.MetricAlarm(
        f"{name}-alarm",
        name=signal.alarm_name(environment),
        alarm_description=f"{signal.title}. {signal.runbook}",
        namespace=documents.namespace(environment),
        metric_name=signal.metric,
        statistic="Sum",
        period=signal.minutes * 60,
        evaluation_periods=1,
        comparison_operator="GreaterThanOrEqualToThreshold",
        threshold=signal.threshold,
        # No line is good news: most hours have none of most signals.
        treat_missing_data="notBreaching",
        alarm_actions=actions,
        ok_actions=actions,
        tags=environment_tags(environment),
        opts=opts,
    )
