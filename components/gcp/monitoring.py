"""One metric out of the validators' log lines, alarms on it, and the questions: a dashboard with
their answers, and saved queries.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import pulumi
from pulumi_gcp import logging, monitoring

from components.contacts import contact_name
from components.gcp import monitoring_documents as documents
from components.gcp.labels import environment_labels
from components.queries import load
from signet.signals import Signal, WatchedService

_SEVERITIES: Final = ("CRITICAL", "ERROR", "WARNING")


@dataclass(frozen=True, kw_only=True)
class AlarmArgs:
    """Where alarms are, and who is told."""

    environment: str
    project: str
    channel: pulumi.Input[str]
    """Name of a notification channel; empty: incidents are all that there is."""


@dataclass(frozen=True, kw_only=True)
class MonitoringArgs(AlarmArgs):
    """What is watched besides."""

    signals: Sequence[Signal]
    services: Sequence[WatchedService] = ()


class Monitoring(pulumi.ComponentResource):
    """One alert policy for each signal, whichever service it comes from."""

    alarms: Sequence[str]
    """Display names of the policies."""

    def __init__(
        self, name: str, args: MonitoringArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("signet:gcp:Monitoring", name, None, opts)
        own = pulumi.ResourceOptions(parent=self)
        metric = line_metric(
            f"{name}-lines",
            LineMetricArgs(
                name=documents.metric_name(args.environment),
                project=args.project,
                description=f"Refusals and key events of Signet {args.environment}",
                filter=documents.metric_filter(args.environment),
                labels=documents.LABELS,
            ),
            own,
        )
        after = pulumi.ResourceOptions(parent=self, depends_on=[metric])
        for signal in args.signals:
            alarm(f"{name}-{signal.name}", args, signal, after)
        self._services(name, args, after)
        monitoring.Dashboard(
            f"{name}-dashboard",
            project=args.project,
            dashboard_json=documents.dashboard(args.environment, args.signals),
            opts=after,
        )
        saved = zip(documents.SAVED, load("gcp", documents.SAVED), strict=True)
        for question, query in saved:
            logging.SavedQuery(
                f"{name}-{question}-query",
                name=f"signet-{args.environment}-{question}",
                parent=f"projects/{args.project}",
                location="global",
                visibility="SHARED",
                display_name=f"Signet {args.environment}: {query.title}",
                description=f"Signet {args.environment}; see docs/audit.md",
                logging_query=logging.SavedQueryLoggingQueryArgs(
                    filter=documents.about(query.text, args.environment)
                ),
                opts=own,
            )
        own_alarms = [signal for each in args.services for signal in each.signals]
        every = [*args.signals, *own_alarms]
        self.alarms = [signal.alarm_name(args.environment) for signal in every]
        self.register_outputs({"alarms": self.alarms})

    def _services(self, name: str, args: MonitoringArgs, after: pulumi.ResourceOptions) -> None:
        """Declare each service's own alarms, and one channel for each contact."""
        channels = {
            who: contact_channel(f"{name}-{contact_name(who)}", args, who, after)
            for who in sorted({each.contact for each in args.services})
        }
        for each in args.services:
            told = replace(args, channel=channels[each.contact])
            for signal in each.signals:
                alarm(f"{name}-own-{signal.metric}", told, signal, after)


@dataclass(frozen=True, kw_only=True)
class LineMetricArgs:
    """What a metric out of log lines is made from."""

    name: str
    project: str
    description: str
    filter: str
    labels: Sequence[str]
    """Fields of a line by which it can be told apart."""


def line_metric(name: str, args: LineMetricArgs, opts: pulumi.ResourceOptions) -> logging.Metric:
    """Declare it."""
    return logging.Metric(
        name,
        name=args.name,
        project=args.project,
        description=args.description,
        filter=args.filter,
        metric_descriptor=logging.MetricMetricDescriptorArgs(
            metric_kind="DELTA",
            value_type="INT64",
            labels=[
                logging.MetricMetricDescriptorLabelArgs(key=label, value_type="STRING")
                for label in args.labels
            ],
        ),
        label_extractors={label: f"EXTRACT(jsonPayload.{label})" for label in args.labels},
        opts=opts,
    )


def contact_channel(
    name: str, args: AlarmArgs, contact: str, opts: pulumi.ResourceOptions
) -> pulumi.Output[str]:
    """Declare the channel that tells a contact, and return its name.

    Kinds and their labels: Cloud Monitoring, `NotificationChannelDescriptor`.
    """
    by_post = contact.startswith("https:")
    channel = monitoring.NotificationChannel(
        name,
        project=args.project,
        display_name=f"signet-{args.environment}-{contact_name(contact)}",
        type="webhook_tokenauth" if by_post else "email",
        labels={"url" if by_post else "email_address": contact},
        user_labels=environment_labels(args.environment),
        opts=opts,
    )
    made: pulumi.Output[str] = channel.name
    return made


def alarm(name: str, args: AlarmArgs, signal: Signal, opts: pulumi.ResourceOptions) -> None:
    """Declare the alert policy of one signal; `opts` name the metric that it waits for."""
    aggregation = monitoring.AlertPolicyConditionConditionThresholdAggregationArgs(
        alignment_period=f"{signal.minutes * 60}s",
        per_series_aligner="ALIGN_DELTA",
        cross_series_reducer="REDUCE_SUM",
    )
    threshold = monitoring.AlertPolicyConditionConditionThresholdArgs(
        filter=documents.condition_filter(args.environment, signal),
        # There is no "at least" among the comparisons.
        comparison="COMPARISON_GT",
        threshold_value=signal.threshold - 1,
        duration="0s",
        aggregations=[aggregation],
    )
    nobody = isinstance(args.channel, str) and not args.channel
    monitoring.AlertPolicy(
        f"{name}-alarm",
        project=args.project,
        display_name=signal.alarm_name(args.environment),
        combiner="OR",
        severity=_SEVERITIES[signal.severity],
        conditions=[
            monitoring.AlertPolicyConditionArgs(
                display_name=signal.title, condition_threshold=threshold
            )
        ],
        documentation=monitoring.AlertPolicyDocumentationArgs(
            content=f"{signal.title}. {signal.runbook}", mime_type="text/markdown"
        ),
        notification_channels=None if nobody else [args.channel],
        user_labels=environment_labels(args.environment),
        opts=opts,
    )
