"""Azure Monitor's words for the signals, and the workbook. Pure.

Sources: Kusto Query Language, `parse_json`; the workbook's JSON as the portal exports it
("Notebook/1.0": items of type 1 are text, of type 3 queries).
"""

import json
from typing import Any, Final

from components.queries import load
from signet.signals import Signal

QUESTIONS: Final = ("who-and-why", "since-when", "key-after-its-end", "flood", "keys")
SAVED: Final = (*QUESTIONS, "one-request")
"""Questions that are saved in a query pack too; the last is for filling in."""

_DAY: Final = {"durationMs": 86_400_000}
_TABLE, _BARS = "table", "timechart"


def condition(signal: Signal) -> str:
    """Return the query whose rows are a signal's lines."""
    text = isinstance(signal.values[0], str)
    read = "tostring" if text else "toint"
    values = ", ".join(json.dumps(value) for value in signal.values)
    own = f"\n| where tostring(line.service) == {json.dumps(signal.service)}"
    return (
        "AppTraces\n"
        f'| where Message startswith \'{{"signet":"{signal.kind}"\'\n'
        "| extend line = parse_json(Message)\n"
        f"| where {read}(line.{signal.field}) in ({values})"
        f"{own if signal.service else ''}"
    )


def workbook(environment: str, workspace: str) -> str:
    """Return the workbook: each question, asked of all validators' lines."""
    items = [_text(f"# Signet {environment}\nWhat validators refused; see docs/audit.md.")]
    items += [
        _query(query.title, query.text, workspace, _BARS if "bin(" in query.text else _TABLE)
        for query in load("azure", QUESTIONS)
    ]
    return json.dumps({"version": "Notebook/1.0", "items": items}, sort_keys=True)


def _text(markdown: str) -> dict[str, Any]:
    return {"type": 1, "content": {"json": markdown}, "name": "text"}


def _query(title: str, text: str, workspace: str, view: str) -> dict[str, Any]:
    return {
        "type": 3,
        "name": title,
        "content": {
            "version": "KqlItem/1.0",
            "title": title,
            "query": text,
            "size": 0,
            "timeContext": _DAY,
            "queryType": 0,
            "resourceType": "microsoft.operationalinsights/workspaces",
            "crossComponentResources": [workspace],
            "visualization": view,
        },
    }
