"""What each validator guards: the environment's own gateways, or one onboarded service. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from components.cloud import GatewayOrder
from components.settings import Settings
from signet.key_ring import KeyRing
from signet.service import Service
from signet.token_ceiling import Ceiling

ENVIRONMENT: Final = "environment"
"""Name of the validator that guards the environment's own gateways."""


@dataclass(frozen=True, kw_only=True)
class Guarded:
    """One validator's part of the trust, the same in each of its clouds."""

    name: str
    ring: str
    """The key ring whose tokens it takes."""
    clouds: Sequence[str]
    audience: str
    routes: Sequence[Mapping[str, Any]]
    """As `validator_functions.verification.routes` reads them; what none names is refused."""
    required_claims: Sequence[str]
    longest_token: int
    """Seconds."""
    gateways: Mapping[str, GatewayOrder]
    """By cloud; a cloud that is missing takes its gateway from the settings."""


def environments_own(settings: Settings, ring: KeyRing) -> Guarded:
    """Return what the environment's own validator guards.

    The token lifetime is the largest in force while a key of the ring is published, so that a
    lowered setting never refuses a live token.
    """
    return Guarded(
        name=ENVIRONMENT,
        ring=ring.name,
        clouds=settings.clouds,
        audience=settings.audience,
        routes=[every_route(settings.required_scope)],
        required_claims=(),
        longest_token=ring.in_force(settings.timings).token_lifetime,
        gateways={},
    )


def of_service(service: Service, settings: Settings, ring: KeyRing, ceiling: Ceiling) -> Guarded:
    """Return what a service's validator guards, in the clouds that it names.

    A lowered token lifetime binds it once the tokens that were issued longer have run out.
    """
    in_force = ring.in_force(settings.timings).token_lifetime
    return Guarded(
        name=service.name,
        ring=ring.name,
        clouds=[cloud for cloud in settings.clouds if cloud in service.clouds],
        audience=service.audience,
        routes=service.routes,
        required_claims=service.claims,
        longest_token=in_force if service.token_lifetime is None else ceiling.accepted,
        gateways={
            cloud: GatewayOrder(
                mode=service.gateway(cloud).mode,
                target=service.gateway(cloud).target,
                backend=service.backend.get(cloud, ""),
                audience=service.audience,
                # A native check knows no routes: it can ask only for what every route needs.
                scope=next(iter(sorted(_common(service))), ""),
            )
            for cloud in service.clouds
        },
    )


def every_route(scope: str) -> dict[str, Any]:
    """Return the rule that takes any request with a scope, or with none for an empty one."""
    return {"methods": ["*"], "path": "/**", "scopes": [scope] if scope else [], "roles": []}


def _common(service: Service) -> frozenset[str]:
    every = [frozenset(route["scopes"]) for route in service.routes]
    return frozenset.intersection(*every) if every else frozenset()
