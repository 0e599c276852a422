"""What `signet preview STACK --json` found, as the comment on a pull request.

    .venv/bin/signet preview prod --json > preview.json
    python3 preview_comment.py prod preview.json

A file that holds no preview (it failed) makes a comment that says so. The comment is in Markdown on
standard output; names are the program's own, and are quoted.
"""

import json
import sys
from pathlib import Path
from typing import Any

_MOST_ROWS = 200
"""GitHub takes 65,536 characters in a comment, GitLab a million."""


def comment(stack: str, text: str) -> str:
    """Return the Markdown for one stack's preview."""
    title = f"### Signet preview: {_quoted(stack)}"
    try:
        told = json.loads(text)
        changes, counts = told["changes"], told["counts"]
    except (ValueError, KeyError, TypeError):
        return f"{title}\n\nIt failed: see the job's log."
    if not changes:
        return f"{title}\n\nNo changes."
    numbers = ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))
    rows = [_row(change) for change in changes[:_MOST_ROWS]]
    more = len(changes) - len(rows)
    return "\n".join(
        [
            title,
            "",
            numbers,
            "",
            "| | type | name | properties |",
            "|---|---|---|---|",
            *rows,
            *([f"\n... and {more} more."] if more else []),
            *(f"\n**{line}**" for line in told.get("warnings", [])),
        ]
    )


def _row(change: dict[str, Any]) -> str:
    properties = ", ".join(change.get("properties") or [])
    cells = (change["op"], _quoted(change["type"]), _quoted(change["name"]), properties)
    return f"| {' | '.join(cells)} |"


def _quoted(text: str) -> str:
    return f"`{text.replace('`', '').replace('|', '/')}`"


if __name__ == "__main__":
    sys.stdout.write(comment(sys.argv[1], Path(sys.argv[2]).read_text(encoding="utf-8")) + "\n")
