"""The gateway on Azure that is not a function's own address: API Management's fragments."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi_azure_native import apimanagement

from components.azure import policies


@dataclass(frozen=True, kw_only=True)
class GatewayArgs:
    """What the fragments are made from."""

    environment: str
    title: str
    """What the fragments are called."""
    validator_url: pulumi.Output[str]
    issuer: str
    audience: str
    required_scope: str
    service: str
    """Name of an API Management service that exists."""
    service_group: str
    """The resource group that it is in."""


class Gateway(pulumi.ComponentResource):
    """Policy fragments that an API Management service's owner includes in his APIs.

    Nothing of an API is changed here: a fragment does nothing until a policy includes it.
    """

    attached: Mapping[str, Any]
    """The fragments' names and what the service's owner has to do."""

    def __init__(
        self, name: str, args: GatewayArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("signet:azure:Gateway", name, None, opts)
        self.attached = self._fragments(name, args)
        self.register_outputs({"attached": self.attached})

    def _fragments(self, name: str, args: GatewayArgs) -> dict[str, Any]:
        ours = args.title
        native = policies.native(args.issuer, args.audience, args.required_scope)
        texts: dict[str, tuple[str, pulumi.Input[str]]] = {
            ours: (
                "asks the Signet validator, and fails closed",
                args.validator_url.apply(policies.ask_the_function),
            ),
            f"{ours}-native": ("API Management's own check of Signet's tokens", native),
        }
        for fragment, (what, text) in texts.items():
            apimanagement.PolicyFragment(
                f"{name}-{fragment.removeprefix(ours).strip('-') or 'ask'}",
                resource_group_name=args.service_group,
                service_name=args.service,
                id=fragment,
                description=f"Signet {args.environment}: {what}",
                format="rawxml",
                value=text,
                opts=pulumi.ResourceOptions(parent=self),
            )
        include = f'<include-fragment fragment-id="{ours}" />'
        return {
            "apiManagement": {
                "service": args.service,
                "resourceGroup": args.service_group,
                "fragments": sorted(texts),
                "todo": f"write {include} as the first policy of <inbound> of each API",
            }
        }
