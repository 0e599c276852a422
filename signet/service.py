"""A service as its manifest asks for it: `services/<name>.yaml`, parsed. Pure.

One manifest is one validator in each of its clouds, with an audience, routes and callers of its
own. `signet.service_set` holds several against each other and against an environment.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, Literal

from signet.callers import Caller, parse_callers
from signet.contract import Contract
from signet.errors import Fault, SettingsError
from signet.located import Located, by_line, judged, load
from signet.paths import repo_root
from validator_functions.verification.errors import SettingsError as RouteFaults
from validator_functions.verification.routes import RouteTable

RESERVED: Final = ("environment",)
"""The environment's own validator and ring have this name."""
AT_ONCE: Final = "now"
"""What `leaving` says of a service that is not to wait for its last tokens."""
OWN_RING: Final = "own"
"""What `keyRing` says of a service with a ring of its own."""
LONGEST_LIFETIME: Final = 3_600
_UNITS: Final = {"s": 1, "m": 60, "h": 3_600}


@dataclass(frozen=True, kw_only=True)
class GatewayChoice:
    """Whether a cloud's gateway is created, left out, or one that exists is attached to."""

    mode: Literal["create", "attach", "none"] = "create"
    target: str = ""
    """What is attached to, as the cloud's part reads it."""


@dataclass(frozen=True, kw_only=True)
class Service:
    """One manifest. Durations are whole seconds; routes are as `verification.routes` reads them."""

    name: str
    owner: str
    contact: str
    clouds: tuple[str, ...]
    environments: tuple[str, ...]
    """Empty: every environment deploys it."""
    audience: str
    token_lifetime: int | None
    """None: the environment's."""
    own_ring: bool
    """Whether it has a key ring and an issuer of its own."""
    gateways: Mapping[str, GatewayChoice]
    backend: Mapping[str, str]
    routes: tuple[Mapping[str, Any], ...]
    claims: tuple[str, ...]
    callers: tuple[Caller, ...]
    leaving: str
    """When it was told to go, ISO 8601 UTC, or `now`; empty: it stays."""
    source: Located
    """The file that it was read from, for further faults."""

    @property
    def scopes(self) -> frozenset[str]:
        """Every scope that some route asks for."""
        return frozenset(scope for route in self.routes for scope in route["scopes"])

    @property
    def roles(self) -> frozenset[str]:
        """Every role that some route asks for."""
        return frozenset(role for route in self.routes for role in route["roles"])

    @property
    def gone(self) -> bool:
        """Whether it was told to go at once: nothing of it is deployed any more."""
        return self.leaving == AT_ONCE

    def gateway(self, cloud: str) -> GatewayChoice:
        """What is asked for in one cloud; a gateway is created where nothing is said."""
        return self.gateways.get(cloud, GatewayChoice())

    def deployed_by(self, environment: str) -> bool:
        """Whether an environment deploys it."""
        return not self.environments or environment in self.environments


@cache
def service_schema() -> Mapping[str, Any]:
    """Return the JSON Schema that editors use; the parser checks shapes by the same file."""
    path = repo_root() / "services" / "service.schema.json"
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def parse_service(
    text: str, file: str, contract: Contract | None = None, *, sandbox: bool = False
) -> Service:
    """Return a manifest's service. Raises SettingsError with every fault: file, line, field.

    With a contract, claims outside it are faults; `sandbox` admits callers' issuers on loopback.
    """
    service, faults = read_service(text, file, contract, sandbox=sandbox)
    if faults:
        raise SettingsError(faults)
    return service


def read_service(
    text: str, file: str, contract: Contract | None = None, *, sandbox: bool = False
) -> tuple[Service, list[Fault]]:
    """Return a manifest's service as far as it can be read, and every fault by its line.

    What has not the right shape is left out of the service, so that the rest is judged all the
    same. Raises SettingsError for a file that is no YAML.
    """
    located = load(text, file)
    faults, misshapen = judged(located, service_schema(), besides=("callers",))
    callers: tuple[Caller, ...] = ()
    try:
        callers = parse_callers(located.data.get("callers"), "callers", sandbox=sandbox)
    except SettingsError as error:
        faults += [_placed(located, fault) for fault in error.faults]
    service = _service(located, misshapen, callers)
    faults += _faults(service, located, contract)
    return service, by_line(file, faults)


def duration(text: str) -> int:
    """Return the seconds of `90s`, `10m` or `1h`, as the schema has them."""
    return int(text[:-1]) * _UNITS[text[-1]]


def _service(located: Located, unread: frozenset[str], callers: tuple[Caller, ...]) -> Service:
    data = {name: value for name, value in located.data.items() if name not in unread}
    if "environments" in unread:
        # Nobody knows which environment's clouds it is to be held against.
        data.pop("clouds", None)
    lifetime = data.get("tokenLifetime")
    routes = tuple(
        {
            "methods": list(route["methods"]),
            "path": route["path"],
            "scopes": sorted(route.get("scopes", [])),
            "roles": sorted(route.get("roles", [])),
        }
        for route in data.get("routes", ())
    )
    return Service(
        name=data.get("service", _stem(located)),
        owner=data.get("owner", ""),
        contact=data.get("contact", ""),
        clouds=tuple(data.get("clouds", ())),
        environments=tuple(data.get("environments", ())),
        audience=data.get("audience", ""),
        token_lifetime=None if lifetime is None else duration(lifetime),
        own_ring=data.get("keyRing") == OWN_RING,
        gateways={cloud: _choice(text) for cloud, text in data.get("gateways", {}).items()},
        backend=dict(data.get("backend", {})),
        routes=routes,
        claims=tuple(data.get("claims", ())),
        callers=callers,
        leaving=data.get("leaving", ""),
        source=located,
    )


def _stem(located: Located) -> str:
    return located.file.rpartition("/")[2].removesuffix(".yaml")


def _choice(text: str) -> GatewayChoice:
    if text.startswith("attach:"):
        return GatewayChoice(mode="attach", target=text.removeprefix("attach:"))
    return GatewayChoice(mode="none") if text == "none" else GatewayChoice()


def _faults(service: Service, located: Located, contract: Contract | None) -> Iterator[Fault]:
    stem = _stem(located)
    if service.name != stem:
        remedy = f"write service: {stem}, or rename the file to {service.name}.yaml"
        yield located.fault(["service"], "it is not the file's name", remedy)
    if service.name in RESERVED:
        yield located.fault(["service"], "this name is the environment's own", "choose another")
    if service.token_lifetime is not None and service.token_lifetime > LONGEST_LIFETIME:
        yield located.fault(["tokenLifetime"], "it is over an hour", "write 60m or less")
    yield from _gateway_faults(service, located)
    yield from _route_faults(service, located)
    yield from _caller_faults(service, located)
    if contract is not None:
        yield from _claim_faults(service, located, contract)


def _claim_faults(service: Service, located: Located, contract: Contract) -> Iterator[Fault]:
    for index, claim in enumerate(service.claims):
        if (problem := contract.refuses(claim, service.name)) is not None:
            yield located.fault(["claims", index], *problem)


def _gateway_faults(service: Service, located: Located) -> Iterator[Fault]:
    if not service.clouds:
        return
    for field, members in (("gateways", service.gateways), ("backend", service.backend)):
        for cloud in members:
            if cloud not in service.clouds:
                problem = "it is about a cloud that `clouds` does not name"
                yield located.fault([field, cloud], problem, f"add {cloud} to clouds, or remove it")
    if "aws" in service.backend and service.gateway("aws").mode != "create":
        problem = "there is no created gateway that it would stand behind"
        yield located.fault(
            ["backend", "aws"], problem, "remove it, or write gateways: aws: create"
        )


def _route_faults(service: Service, located: Located) -> Iterator[Fault]:
    good: list[int] = []
    for index, route in enumerate(service.routes):
        try:
            RouteTable.parse({"default": "refuse", "rules": [route]})
            good.append(index)
        except RouteFaults as error:
            problem = "; ".join(fault.rpartition(": ")[2] for fault in error.faults)
            remedy = "write it as docs/verification.md says: /orders/{id}, /orders/**"
            yield located.fault(["routes", index, "path"], problem, remedy)
    for index, earlier in _overlaps(service, good):
        line = located.where(["routes", earlier]).split(":")[1]
        problem = f"it overlaps with the route in line {line}: one shape and method, two rules"
        remedy = "merge the two, or make their methods or paths differ"
        yield located.fault(["routes", index], problem, remedy)


def _overlaps(service: Service, good: list[int]) -> list[tuple[int, int]]:
    """Pairs of routes of one shape with a method in common, the later first."""
    by_shape: dict[str, list[int]] = {}
    found = []
    for index in good:
        route = service.routes[index]
        shape = re.sub(r"\{[^/]*\}", "{}", route["path"])
        for earlier in by_shape.setdefault(shape, []):
            if set(route["methods"]) & set(service.routes[earlier]["methods"]):
                found.append((index, earlier))
                break
        by_shape[shape].append(index)
    return found


def _caller_faults(service: Service, located: Located) -> Iterator[Fault]:
    for index, caller in enumerate(service.callers):
        words = (("scopes", service.scopes), ("roles", service.roles)) if service.routes else ()
        for field, known in words:
            for word in getattr(caller, field):
                if word not in known:
                    problem = f"no route of the service asks for {word!r}"
                    remedy = f"use {', '.join(sorted(known))}" if known else "remove it"
                    yield located.fault(["callers", index, field], problem, remedy)
        longest = service.token_lifetime
        if longest is not None and caller.lifetime > longest:
            problem = f"it is longer than the service's tokenLifetime ({longest}s)"
            yield located.fault(
                ["callers", index, "lifetime"], problem, f"write {longest}s or less"
            )


def _placed(located: Located, fault: Fault) -> Fault:
    """Return a fault of a caller (`callers[0].match.sub`) with its file and line."""
    path: list[str | int] = []
    for step in re.findall(r"\[\d+\]|[^.\[\]]+", fault.key):
        path.append(int(step[1:-1]) if step.startswith("[") else step)
    return Fault(
        key=located.where(path), value=fault.value, problem=fault.problem, remedy=fault.remedy
    )
