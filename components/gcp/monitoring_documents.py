"""Cloud Logging's and Cloud Monitoring's words for the signals, and the dashboard. Pure.

Sources: Cloud Logging, "Logging query language" and `LogMetric`; Cloud Monitoring, "Monitoring
filters" and `Dashboard`.
"""

import json
from collections.abc import Sequence
from typing import Any, Final

from components.queries import load
from signet.signals import Signal

LABELS: Final = ("service", "status", "reason", "event")
"""Fields of a line by which its metric can be told apart: few values each."""
EXCHANGE: Final = "exchange"
"""Lines of a token service, which have a metric of their own."""
EXCHANGE_LABELS: Final = ("service", "status", "reason")

QUESTIONS: Final = ("refused", "key-after-its-end", "keys")
SAVED: Final = (*QUESTIONS, "one-request")
"""Questions that are saved queries too; the last is for filling in."""

_WIDTH: Final = 48
_HEIGHT: Final = 16


def metric_name(environment: str) -> str:
    """Return the name of the one metric that counts an environment's lines."""
    return f"signet-{environment}-lines"


def metric_filter(environment: str) -> str:
    """Return which log entries are counted: decisions that were not 200, and what befell keys."""
    return (
        'resource.type="cloud_run_revision"\n'
        f'jsonPayload.environment="{environment}"\n'
        'jsonPayload.signet=("decision" OR "keys")\n'
        "NOT jsonPayload.status=200"
    )


def exchanges_name(environment: str) -> str:
    """Return the name of the metric that counts a token service's lines."""
    return f"signet-{environment}-exchanges"


def exchanges_filter(environment: str) -> str:
    """Return which log entries that metric counts: exchanges that ended without a token."""
    return (
        'resource.type="cloud_run_revision"\n'
        f'jsonPayload.environment="{environment}"\n'
        f'jsonPayload.signet="{EXCHANGE}"\n'
        "NOT jsonPayload.status=200"
    )


def condition_filter(environment: str, signal: Signal) -> str:
    """Return which series of the metric are a signal's."""
    values = ", ".join(f'"{value}"' for value in signal.values)
    metric = _metric_type(environment, signal.kind)
    own = f' AND metric.labels.service="{signal.service}"'
    return (
        f'resource.type="cloud_run_revision" AND metric.type="{metric}" AND '
        f"metric.labels.{signal.field}=one_of({values})"
        f"{own if signal.service else ''}"
    )


def dashboard(environment: str, signals: Sequence[Signal]) -> str:
    """Return the dashboard: the signals over time, refusals by reason, then the questions."""
    charts = [
        _chart(
            "Signals",
            [(signal.title, condition_filter(environment, signal), []) for signal in signals],
        ),
        _chart(
            "Refusals by reason",
            [
                (
                    "${metric.labels.service} ${metric.labels.reason}",
                    f'metric.type="{_metric_type(environment)}" AND metric.labels.reason!=""',
                    ["metric.label.service", "metric.label.reason"],
                )
            ],
        ),
    ]
    panels = [
        {"title": query.title, "logsPanel": {"filter": about(query.text, environment)}}
        for query in load("gcp", QUESTIONS)
    ]
    tiles = [
        {"width": _WIDTH, "height": _HEIGHT, "yPos": position * _HEIGHT, "widget": widget}
        for position, widget in enumerate([*charts, *panels])
    ]
    return json.dumps(
        {
            "displayName": f"Signet {environment}",
            "mosaicLayout": {"columns": _WIDTH, "tiles": tiles},
        },
        sort_keys=True,
    )


def about(text: str, environment: str) -> str:
    """Return a query's text about one environment."""
    return text.replace("ENVIRONMENT", environment)


def _metric_type(environment: str, kind: str = "") -> str:
    name = exchanges_name(environment) if kind == EXCHANGE else metric_name(environment)
    return f"logging.googleapis.com/user/{name}"


def _chart(title: str, series: Sequence[tuple[str, str, list[str]]]) -> dict[str, Any]:
    return {
        "title": title,
        "xyChart": {
            "dataSets": [
                {
                    "plotType": "STACKED_BAR",
                    "legendTemplate": legend,
                    "timeSeriesQuery": {
                        "timeSeriesFilter": {
                            "filter": filter_,
                            "aggregation": {
                                "alignmentPeriod": "300s",
                                "perSeriesAligner": "ALIGN_DELTA",
                                "crossSeriesReducer": "REDUCE_SUM",
                                "groupByFields": group_by,
                            },
                        }
                    },
                }
                for legend, filter_, group_by in series
            ]
        },
    }
