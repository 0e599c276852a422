"""Where a token service remembers used platform tokens: a private container that only grows."""

from dataclasses import dataclass

import pulumi
from pulumi_azure_native import storage

from components.azure import names
from signet.token_service import USED_KEPT_DAYS, USED_PREFIX


@dataclass(frozen=True, kw_only=True)
class UsedTokensArgs:
    """What the container is made from."""

    resource_group: pulumi.Input[str]
    account: pulumi.Input[str]
    """The account that it is in, which the token service alone is let into."""


class UsedTokens(pulumi.ComponentResource):
    """The container, and a rule of its account that forgets what has run out."""

    container_name: pulumi.Output[str]
    """The container's name."""

    def __init__(
        self, name: str, args: UsedTokensArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("signet:azure:UsedTokens", name, None, opts)
        own = pulumi.ResourceOptions(parent=self)
        container = storage.BlobContainer(
            f"{name}-container",
            resource_group_name=args.resource_group,
            account_name=args.account,
            container_name=names.USED_CONTAINER,
            public_access=storage.PublicAccess.NONE,
            opts=own,
        )
        ends: storage.ManagementPolicyRuleArgsDict = {
            "name": "run-out",
            "enabled": True,
            "type": storage.RuleType.LIFECYCLE,
            "definition": {
                "filters": {
                    "blob_types": ["blockBlob"],
                    "prefix_match": [f"{names.USED_CONTAINER}/{USED_PREFIX}"],
                },
                "actions": {
                    "base_blob": {"delete": {"days_after_creation_greater_than": USED_KEPT_DAYS}}
                },
            },
        }
        storage.ManagementPolicy(
            f"{name}-lifecycle",
            resource_group_name=args.resource_group,
            account_name=args.account,
            # The one name that Azure takes.
            management_policy_name="default",
            policy={"rules": [ends]},
            opts=pulumi.ResourceOptions(parent=self, depends_on=[container]),
        )
        self.container_name = container.name
        self.register_outputs({"containerName": self.container_name})
