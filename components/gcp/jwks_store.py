"""The published documents of an environment's key rings in Cloud Storage."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import pulumi
from pulumi_gcp import storage

from components.cloud import Documents
from components.gcp.labels import environment_labels
from components.gcp.settings import GcpSettings
from components.never_missing import never_missing
from components.readers import Reader
from signet.documents import (
    DISCOVERY_CONTENT_TYPE,
    DISCOVERY_PATH,
    JWKS_CONTENT_TYPE,
    JWKS_PATH,
)
from signet.key_ring import ENVIRONMENT_RING

READER = "roles/storage.legacyObjectReader"
"""Reads objects and does not list them; `objectViewer` lists too."""

_OLD_VERSIONS_DAYS = 30


@dataclass(frozen=True, kw_only=True)
class JwksStoreArgs:
    """What a store is made from."""

    environment: str
    gcp: GcpSettings
    documents: Mapping[str, Documents]
    """Of each ring, the environment's first, by what its resources are called."""
    max_age: int
    """`max-age` of every document, seconds."""
    publish: Literal["public", "private"]
    readers: Sequence[Reader] = ()
    """Accounts, as IAM names them, that may read when `publish` is private."""
    force_destroy: bool = False
    """Whether the bucket may be deleted with what is in it (`Settings.disposable`)."""


class JwksStore(pulumi.ComponentResource):
    """A bucket of its own, because a role cannot be narrowed for `allUsers` by a condition.

    The documents go with the bucket, or with a service that leaves: else they are only ever
    written over.
    """

    bucket_name: pulumi.Output[str]
    """The bucket's name."""

    def __init__(
        self, name: str, args: JwksStoreArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("signet:gcp:JwksStore", name, None, opts)
        own = pulumi.ResourceOptions(parent=self)
        public = args.publish == "public"
        bucket = storage.Bucket(
            f"{name}-bucket",
            name=args.gcp.bucket,
            project=args.gcp.project,
            location=args.gcp.region.upper(),
            uniform_bucket_level_access=True,
            public_access_prevention="inherited" if public else "enforced",
            # Earlier documents are kept for a while, as evidence.
            versioning={"enabled": True},
            lifecycle_rules=[
                {
                    "action": {"type": "Delete"},
                    "condition": {"days_since_noncurrent_time": _OLD_VERSIONS_DAYS},
                }
            ],
            force_destroy=args.force_destroy,
            labels=environment_labels(args.environment),
            opts=never_missing(own),
        )
        everybody = Reader(ring=ENVIRONMENT_RING, who="allUsers", counted=0)
        allowed = [
            storage.BucketIAMMember(
                each.name(name),
                bucket=bucket.name,
                role=READER,
                member=each.who,
                opts=each.options(name, own),
            )
            for each in ([everybody] if public else args.readers)
        ]
        for title, each in args.documents.items():
            for what, path, content, kind in (
                ("jwks", JWKS_PATH, each.jwks, JWKS_CONTENT_TYPE),
                ("discovery", DISCOVERY_PATH, each.discovery, DISCOVERY_CONTENT_TYPE),
            ):
                storage.BucketObject(
                    f"{title}-{what}",
                    bucket=bucket.name,
                    name=f"{each.folder}{path}",
                    content=content,
                    content_type=kind,
                    # Google's own default for public objects is an hour.
                    cache_control=f"public, max-age={args.max_age}",
                    # Other headers are another resource to the provider, under the same name: the
                    # new one is written over the old, whose deletion would take both. Only a ring
                    # that is leaving is deleted at its end, as in the other clouds.
                    opts=never_missing(
                        pulumi.ResourceOptions(
                            parent=self, depends_on=allowed, retain_on_delete=not each.leaving
                        )
                    ),
                )
        self.bucket_name = bucket.name
        self.register_outputs({"bucketName": self.bucket_name})
