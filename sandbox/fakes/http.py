"""A request to a fake and its answer, apart from the sockets."""

from __future__ import annotations

import json
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Asked:
    """One request. Header names are lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes = b""

    @property
    def raw_path(self) -> str:
        """The path as it came, without the query."""
        return urllib.parse.urlsplit(self.target).path

    @property
    def path(self) -> str:
        """The decoded path."""
        return urllib.parse.unquote(self.raw_path)

    @property
    def query(self) -> dict[str, str]:
        """The query's parameters; of a repeated one the last."""
        parts = urllib.parse.urlsplit(self.target)
        return dict(urllib.parse.parse_qsl(parts.query, keep_blank_values=True))

    def json(self) -> dict[str, Any]:
        """The body as a JSON object, empty if there is none."""
        found = json.loads(self.body) if self.body else {}
        return found if isinstance(found, dict) else {}


@dataclass(frozen=True)
class Said:
    """One answer."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


def said_json(status: int, told: Mapping[str, Any], **headers: str) -> Said:
    """Return a JSON answer."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Said(
        status, {"Content-Type": "application/json", **named}, json.dumps(dict(told)).encode()
    )
