"""The published documents of one key ring in S3."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import pulumi
import pulumi_aws as aws

from components.aws import names, policies
from components.aws.guarded_bucket import GuardedBucketArgs, guarded_bucket
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
    jwks: pulumi.Input[str]
    discovery: pulumi.Input[str]
    max_age: int
    """`max-age` of both documents, seconds."""
    publish: Literal["public", "private"]
    readers: Sequence[pulumi.Input[str]] = ()
    """Role ARNs that may read when `publish` is private."""
    force_destroy: bool = False
    """Whether the bucket may be deleted with objects that are not ours; sandbox only."""


class JwksStore(pulumi.ComponentResource):
    """A bucket whose two documents are readable by everybody, or by the validators alone.

    The documents are only ever updated in place, so that they are never missing.
    """

    bucket_name: pulumi.Output[str]
    """The bucket's name."""
    jwks_etag: pulumi.Output[str]
    """S3's entity tag of the published key set."""

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
        ready = [*guarded, *self._keeping(name, bucket)]
        after = pulumi.ResourceOptions(parent=self, depends_on=ready)
        cache_control = f"public, max-age={args.max_age}"
        jwks = aws.s3.BucketObjectv2(
            f"{name}-jwks",
            bucket=bucket.bucket,
            key=JWKS_PATH,
            content=args.jwks,
            content_type=JWKS_CONTENT_TYPE,
            cache_control=cache_control,
            opts=never_missing(after),
        )
        aws.s3.BucketObjectv2(
            f"{name}-discovery",
            bucket=bucket.bucket,
            key=DISCOVERY_PATH,
            content=args.discovery,
            content_type=DISCOVERY_CONTENT_TYPE,
            cache_control=cache_control,
            opts=never_missing(after),
        )
        self.bucket_name = bucket.bucket
        self.jwks_etag = jwks.etag
        self.register_outputs({"bucketName": self.bucket_name})

    def _keeping(self, name: str, bucket: aws.s3.Bucket) -> list[pulumi.Resource]:
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
                    "filter": {"prefix": ".well-known/"},
                    "noncurrent_version_expiration": {"noncurrent_days": _OLD_VERSIONS_DAYS},
                    "abort_incomplete_multipart_upload": {"days_after_initiation": 1},
                }
            ],
            opts=pulumi.ResourceOptions(parent=self, depends_on=[versioning]),
        )
        return [versioning, lifecycle]


def _policy(args: JwksStoreArgs) -> pulumi.Input[str]:
    bucket_arn = names.bucket_arn(args.bucket, args.region)
    objects = document_arns(args.bucket, args.region)
    if args.publish == "public":
        return policies.public_store(bucket_arn, objects)
    return pulumi.Output.all(*args.readers).apply(
        lambda readers: policies.private_store(bucket_arn, objects, readers)
    )


def document_arns(bucket: str, region: str) -> list[str]:
    """Return the ARNs of exactly the two published documents."""
    return [names.object_arn(bucket, region, key) for key in (DISCOVERY_PATH, JWKS_PATH)]
