"""One metric out of the validators' log lines, alarms on it, and the questions: a dashboard with
their answers, and saved queries.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import pulumi
from pulumi_gcp import logging, monitoring

from components.gcp import monitoring_documents as documents
from components.gcp.labels import environment_labels
from components.queries import load
from signet.signals import Signal

_SEVERITIES: Final = ("CRITICAL", "ERROR", "WARNING")


@dataclass(frozen=True, kw_only=True)
class AlarmArgs:
    """Where alarms are, and who is told."""

    environment: str
    project: str
    channel: str
    """Name of a notification channel; empty: incidents are all that there is."""


@dataclass(frozen=True, kw_only=True)
class MonitoringArgs(AlarmArgs):
    """What is watched besides."""

    signals: Sequence[Signal]


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
        self.alarms = [signal.alarm_name(args.environment) for signal in args.signals]
        self.register_outputs({"alarms": self.alarms})


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
        notification_channels=[args.channel] if args.channel else None,
        user_labels=environment_labels(args.environment),
        opts=opts,
    )
