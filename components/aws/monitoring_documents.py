"""CloudWatch's words for the signals, and the dashboard. Pure.

Sources: CloudWatch Logs, "Filter pattern syntax for metric filters" (JSON); CloudWatch, "Dashboard
body structure and syntax".
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from components.queries import load
from signet.signals import Signal

QUESTIONS: Final = ("who-and-why", "since-when", "key-after-its-end", "flood", "keys")
SAVED: Final = (*QUESTIONS, "one-request")
"""Questions that are saved queries too; the last is for filling in."""

_WIDTH: Final = 24
_HEIGHT: Final = 6


def namespace(environment: str) -> str:
    """Return where an environment's metrics are."""
    return f"Signet/{environment}"


def pattern(signal: Signal) -> str:
    """Return the metric filter that counts a signal's lines."""
    any_of = " || ".join(f"($.{signal.field} = {json.dumps(each)})" for each in signal.values)
    return f'{{ ($.signet = "{signal.kind}") && ({any_of}) }}'


def dashboard(environment: str, region: str, signals: Sequence[Signal], group: str) -> str:
    """Return the body: the signals over time, then each question about the log group's lines."""
    metrics = {
        "title": f"Signet {environment}: signals",
        "region": region,
        "view": "timeSeries",
        "stat": "Sum",
        "period": 300,
        "metrics": [
            [namespace(environment), signal.name, {"label": signal.title}] for signal in signals
        ],
    }
    bodies: list[tuple[str, Mapping[str, Any]]] = [("metric", metrics)]
    bodies += [
        (
            "log",
            {
                "title": query.title,
                "region": region,
                "view": "table",
                "query": f"SOURCE '{group}' | {query.text}",
            },
        )
        for query in load("aws", QUESTIONS)
    ]
    return json.dumps(
        {
            "widgets": [
                {
                    "type": kind,
                    "x": 0,
                    "y": position * _HEIGHT,
                    "width": _WIDTH,
                    "height": _HEIGHT,
                    "properties": properties,
                }
                for position, (kind, properties) in enumerate(bodies)
            ]
        },
        sort_keys=True,
    )
