"""What stands in front on Google Cloud: configuration for gateways that teams run themselves."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi

from components.gcp import envoy, openapi


@dataclass(frozen=True, kw_only=True)
class GatewayArgs:
    """What the configuration is made from."""

    environment: str
    validator_url: pulumi.Output[str]
    issuer: str
    jwks_url: str
    audience: str


class Gateway(pulumi.ComponentResource):
    """Envoy's filter that asks the validator, and API Gateway's document for its own check."""

    urls: Mapping[str, pulumi.Output[str]]
    """Where to ask: the validator's forward-auth address."""
    configuration: Mapping[str, pulumi.Output[str]]
    """`envoy` and `openapi`: text to put into a gateway's own configuration."""

    def __init__(
        self, name: str, args: GatewayArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("signet:gcp:Gateway", name, None, opts)
        self.urls = {"forward-auth": args.validator_url.apply(lambda url: f"{url}{envoy.ASK_PATH}")}
        document = openapi.document(
            args.environment,
            args.issuer,
            args.jwks_url,
            args.audience,
            backend="https://BACKEND",
        )
        self.configuration = {
            "envoy": args.validator_url.apply(envoy.filter_and_cluster),
            "openapi": pulumi.Output.from_input(document),
        }
        self.register_outputs({"urls": self.urls})
