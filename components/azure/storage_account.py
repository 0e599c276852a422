"""A storage account of ours: TLS 1.2, no other tenant, and public or with shared keys if asked."""

from dataclasses import dataclass
from typing import Literal

import pulumi
from pulumi_azure_native import storage

from components.azure.tags import environment_tags
from components.never_missing import never_missing


@dataclass(frozen=True, kw_only=True)
class StorageAccountArgs:
    """What an account is made from."""

    environment: str
    resource_group: pulumi.Input[str]
    location: str
    account: str
    sku: Literal["Standard_LRS", "Standard_ZRS"]
    shared_keys: bool
    """Whether whoever holds the account's key gets in; Entra alone decides otherwise."""
    public_blobs: bool
    """Whether a container may be opened to everybody."""


def storage_account(
    name: str, args: StorageAccountArgs, opts: pulumi.ResourceOptions
) -> storage.StorageAccount:
    """Declare it."""
    return storage.StorageAccount(
        name,
        resource_group_name=args.resource_group,
        account_name=args.account,
        location=args.location,
        kind="StorageV2",
        sku={"name": args.sku},
        minimum_tls_version="TLS1_2",
        enable_https_traffic_only=True,
        allow_shared_key_access=args.shared_keys,
        allow_blob_public_access=args.public_blobs,
        allow_cross_tenant_replication=False,
        tags=environment_tags(args.environment),
        opts=never_missing(opts),
    )
