"""A request to the fake and an answer of it, apart from the sockets."""

from __future__ import annotations

import json
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Asked:
    """One request. Header names are lower case; `path` is not decoded and without its query."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes = b""

    @property
    def path(self) -> str:
        """The path as it came."""
        return urllib.parse.urlsplit(self.target).path

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
    """An answer with an error, as Google's JSON APIs put it."""

    def __init__(self, status: int, code: str, message: str = "") -> None:
        super().__init__(f"{code}: {message}")
        self.status, self.code, self.message = status, code, message or code

    def said(self) -> Said:
        """Return it as an answer."""
        told = {"code": self.status, "status": self.code, "message": self.message}
        return said_json({"error": told}, self.status)


def said_json(told: Mapping[str, Any], status: int = 200) -> Said:
    """Return a JSON answer."""
    headers = {"Content-Type": "application/json; charset=UTF-8"}
    return Said(status, headers, json.dumps(dict(told)).encode())
