"""A deployed service's requests to its own cloud's API: bounded, signed in, and without an SDK.

The transport is the one that fetches key sets (`verification.fetch`): HTTPS alone, no redirect, one
deadline over everything. There is no second attempt: whoever asked is told when to come back, and a
token is never late.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

from validator_functions.verification.fetch import Answer, Headers, Target, parse_url, send

_SECONDS: Final = 3.0
"""Of one request, the platform's token included: an exchange is given up after 5."""
_MAX_BYTES: Final = 64 * 1024


class Send(Protocol):
    """The transport of `fetch.send`, injected so that tests need no network."""

    def __call__(
        self,
        method: str,
        target: Target,
        headers: Mapping[str, str],
        deadline: float,
        max_bytes: int,
        *,
        body: bytes | None,
    ) -> Answer:
        """One bounded request."""


class CloudApi:
    """Asks as whoever `prove` says that this service is; thread-safe."""

    def __init__(
        self,
        prove: Headers,
        *,
        loopback_http: bool = False,
        transport: Send = send,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`prove` gives the headers that say who asks (`verification.private_store`)."""
        self._prove = prove
        self._loopback_http = loopback_http
        self._transport = transport
        self._monotonic = monotonic

    def ask(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> Answer:
        """Return the answer, whatever its status. Raises FetchFailed where there is none."""
        target = parse_url(url, loopback_http=self._loopback_http)
        deadline = self._monotonic() + _SECONDS
        told = {**self._prove(url, _SECONDS), **headers}
        return self._transport(method, target, told, deadline, _MAX_BYTES, body=body)

    def post(self, url: str, members: Mapping[str, Any]) -> Answer:
        """Return the answer to a POST of JSON. Raises FetchFailed where there is none."""
        body = json.dumps(dict(members), separators=(",", ":")).encode()
        return self.ask("POST", url, {"content-type": "application/json"}, body)
