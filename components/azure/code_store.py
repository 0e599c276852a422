"""Where code is on Azure: one account and one bundle for all validators of an environment."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pulumi
from pulumi_azure_native import storage

from components.azure import names
from components.azure.storage_account import StorageAccountArgs, storage_account
from components.guarded import ENVIRONMENT
from components.moved import moved_from

_UNTIL: Final = "2100-01-01T00:00:00Z"
"""The end of the right to read one bundle. Fixed, or every preview would show a change; the bundle
holds no secret."""


@dataclass(frozen=True, kw_only=True)
class CodeStoreArgs:
    """What the store is made from."""

    environment: str
    resource_group: pulumi.Input[str]
    location: str
    account: str
    """The storage account's name."""
    bundle: Path
    bundle_sha256: str


class CodeStore(pulumi.ComponentResource):
    """A storage account with the bundle. It keeps shared keys, which One Deploy's address needs."""

    account: storage.StorageAccount
    """The account, which every app's host keeps its own things in too."""
    package: storage.Blob
    """The bundle."""
    address: pulumi.Output[str]
    """Where One Deploy reads the bundle: a secret, as it holds a signature."""

    def __init__(
        self, name: str, args: CodeStoreArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("signet:azure:CodeStore", name, None, opts)
        own = pulumi.ResourceOptions(parent=self)
        # All stood below the environment's own validator before services had validators too.
        formerly = f"{ENVIRONMENT}-azure-validator"
        before = pulumi.create_urn(
            formerly, "signet:azure:Validator", parent=opts.parent if opts else None
        )
        self.account = storage_account(
            f"{name}-account",
            StorageAccountArgs(
                environment=args.environment,
                resource_group=args.resource_group,
                location=args.location,
                account=args.account,
                sku="Standard_LRS",
                shared_keys=True,
                public_blobs=False,
            ),
            moved_from(own, before, f"{formerly}-code"),
        )
        bundles = storage.BlobContainer(
            f"{name}-bundles",
            resource_group_name=args.resource_group,
            account_name=self.account.name,
            container_name=names.CODE_CONTAINER,
            public_access=storage.PublicAccess.NONE,
            opts=moved_from(own, before, f"{formerly}-code-bundles"),
        )
        # Its hash is in the name, so that another bundle goes again.
        blob_name = f"{args.bundle_sha256}/released-package.zip"
        self.package = storage.Blob(
            f"{name}-bundle",
            resource_group_name=args.resource_group,
            account_name=self.account.name,
            container_name=bundles.name,
            blob_name=blob_name,
            content_type="application/zip",
            source=pulumi.FileAsset(str(args.bundle)),
            opts=moved_from(own, before, f"{formerly}-bundle"),
        )
        token = storage.list_storage_account_service_sas_output(
            account_name=self.account.name,
            resource_group_name=args.resource_group,
            canonicalized_resource=pulumi.Output.concat(
                "/blob/", self.account.name, "/", bundles.name, "/", blob_name
            ),
            resource="b",
            permissions="r",
            protocols=storage.HttpProtocol.HTTPS,
            shared_access_expiry_time=_UNTIL,
            opts=pulumi.InvokeOutputOptions(parent=self),
        ).service_sas_token
        self.address = pulumi.Output.secret(pulumi.Output.concat(self.package.url, "?", token))
        self.register_outputs({"accountName": self.account.name})
