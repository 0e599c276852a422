"""The published documents of an environment's key rings in Blob Storage."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import pulumi
from pulumi_azure_native import authorization, storage

from components.azure import names, roles
from components.azure.document import Document
from components.azure.storage_account import StorageAccountArgs, storage_account
from components.cloud import Documents
from components.never_missing import never_missing
from components.readers import Reader
from signet.documents import (
    DISCOVERY_CONTENT_TYPE,
    DISCOVERY_PATH,
    JWKS_CONTENT_TYPE,
    JWKS_PATH,
)


@dataclass(frozen=True, kw_only=True)
class JwksStoreArgs:
    """What a store is made from."""

    environment: str
    resource_group: pulumi.Input[str]
    location: str
    subscription: str
    account: str
    account_url: str
    """Where Microsoft's client writes."""
    documents: Mapping[str, Documents]
    """Of each ring, the environment's first, by what its resources are called."""
    max_age: int
    """`max-age` of every document, seconds."""
    publish: Literal["public", "private"]
    writers: Sequence[str]
    """Object ids that may write the documents: whoever deploys."""
    readers: Sequence[Reader] = ()
    """Identities, by their object ids, that may read when `publish` is private."""


class JwksStore(pulumi.ComponentResource):
    """A storage account without shared keys, whose one container is readable without listing.

    The documents are only ever written over, so that they are never missing.
    """

    account_id: pulumi.Output[str]
    """Azure Resource Manager id of the storage account."""

    def __init__(
        self, name: str, args: JwksStoreArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("signet:azure:JwksStore", name, None, opts)
        own = pulumi.ResourceOptions(parent=self)
        public = args.publish == "public"
        account = storage_account(
            f"{name}-account",
            StorageAccountArgs(
                environment=args.environment,
                resource_group=args.resource_group,
                location=args.location,
                account=args.account,
                sku="Standard_ZRS",
                shared_keys=False,
                public_blobs=public,
            ),
            own,
        )
        container = storage.BlobContainer(
            f"{name}-container",
            resource_group_name=args.resource_group,
            account_name=account.name,
            container_name=names.CONTAINER,
            # `Container` would let anybody list it.
            public_access=storage.PublicAccess.BLOB if public else storage.PublicAccess.NONE,
            opts=never_missing(own),
        )
        granted = [
            self._grant(f"{name}-writer-{index}", args, account, (roles.BLOB_CONTRIBUTOR, who), own)
            for index, who in enumerate(args.writers)
        ] + [
            self._grant(
                each.name(name),
                args,
                account,
                (roles.BLOB_READER, each.who),
                # Whom it was given when readers were counted keeps it under the id of then: Azure
                # refuses the same right a second time (RoleAssignmentExists).
                each.options(
                    name,
                    pulumi.ResourceOptions(parent=self, ignore_changes=["roleAssignmentName"]),
                ),
            )
            for each in args.readers
        ]
        after = pulumi.ResourceOptions(parent=self, depends_on=[container, *granted])
        for title, each in args.documents.items():
            for what, path, content, kind in (
                ("jwks", JWKS_PATH, each.jwks, JWKS_CONTENT_TYPE),
                ("discovery", DISCOVERY_PATH, each.discovery, DISCOVERY_CONTENT_TYPE),
            ):
                Document(
                    f"{title}-{what}",
                    account_url=args.account_url,
                    container=names.CONTAINER,
                    blob=f"{each.folder}{path}",
                    content=content,
                    content_type=kind,
                    cache_control=f"public, max-age={args.max_age}",
                    opts=never_missing(after),
                )
        self.account_id = account.id
        self.register_outputs({"accountId": self.account_id})

    def _grant(
        self,
        name: str,
        args: JwksStoreArgs,
        account: storage.StorageAccount,
        right: tuple[str, pulumi.Input[str]],
        opts: pulumi.ResourceOptions,
    ) -> pulumi.Resource:
        """`right` is a role and whom it is given."""
        role, principal = right
        given: pulumi.Resource = authorization.RoleAssignment(
            name,
            scope=account.id,
            role_assignment_name=names.guid(args.account, name),
            role_definition_id=roles.built_in(args.subscription, role),
            principal_id=principal,
            opts=opts,
        )
        return given
