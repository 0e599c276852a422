"""A bucket whose policy alone says who is let in, encrypted at rest."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import pulumi
import pulumi_aws as aws

from components.aws.tags import environment_tags
from components.never_missing import never_missing


@dataclass(frozen=True, kw_only=True)
class GuardedBucketArgs:
    """What a bucket is made from."""

    environment: str
    bucket: str
    policy: pulumi.Input[str]
    public: bool
    """Whether that policy lets everybody read."""
    force_destroy: bool
    """Whether it may be deleted with what was put into it past the program."""


class GuardedBucket(NamedTuple):
    """The bucket, and what is there before anything is put into it."""

    bucket: aws.s3.Bucket
    ready: Sequence[pulumi.Resource]


def guarded_bucket(
    name: str, args: GuardedBucketArgs, opts: pulumi.ResourceOptions
) -> GuardedBucket:
    """Declare it. The policy comes after the block, which would refuse a public one.

    SSE-S3 and not SSE-KMS: an anonymous reader could not decrypt with a KMS key.
    """
    bucket = aws.s3.Bucket(
        f"{name}-bucket",
        bucket=args.bucket,
        force_destroy=args.force_destroy,
        tags=environment_tags(args.environment),
        opts=never_missing(opts),
    )
    block = aws.s3.BucketPublicAccessBlock(
        f"{name}-public-access",
        bucket=bucket.bucket,
        block_public_acls=True,
        ignore_public_acls=True,
        block_public_policy=not args.public,
        restrict_public_buckets=not args.public,
        opts=opts,
    )
    ownership = aws.s3.BucketOwnershipControls(
        f"{name}-ownership",
        bucket=bucket.bucket,
        rule={"object_ownership": "BucketOwnerEnforced"},
        opts=opts,
    )
    encryption = aws.s3.BucketServerSideEncryptionConfiguration(
        f"{name}-encryption",
        bucket=bucket.bucket,
        rules=[{"apply_server_side_encryption_by_default": {"sse_algorithm": "AES256"}}],
        opts=opts,
    )
    policy = aws.s3.BucketPolicy(
        f"{name}-policy",
        bucket=bucket.bucket,
        policy=args.policy,
        opts=pulumi.ResourceOptions.merge(
            opts, pulumi.ResourceOptions(depends_on=[block, ownership])
        ),
    )
    return GuardedBucket(bucket, [policy, encryption])
