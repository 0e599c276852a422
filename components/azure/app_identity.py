"""Who apps of ours run as: an identity, what a host needs of its account, and the wait for it.

Validators of one ring share one: their rights are the same, so identities of their own would keep
nothing apart, and each would wait for its roles anew. The token service has its own.
"""

from dataclasses import dataclass

import pulumi
from pulumi_azure_native import authorization, managedidentity

from components.azure import names, roles
from components.azure.code_store import CodeStore
from components.azure.in_force import InForce
from components.azure.tags import environment_tags


@dataclass(frozen=True, kw_only=True)
class AppIdentityArgs:
    """What an identity is made from."""

    environment: str
    title: str
    """What it is called."""
    whose: str
    """What is unique of it in the environment: the fixed ids of its roles are computed from it."""
    resource_group: pulumi.Input[str]
    location: str
    subscription: str
    account: str
    """Name of the documents' storage account, from which fixed ids are computed."""
    code: CodeStore
    """Where the code is of the apps that run as it."""
    role_seconds: int
    """How long new roles are waited for; 0 in the sandbox, which enforces none."""


class AppIdentity:
    """The resources of one identity, declared below whatever component asks for them."""

    def __init__(self, name: str, args: AppIdentityArgs, opts: pulumi.ResourceOptions) -> None:
        self._made = managedidentity.UserAssignedIdentity(
            f"{name}-identity",
            resource_group_name=args.resource_group,
            resource_name_=args.title,
            location=args.location,
            tags=environment_tags(args.environment),
            opts=opts,
        )
        self.id: pulumi.Output[str] = self._made.id
        self.client_id: pulumi.Output[str] = self._made.client_id
        self.principal_id: pulumi.Output[str] = self._made.principal_id
        self.granted = self._grants(name, args, opts)
        self.in_force = InForce(
            f"{name}-in-force",
            roles=[each.id for each in self.granted],
            seconds=args.role_seconds,
            opts=opts,
        )

    def _grants(
        self, name: str, args: AppIdentityArgs, opts: pulumi.ResourceOptions
    ) -> list[authorization.RoleAssignment]:
        """What a host needs of its account (Microsoft's Flex Consumption sample)."""
        return [
            authorization.RoleAssignment(
                f"{name}-{what}",
                scope=args.code.account.id,
                role_assignment_name=names.guid(args.account, args.whose, what),
                role_definition_id=roles.built_in(args.subscription, role),
                principal_id=self.principal_id,
                principal_type="ServicePrincipal",
                opts=opts,
            )
            for what, role in (
                ("blobs", roles.BLOB_OWNER),
                ("queues", roles.QUEUE_CONTRIBUTOR),
                ("tables", roles.TABLE_CONTRIBUTOR),
            )
        ]
