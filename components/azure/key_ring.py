"""A key ring's generations on Azure, and who may sign with them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import pulumi
from pulumi_azure_native import authorization, keyvault, managedidentity

from components.azure import names, roles
from components.azure.signing_key import SigningKey, SigningKeyArgs
from components.azure.tags import environment_tags
from signet.key_ring import Generation


@dataclass(frozen=True, kw_only=True)
class KeyRingArgs:
    """What a ring's part on Azure is made from."""

    environment: str
    ring: str
    generations: Sequence[Generation]
    """Those of the ring whose cloud is Azure and whose key is to exist; at least one."""
    resource_group: pulumi.Input[str]
    scope: pulumi.Input[str]
    """Id of the resource group, which the rights are about."""
    location: str
    tenant: pulumi.Input[str]
    vault: str
    sku: Literal["standard", "premium"]
    retention_days: int
    """How long a deleted key or vault is kept, 7 to 90."""
    administrators: Sequence[str]
    """Object ids that manage keys; none of them may sign."""
    issuer_principals: Sequence[str]
    """Object ids that may sign besides the issuer's own identity."""
    protect: bool
    adopt: Mapping[int, str] = field(default_factory=dict)
    """By generation number: the Azure Resource Manager id of a key to adopt."""


class KeyRing(pulumi.ComponentResource):
    """A vault, an issuer identity, a key for each generation, and the right to sign with them."""

    issuer_client_id: pulumi.Output[str]
    """Client id of the identity that issuers take on."""
    keys: Mapping[int, SigningKey]
    """The signing keys by generation number."""

    def __init__(
        self, name: str, args: KeyRingArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("signet:azure:KeyRing", name, None, opts)
        own = pulumi.ResourceOptions(parent=self)
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
            opts=pulumi.ResourceOptions(
                parent=self, protect=args.protect, retain_on_delete=args.protect
            ),
        )
        identity = managedidentity.UserAssignedIdentity(
            f"{name}-issuer",
            resource_group_name=args.resource_group,
            resource_name_=names.issuer_identity(args.environment, args.ring),
            location=args.location,
            tags=environment_tags(args.environment),
            opts=own,
        )
        granted = [
            *self._grant(name, args, "signer", vault, identity),
            *self._grant(name, args, "administrator", vault),
        ]
        self.issuer_client_id = identity.client_id
        self.keys = {
            generation.number: SigningKey(
                f"{name}-{generation.number}",
                SigningKeyArgs(
                    environment=args.environment,
                    ring=args.ring,
                    generation=generation,
                    resource_group=args.resource_group,
                    vault=vault.name,
                    sku=args.sku,
                    protect=args.protect,
                    adopt=args.adopt.get(generation.number),
                ),
                pulumi.ResourceOptions(parent=self, depends_on=granted),
            )
            for generation in args.generations
        }
        self.register_outputs({"issuerClientId": self.issuer_client_id})

    def _grant(
        self,
        name: str,
        args: KeyRingArgs,
        role: Literal["signer", "administrator"],
        vault: keyvault.Vault,
        identity: managedidentity.UserAssignedIdentity | None = None,
    ) -> list[pulumi.Resource]:
        """Declare a role with its data actions alone, and give it on the vault."""
        actions = roles.SIGNER_ACTIONS if role == "signer" else roles.ADMINISTRATOR_ACTIONS
        own = pulumi.ResourceOptions(parent=self)
        title = f"Signet {args.environment} {args.ring} {role}"
        definition = authorization.RoleDefinition(
            f"{name}-{role}",
            scope=args.scope,
            role_definition_id=names.guid(args.vault, args.ring, role),
            role_name=title,
            role_type="CustomRole",
            description=f"{title}: these data actions on keys and nothing else",
            assignable_scopes=[args.scope],
            permissions=[authorization.PermissionArgs(actions=[], data_actions=list(actions))],
            opts=own,
        )
        people = args.issuer_principals if role == "signer" else args.administrators
        given: list[pulumi.Resource] = [
            authorization.RoleAssignment(
                f"{name}-{role}-{principal}",
                scope=vault.id,
                role_assignment_name=names.guid(args.vault, args.ring, role, principal),
                role_definition_id=definition.id,
                principal_id=principal,
                opts=own,
            )
            for principal in people
        ]
        if identity is not None:
            given.append(
                authorization.RoleAssignment(
                    f"{name}-{role}-issuer",
                    scope=vault.id,
                    role_assignment_name=names.guid(args.vault, args.ring, role, "issuer"),
                    role_definition_id=definition.id,
                    principal_id=identity.principal_id,
                    principal_type="ServicePrincipal",
                    opts=own,
                )
            )
        return given
