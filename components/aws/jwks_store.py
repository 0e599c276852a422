"""The published documents of an environment's key rings in S3."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import pulumi
import pulumi_aws as aws

from components.aws import names, policies
from components.aws.guarded_bucket import GuardedBucketArgs, guarded_bucket
from components.cloud import Documents
from components.never_missing import never_missing
from signet.documents import (
    DISCOVERY_CONTENT_TYPE,
    DISCOVERY_PATH,
    JWKS_CONTENT_TYPE,
    JWKS_PATH,
)

_OLD_VERSIONS_DAYS = 30


@dataclass(frozen=True, kw_only=True)
class JwksStoreArgs:
    """What a store is made from."""

    environment: str
    bucket: str
    region: str
    documents: Mapping[str, Documents]
    """Of each ring, the environment's first, by what its resources are called."""
    max_age: int
    """`max-age` of every document, seconds."""
    publish: Literal["public", "private"]
    readers: Sequence[pulumi.Input[str]] = ()
    """Role ARNs that may read when `publish` is private."""
    force_destroy: bool = False
    """Whether the bucket may be deleted with what is in it (`Settings.disposable`)."""


class JwksStore(pulumi.ComponentResource):
    """A bucket whose documents are readable by everybody, or by the validators alone.

    The documents are only ever updated in place, so that they are never missing.
    """

    bucket_name: pulumi.Output[str]
    """The bucket's name."""

    def __init__(
        self, name: str, args: JwksStoreArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("signet:aws:JwksStore", name, None, opts)
        own = pulumi.ResourceOptions(parent=self)
        bucket, guarded = guarded_bucket(
            name,
            GuardedBucketArgs(
                environment=args.environment,
                bucket=args.bucket,
                policy=_policy(args),
                public=args.publish == "public",
                force_destroy=args.force_destroy,
            ),
            own,
        )
        ready = [*guarded, *self._keeping(name, args, bucket)]
        after = pulumi.ResourceOptions(parent=self, depends_on=ready)
        cache_control = f"public, max-age={args.max_age}"
        for title, each in args.documents.items():
            for what, path, content, kind in (
                ("jwks", JWKS_PATH, each.jwks, JWKS_CONTENT_TYPE),
                ("discovery", DISCOVERY_PATH, each.discovery, DISCOVERY_CONTENT_TYPE),
            ):
                aws.s3.BucketObjectv2(
                    f"{title}-{what}",
                    bucket=bucket.bucket,
                    key=f"{each.folder}{path}",
                    content=content,
                    content_type=kind,
                    cache_control=cache_control,
                    opts=never_missing(after),
                )
        self.bucket_name = bucket.bucket
        self.register_outputs({"bucketName": self.bucket_name})

    def _keeping(
        self, name: str, args: JwksStoreArgs, bucket: aws.s3.Bucket
    ) -> list[pulumi.Resource]:
        """Earlier documents are kept for a while, as evidence."""
        own = pulumi.ResourceOptions(parent=self)
        versioning = aws.s3.BucketVersioning(
            f"{name}-versioning",
            bucket=bucket.bucket,
            versioning_configuration={"status": "Enabled"},
            opts=own,
        )
        lifecycle = aws.s3.BucketLifecycleConfiguration(
            f"{name}-lifecycle",
            bucket=bucket.bucket,
            rules=[
                {
                    "id": "old-versions",
                    "status": "Enabled",
                    # Of services' own rings there may be hundreds: then all that is in it.
                    "filter": {"prefix": ".well-known/" if len(args.documents) == 1 else ""},
                    "noncurrent_version_expiration": {"noncurrent_days": _OLD_VERSIONS_DAYS},
                    "abort_incomplete_multipart_upload": {"days_after_initiation": 1},
                }
            ],
            opts=pulumi.ResourceOptions(parent=self, depends_on=[versioning]),
        )
        return [versioning, lifecycle]


def _policy(args: JwksStoreArgs) -> pulumi.Input[str]:
    bucket_arn = names.bucket_arn(args.bucket, args.region)
    folders = ["", "*/"] if len(args.documents) > 1 else [""]
    objects = [arn for folder in folders for arn in document_arns(args.bucket, args.region, folder)]
    if args.publish == "public":
        return policies.public_store(bucket_arn, objects)
    return pulumi.Output.all(*args.readers).apply(
        lambda readers: policies.private_store(bucket_arn, objects, readers)
    )


def document_arns(bucket: str, region: str, folder: str = "") -> list[str]:
    """Return the ARNs of exactly the two documents in a ring's folder.

    `*/` stands for the folders of all services' own rings: hundreds of ARNs would be more than a
    bucket policy holds (20 KB), and nothing else of these names is ever put there.
    """
    return [
        names.object_arn(bucket, region, f"{folder}{key}") for key in (DISCOVERY_PATH, JWKS_PATH)
    ]
