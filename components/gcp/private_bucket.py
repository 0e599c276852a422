"""A bucket that nobody is let into but by a role of his own."""

from dataclasses import dataclass

import pulumi
from pulumi_gcp import storage

from components.gcp.labels import environment_labels
from components.gcp.settings import GcpSettings


@dataclass(frozen=True, kw_only=True)
class PrivateBucketArgs:
    """What a bucket is made from."""

    environment: str
    gcp: GcpSettings
    bucket: str
    force_destroy: bool
    """Whether it may be deleted with what was put into it past the program."""
    kept_days: int | None = None
    """After how many days an object is deleted; None: never."""


def private_bucket(
    name: str, args: PrivateBucketArgs, opts: pulumi.ResourceOptions
) -> storage.Bucket:
    """Declare it. Access is by roles on the bucket alone, and never public."""
    ends: storage.BucketLifecycleRuleArgsDict = {
        "action": {"type": "Delete"},
        "condition": {"age": args.kept_days},
    }
    return storage.Bucket(
        name,
        name=args.bucket,
        project=args.gcp.project,
        location=args.gcp.region.upper(),
        uniform_bucket_level_access=True,
        public_access_prevention="enforced",
        lifecycle_rules=[ends] if args.kept_days is not None else None,
        force_destroy=args.force_destroy,
        labels=environment_labels(args.environment),
        opts=opts,
    )
