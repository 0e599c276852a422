"""One generation of a key ring as an Azure Key Vault key."""

from dataclasses import dataclass
from typing import Literal

import pulumi
from pulumi_azure_native import keyvault

from components.azure import names
from components.azure.key_version import KeyVersion
from components.azure.tags import key_tags
from signet.key_ring import Generation


def key_properties(
    algorithm: str, key_size: int, sku: Literal["standard", "premium"]
) -> keyvault.KeyPropertiesArgs:
    """Return the properties of a key for a JWS algorithm; `premium` keeps it in hardware.

    No rotation policy: a new version under the same name would sign with a key nobody has seen.
    """
    hardware = "-HSM" if sku == "premium" else ""
    operations = ["sign", "verify"]
    if algorithm == "ES256":
        return keyvault.KeyPropertiesArgs(
            kty=f"EC{hardware}", curve_name="P-256", key_ops=operations
        )
    return keyvault.KeyPropertiesArgs(kty=f"RSA{hardware}", key_size=key_size, key_ops=operations)


@dataclass(frozen=True, kw_only=True)
class SigningKeyArgs:
    """What a signing key is made from."""

    environment: str
    ring: str
    generation: Generation
    resource_group: pulumi.Input[str]
    vault: pulumi.Input[str]
    sku: Literal["standard", "premium"]
    protect: bool
    """Guard the key, for as long as it is published, from deletion and replacement."""
    adopt: str | None = None
    """Azure Resource Manager id of a key that an interrupted run made for this generation."""


class SigningKey(pulumi.ComponentResource):
    """One key of its own name, with one version for good.

    A name is never used twice: Azure makes nothing of a name that is there, and keeps a deleted
    one taken.
    """

    key_id: pulumi.Output[str]
    """Its Azure Resource Manager id, on which roles are given."""
    key_uri: pulumi.Output[str]
    """The key's identifier with its version, by which issuers sign."""
    jwk: pulumi.Output[dict[str, str]] | None
    """The public half with its `kid`; None once the generation is no longer published."""

    def __init__(
        self, name: str, args: SigningKeyArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("signet:azure:SigningKey", name, None, opts)
        generation = args.generation
        guarded = args.protect and generation.published
        key = keyvault.Key(
            f"{name}-key",
            resource_group_name=args.resource_group,
            vault_name=args.vault,
            key_name=names.key_name(args.environment, args.ring, generation.number),
            properties=key_properties(generation.algorithm, generation.key_size, args.sku),
            tags=key_tags(args.environment, args.ring, generation.number),
            opts=pulumi.ResourceOptions(
                parent=self, protect=guarded, retain_on_delete=guarded, import_=args.adopt
            ),
        )
        version = KeyVersion(
            f"{name}-version",
            key_uri=key.key_uri_with_version,
            algorithm=generation.algorithm,
            enabled=generation.enabled,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.key_id = key.id
        self.key_uri = key.key_uri_with_version
        self.jwk = version.jwk if generation.enabled else None
        self.register_outputs({"keyUri": self.key_uri, "jwk": self.jwk})
