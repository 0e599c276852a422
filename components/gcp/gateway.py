"""What stands in front on Google Cloud: configuration for gateways that teams run themselves."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import pulumi

from components.gcp import envoy, openapi, proxies

_PROXIES: Final[Mapping[str, Mapping[str, Callable[[str], str]]]] = {
    "envoy": {"envoy": envoy.filter_and_cluster},
    "forwarded": {"caddy": proxies.caddy, "traefik": proxies.traefik},
    "original": {"nginx": proxies.nginx},
}
"""By the validator's `SIGNET_PROXY`."""


@dataclass(frozen=True, kw_only=True)
class GatewayArgs:
    """What the configuration is made from."""

    environment: str
    validator_url: pulumi.Output[str]
    issuer: str
    jwks_url: str
    audience: str
    proxy: str
    """The kind of proxy that asks, as the validator was told: `gcpProxy`."""


@dataclass(frozen=True, kw_only=True)
class Gateway:
    """What makes a proxy ask the validator, and API Gateway's document for its own check.

    Texts for somebody else's gateway: there is no resource, and so no component around any.
    """

    urls: Mapping[str, pulumi.Output[str]]
    """Where to ask: the validator's forward-auth address."""
    configuration: Mapping[str, pulumi.Output[str]]
    """Text to put into a gateway's own configuration: `openapi`, and for the kind of proxy that
    asks `envoy`, `caddy` and `traefik`, or `nginx`."""

    @classmethod
    def of(cls, args: GatewayArgs) -> "Gateway":
        """Write it."""
        document = openapi.document(
            args.environment,
            args.issuer,
            args.jwks_url,
            args.audience,
            backend="https://BACKEND",
        )
        ask = args.validator_url.apply(lambda url: f"{url}{envoy.ASK_PATH}")
        return cls(
            urls={"forward-auth": ask},
            configuration={
                **{
                    name: args.validator_url.apply(text)
                    for name, text in _PROXIES[args.proxy].items()
                },
                "openapi": pulumi.Output.from_input(document),
            },
        )
