"""Where a token service remembers used platform tokens: a private bucket that only grows."""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.aws import names, policies
from components.aws.guarded_bucket import GuardedBucketArgs, guarded_bucket
from signet.token_service import USED_KEPT_DAYS, USED_PREFIX


@dataclass(frozen=True, kw_only=True)
class UsedTokensArgs:
    """What the bucket is made from."""

    environment: str
    bucket: str
    region: str


class UsedTokens(pulumi.ComponentResource):
    """The bucket: nobody reads it, the service adds to it, and a rule forgets what has run out."""

    objects_arn: pulumi.Output[str]
    """ARN of every object that may be added."""

    def __init__(
        self, name: str, args: UsedTokensArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("signet:aws:UsedTokens", name, None, opts)
        own = pulumi.ResourceOptions(parent=self)
        bucket, _ = guarded_bucket(
            name,
            GuardedBucketArgs(
                environment=args.environment,
                bucket=args.bucket,
                policy=policies.private_store(names.bucket_arn(args.bucket, args.region), [], []),
                public=False,
                # Worthless once the service is gone; a move to another cloud must not end on it.
                force_destroy=True,
            ),
            own,
        )
        aws.s3.BucketLifecycleConfiguration(
            f"{name}-lifecycle",
            bucket=bucket.bucket,
            rules=[
                {
                    "id": "run-out",
                    "status": "Enabled",
                    "filter": {"prefix": USED_PREFIX},
                    "expiration": {"days": USED_KEPT_DAYS},
                }
            ],
            opts=own,
        )
        self.objects_arn = bucket.bucket.apply(
            lambda made: names.object_arn(made, args.region, f"{USED_PREFIX}*")
        )
        self.register_outputs({"objectsArn": self.objects_arn})
