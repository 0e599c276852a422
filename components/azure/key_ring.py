"""A key ring's generations on Azure, and who may sign with them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import pulumi
from pulumi_azure_native import authorization, managedidentity

from components.azure import names
from components.azure.key_vault import KeyVault
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
    location: str
    vault: KeyVault
    sku: Literal["standard", "premium"]
    issuer_principals: Sequence[str]
    """Object ids that may sign besides the issuer's own identity."""
    protect: bool
    adopt: Mapping[int, str] = field(default_factory=dict)
    """By generation number: the Azure Resource Manager id of a key to adopt."""


class KeyRing(pulumi.ComponentResource):
    """An issuer identity, a key for each generation, and the right to sign with just those."""

    issuer_client_id: pulumi.Output[str]
    """Client id of the identity that issuers take on."""
    keys: Mapping[int, SigningKey]
    """The signing keys by generation number."""

    def __init__(
        self, name: str, args: KeyRingArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("signet:azure:KeyRing", name, None, opts)
        own = pulumi.ResourceOptions(parent=self)
        identity = managedidentity.UserAssignedIdentity(
            f"{name}-issuer",
            resource_group_name=args.resource_group,
            resource_name_=names.issuer_identity(args.environment, args.ring),
            location=args.location,
            tags=environment_tags(args.environment),
            opts=own,
        )
        self.issuer_client_id = identity.client_id
        self.keys = {
            generation.number: SigningKey(
                f"{name}-{generation.number}",
                SigningKeyArgs(
                    environment=args.environment,
                    ring=args.ring,
                    generation=generation,
                    resource_group=args.resource_group,
                    vault=args.vault.vault_name,
                    sku=args.sku,
                    protect=args.protect,
                    adopt=args.adopt.get(generation.number),
                ),
                pulumi.ResourceOptions(parent=self, depends_on=args.vault.managed),
            )
            for generation in args.generations
        }
        for number, key in self.keys.items():
            self._may_sign(f"{name}-{number}", args, key, identity)
        self.register_outputs({"issuerClientId": self.issuer_client_id})

    def _may_sign(
        self,
        name: str,
        args: KeyRingArgs,
        key: SigningKey,
        identity: managedidentity.UserAssignedIdentity,
    ) -> None:
        """Give the right to sign with one key, and with no other that is in the vault.

        A role may be given on a single key (Azure, "Provide access to Key Vault keys with RBAC").
        """
        people: list[tuple[str, pulumi.Input[str], str | None]] = [
            ("issuer", identity.principal_id, "ServicePrincipal"),
            *((principal, principal, None) for principal in args.issuer_principals),
        ]
        for who, principal, kind in people:
            authorization.RoleAssignment(
                f"{name}-signer-{who}",
                scope=key.key_id,
                role_assignment_name=key.key_id.apply(
                    lambda scope, who=who: names.guid(scope, "signer", who)  # type: ignore[misc]
                ),
                role_definition_id=args.vault.signer_role,
                principal_id=principal,
                principal_type=kind,
                opts=pulumi.ResourceOptions(parent=self),
            )
