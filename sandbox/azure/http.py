"""A request to the fake and an answer of it, apart from the sockets."""

from __future__ import annotations

import json
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Asked:
    """One request. Header names are lower case; `path` is decoded, without its query."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes = b""

    @property
    def path(self) -> str:
        """The decoded path."""
        return urllib.parse.unquote(urllib.parse.urlsplit(self.target).path)

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


class Refusal(Exception):
    """An answer with an error code of Azure's, as its services put it."""

    def __init__(
        self, status: int, code: str, message: str = "", headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.status, self.code, self.message = status, code, message or code
        self.headers = dict(headers or {})


def said_json(status: int, told: Mapping[str, Any], **headers: str) -> Said:
    """Return a JSON answer."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Said(
        status, {"Content-Type": "application/json", **named}, json.dumps(dict(told)).encode()
    )
