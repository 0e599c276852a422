"""Where apps of ours log to: a workspace, and the Application Insights that writes to it.

All validators of an environment share one pair, and each line says whose it is (`service`). The
token service has its own.
"""

from dataclasses import dataclass

import pulumi
from pulumi_azure_native import applicationinsights, operationalinsights

from components.azure.tags import environment_tags


@dataclass(frozen=True, kw_only=True)
class AppLogsArgs:
    """What a place for lines is made from."""

    environment: str
    title: str
    """What its two parts are called, before their endings."""
    resource_group: pulumi.Input[str]
    location: str
    days: int
    """How long lines are kept."""


class AppLogs:
    """The two resources, declared below whatever component asks for them."""

    def __init__(self, name: str, args: AppLogsArgs, opts: pulumi.ResourceOptions) -> None:
        tags = environment_tags(args.environment)
        workspace = operationalinsights.Workspace(
            f"{name}-workspace",
            resource_group_name=args.resource_group,
            workspace_name=f"{args.title}-logs",
            location=args.location,
            sku={"name": "PerGB2018"},
            retention_in_days=args.days,
            tags=tags,
            opts=opts,
        )
        insights = applicationinsights.Component(
            f"{name}-insights",
            resource_group_name=args.resource_group,
            resource_name_=f"{args.title}-insights",
            location=args.location,
            kind="web",
            application_type="web",
            workspace_resource_id=workspace.id,
            tags=tags,
            opts=opts,
        )
        self.workspace_id: pulumi.Output[str] = workspace.id
        self.connection: pulumi.Output[str] = insights.connection_string
        """What an app is told, so that its lines go there."""
