"""One request to a gateway, as a caller makes it: no redirect followed, nothing retried."""

from __future__ import annotations

import http.client
import json
import ssl
import time
import urllib.parse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from signet.errors import CouldNotCheck, UsageError

_TIMEOUT: Final = 15.0
_BODY_LIMIT: Final = 65_536


@dataclass(frozen=True, kw_only=True)
class Gateway:
    """One address to call. `name` is its name in the stack output `gateways`."""

    cloud: str
    name: str
    url: str

    @property
    def title(self) -> str:
        """Return the gateway's name as a table's head shows it."""
        return f"{self.cloud} {self.name}"


@dataclass(frozen=True, kw_only=True)
class GatewayAnswer:
    """What a gateway answered, and how long it took in seconds. Header names in lower case."""

    status: int
    body: bytes
    seconds: float
    headers: Mapping[str, str] = field(default_factory=dict)

    def identity(self) -> dict[str, Any]:
        """Return the identity that the demo backend says it was given, empty if it says none."""
        try:
            told = json.loads(self.body)
        except ValueError:
            return {}
        found = told.get("identity") if isinstance(told, dict) else None
        return found if isinstance(found, dict) else {}


def gateways_of(outputs: Mapping[str, Any]) -> list[Gateway]:
    """Return the gateways of a stack's outputs, in a steady order."""
    found = outputs.get("gateways")
    clouds = found if isinstance(found, dict) else {}
    return [
        Gateway(cloud=cloud, name=name, url=url)
        for cloud, urls in sorted(clouds.items())
        for name, url in sorted((urls or {}).items())
        if isinstance(url, str) and url.startswith(("http://", "https://"))
    ]


def call(url: str, authorization: str | None) -> GatewayAnswer:
    """Send `GET url` with this `Authorization` value, or without one for None.

    Raises CouldNotCheck when there is no HTTP answer.
    """
    return send("GET", url, () if authorization is None else (("Authorization", authorization),))


def post_form(url: str, form: Mapping[str, str]) -> GatewayAnswer:
    """Send a form, over HTTPS or to this machine: it may hold a token.

    Raises UsageError for another address, CouldNotCheck when there is no HTTP answer.
    """
    parts = urllib.parse.urlsplit(url)
    if parts.scheme != "https" and not _is_loopback(parts.hostname or ""):
        raise UsageError(
            "a token is sent over HTTPS alone",
            where=url,
            remedy="give the address that `signet outputs STACK` shows",
        )
    body = urllib.parse.urlencode(form).encode("ascii")
    kind = ("Content-Type", "application/x-www-form-urlencoded")
    return send("POST", url, (kind, ("Content-Length", str(len(body)))), body)


def send(
    method: str, url: str, headers: Sequence[tuple[str, str]], body: bytes | None = None
) -> GatewayAnswer:
    """Send one request, its path and query as they stand in `url`.

    Raises CouldNotCheck when there is no HTTP answer.
    """
    parts = urllib.parse.urlsplit(url)
    target = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
    begun = time.perf_counter()
    connection = _connection(parts)
    try:
        connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
        for name, value in (("Host", parts.netloc), ("Accept", "application/json"), *headers):
            connection.putheader(name, value)
        connection.endheaders(body)
        response = connection.getresponse()
        answered = response.read(_BODY_LIMIT)
    except (OSError, http.client.HTTPException) as error:
        raise CouldNotCheck(
            f"no answer from the gateway: {error}",
            where=url,
            remedy="is the stack up, and its sandbox running? `signet sandbox status` tells",
        ) from error
    finally:
        connection.close()
    return GatewayAnswer(
        status=response.status,
        body=answered,
        seconds=time.perf_counter() - begun,
        headers={name.lower(): value for name, value in response.getheaders()},
    )


def _is_loopback(host: str) -> bool:
    return host in {"127.0.0.1", "localhost"} or host.endswith(".localhost")


def _connection(parts: urllib.parse.SplitResult) -> http.client.HTTPConnection:
    host = parts.hostname or ""
    # RFC 6761 section 6.3: every name below localhost is loopback. curl and browsers know that,
    # the C library's resolver often does not.
    if _is_loopback(host):
        host = "127.0.0.1"
    if parts.scheme == "https":
        context = ssl.create_default_context()
        return http.client.HTTPSConnection(host, parts.port, timeout=_TIMEOUT, context=context)
    return http.client.HTTPConnection(host, parts.port, timeout=_TIMEOUT)
