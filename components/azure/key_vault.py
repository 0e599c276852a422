"""The vault that holds the keys of all of an environment's rings, and who manages them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import pulumi
from pulumi_azure_native import authorization, keyvault

from components.azure import names, roles
from components.azure.tags import environment_tags


@dataclass(frozen=True, kw_only=True)
class KeyVaultArgs:
    """What a vault is made from."""

    environment: str
    resource_group: pulumi.Input[str]
    scope: pulumi.Input[str]
    """Id of the resource group, which the roles are about."""
    location: str
    tenant: pulumi.Input[str]
    vault: str
    sku: Literal["standard", "premium"]
    retention_days: int
    """How long a deleted key or vault is kept, 7 to 90."""
    administrators: Sequence[str]
    """Object ids that manage keys; none of them may sign."""
    protect: bool


class KeyVault(pulumi.ComponentResource):
    """A vault, the roles to sign and to manage keys with their data actions alone, and managers.

    Who may sign is given with each key: a ring's issuer signs with no other ring's keys.
    """

    vault_name: pulumi.Output[str]
    """The vault's name."""
    signer_role: pulumi.Output[str]
    """Id of the role that a signer is given on a key."""
    managed: Sequence[pulumi.Resource]
    """What a key has to wait for: nobody could make or read it before."""

    def __init__(
        self, name: str, args: KeyVaultArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("signet:azure:KeyVault", name, None, opts)
        # All of it stood below the environment's ring before services had rings of their own.
        parent = opts.parent if opts is not None else None
        before = pulumi.create_urn(name, "signet:azure:KeyRing", parent=parent)
        own = pulumi.ResourceOptions(parent=self, aliases=[pulumi.Alias(parent=before)])
        kept = pulumi.ResourceOptions(protect=args.protect, retain_on_delete=args.protect)
        vault = keyvault.Vault(
            f"{name}-vault",
            resource_group_name=args.resource_group,
            vault_name=args.vault,
            location=args.location,
            properties=keyvault.VaultPropertiesArgs(
                tenant_id=args.tenant,
                sku=keyvault.SkuArgs(family="A", name=keyvault.SkuName(args.sku)),
                enable_rbac_authorization=True,
                # Cannot be taken back, so it is set or absent, never false.
                enable_purge_protection=True if args.protect else None,
                soft_delete_retention_in_days=args.retention_days,
            ),
            tags=environment_tags(args.environment),
            opts=pulumi.ResourceOptions.merge(own, kept),
        )
        signer = self._role(name, args, "signer", roles.SIGNER_ACTIONS, own)
        administrator = self._role(name, args, "administrator", roles.ADMINISTRATOR_ACTIONS, own)
        self.managed = [
            authorization.RoleAssignment(
                f"{name}-administrator-{principal}",
                scope=vault.id,
                role_assignment_name=names.guid(args.vault, name, "administrator", principal),
                role_definition_id=administrator.id,
                principal_id=principal,
                opts=own,
            )
            for principal in args.administrators
        ]
        self.vault_name = vault.name
        self.signer_role = signer.id
        self.register_outputs({"vaultName": self.vault_name})

    def _role(
        self,
        name: str,
        args: KeyVaultArgs,
        role: Literal["signer", "administrator"],
        actions: Sequence[str],
        own: pulumi.ResourceOptions,
    ) -> authorization.RoleDefinition:
        title = f"Signet {args.environment} {name} {role}"
        return authorization.RoleDefinition(
            f"{name}-{role}",
            scope=args.scope,
            role_definition_id=names.guid(args.vault, name, role),
            role_name=title,
            role_type="CustomRole",
            description=f"{title}: these data actions on keys and nothing else",
            assignable_scopes=[args.scope],
            permissions=[authorization.PermissionArgs(actions=[], data_actions=list(actions))],
            opts=own,
        )
