"""Metrics out of the validators' log lines, alarms on them, and the questions: a dashboard with
their answers, and saved queries.
"""

from collections.abc import Sequence
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
    log_group: pulumi.Input[str]
    """Where all validators' lines are."""
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
        for signal in args.signals:
            count_lines(f"{name}-{signal.name}", args.environment, args.log_group, signal, own)
            alarm(f"{name}-{signal.name}", args.environment, args.topic, signal, own)
        self._services(name, args, own)
        self.dashboard = f"signet-{args.environment}"
        cloudwatch.Dashboard(
            f"{name}-dashboard",
            dashboard_name=self.dashboard,
            dashboard_body=pulumi.Output.from_input(args.log_group).apply(
                lambda group: documents.dashboard(
                    args.environment, args.region, args.signals, group
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
        """Declare each service's own alarms, one topic for each contact, and for each signal that
        services have of their own one filter, which counts each service's lines apart."""
        counted = {signal.name: signal for each in args.services for signal in each.signals}
        for signal in counted.values():
            title = f"{name}-{signal.name}-of-services"
            count_lines(title, args.environment, args.log_group, signal, own)
        topics = {
            who: contact_topic(f"{name}-{contact_name(who)}", args.environment, who, own)
            for who in sorted({each.contact for each in args.services})
        }
        for each in args.services:
            for signal in each.signals:
                title = f"{name}-own-{each.name}-{signal.name}"
                alarm(title, args.environment, topics[each.contact], signal, own)

    def _query(self, name: str, args: MonitoringArgs, query: Query) -> None:
        cloudwatch.QueryDefinition(
            f"{name}-query",
            # What stands before the slash is a folder in the console.
            name=f"Signet {args.environment}/{query.title}",
            query_string=query.text,
            log_group_names=[args.log_group],
            opts=pulumi.ResourceOptions(parent=self),
        )


def count_lines(
    name: str,
    environment: str,
    group: pulumi.Input[str],
    signal: Signal,
    opts: pulumi.ResourceOptions,
) -> None:
    """Declare the metric of a signal's lines in one log group; of services' own, for each apart.

    The two are metrics of one name: a metric is what its name and its dimensions say together
    (CloudWatch, "CloudWatch concepts", dimensions), so neither counts the other's lines.
    """
    by_service = {"service": "$.service"} if signal.service else None
    cloudwatch.LogMetricFilter(
        f"{name}-lines",
        name=f"signet-{signal.name}{'-of-services' if by_service else ''}",
        log_group_name=group,
        pattern=documents.pattern(signal),
        metric_transformation=cloudwatch.LogMetricFilterMetricTransformationArgs(
            name=signal.name,
            namespace=documents.namespace(environment),
            value="1",
            dimensions=by_service,
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
        metric_name=signal.name,
        dimensions={"service": signal.service} if signal.service else None,
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
