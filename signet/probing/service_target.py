"""What a probe calls: the gateways of an environment or a service, and what they ask for.

A request has to fall under a route: a concrete path is made of a route's pattern, and each kind of
gateway is told of it in its own way.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from signet.errors import CouldNotCheck, Fault, SettingsError
from signet.probing.gateway_call import Gateway, GatewayAnswer, gateways_of, send
from validator_functions.verification.routes import RouteTable

ENVIRONMENT: Final = "environment"
_FILLED: Final = "signet-probe"


@dataclass(frozen=True, kw_only=True)
class ProbeTarget:
    """One validator's gateways. `longest_token` is in seconds; None: the environment's own."""

    service: str
    audience: str
    ring: str = ENVIRONMENT
    """The key ring whose tokens it takes."""
    scope: str
    """The scopes that the probed route needs, with spaces between."""
    roles: tuple[str, ...] = ()
    claims: tuple[str, ...] = ()
    longest_token: int | None = None
    method: str = "GET"
    path: str = ""
    """Of the probed route; empty where every path is asked about alike."""
    gateways: Sequence[Gateway] = ()
    own_backend: bool = False
    """Whether something else than the demo backend answers in AWS."""
    _routes: Mapping[str, tuple[str, tuple[tuple[str, str], ...]]] = field(default_factory=dict)

    def call(self, url: str, authorization: str | None) -> GatewayAnswer:
        """Send the probe's request to one gateway. Raises CouldNotCheck without an answer."""
        address, headers = self._routes.get(url, (url, ()))
        given = () if authorization is None else (("Authorization", authorization),)
        # Only a function that is told of another request is called by a method of its own.
        return send("GET" if headers else self.method, address, (*headers, *given))


def target_of(outputs: Mapping[str, Any], service: str = ENVIRONMENT) -> ProbeTarget:
    """Return what to probe, from a stack's outputs.

    Raises SettingsError for a service that is not there, CouldNotCheck for one without a gateway.
    """
    if service == ENVIRONMENT:
        target = ProbeTarget(
            service=service,
            audience=str(outputs["audience"]),
            scope=str(outputs.get("requiredScope") or ""),
            gateways=gateways_of(outputs),
        )
    else:
        target = _of_service(outputs, service)
    if not target.gateways:
        raise CouldNotCheck(
            f"{service} has no gateway that can be called from here",
            remedy="an API that was attached to is probed through its own address; "
            "`signet outputs` shows what is attached",
        )
    return target


def _of_service(outputs: Mapping[str, Any], service: str) -> ProbeTarget:
    services = outputs.get("services") or {}
    told = services.get(service)
    if told is None:
        known = ", ".join(sorted(services)) or "none"
        raise SettingsError(
            [
                Fault(
                    key="service",
                    value=service,
                    problem="the stack has no such service",
                    remedy=f"its services: {known}; one that was just added needs `signet up`",
                )
            ]
        )
    method, path = request_for(told["routes"])
    table = RouteTable.parse({"default": "refuse", "rules": list(told["routes"])})
    scopes, roles = table.match(method, path)
    gateways = gateways_of(told)
    return ProbeTarget(
        service=service,
        audience=told["audience"],
        ring=str(told.get("ring") or ENVIRONMENT),
        scope=" ".join(sorted(scopes)),
        roles=tuple(sorted(roles)),
        claims=tuple(told["claims"]),
        longest_token=int(told["tokenLifetime"]) or None,
        method=method,
        path=path,
        gateways=gateways,
        own_backend=bool((told.get("backend") or {}).get("aws")),
        _routes={gateway.url: _asked(gateway, method, path) for gateway in gateways},
    )


def request_for(routes: Sequence[Mapping[str, Any]]) -> tuple[str, str]:
    """Return method and path of a request that falls under a route, one that reads if there is."""
    reading = [r for r in routes if {"GET", "*"} & set(r["methods"])]
    chosen = (reading or list(routes))[0]
    method = "GET" if reading else str(sorted(chosen["methods"])[0])
    path = re.sub(r"\{[^/]*\}", _FILLED, str(chosen["path"])).replace("**", _FILLED)
    return method, path


def _asked(gateway: Gateway, method: str, path: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    """Return address and headers by which one gateway is asked about a request."""
    if gateway.cloud == "azure":
        told = (("x-signet-original-method", method), ("x-signet-original-path", path))
        return gateway.url, told
    return gateway.url.rstrip("/") + path, ()
