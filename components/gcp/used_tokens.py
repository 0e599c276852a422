"""Where a token service remembers used platform tokens: a private bucket that only grows."""

from dataclasses import dataclass
from typing import Final

import pulumi
from pulumi_gcp import storage

from components.gcp import names
from components.gcp.private_bucket import PrivateBucketArgs, private_bucket
from components.gcp.settings import GcpSettings
from signet.token_service import USED_KEPT_DAYS

ADDER: Final = "roles/storage.objectCreator"
"""Makes objects; reads, lists and deletes none, so that it writes none over ("IAM roles for Cloud
Storage")."""


@dataclass(frozen=True, kw_only=True)
class UsedTokensArgs:
    """What the bucket is made from."""

    environment: str
    gcp: GcpSettings
    adder: pulumi.Input[str]
    """The member that may add to it."""


class UsedTokens(pulumi.ComponentResource):
    """The bucket: nobody reads it, the service adds to it, and a rule forgets what has run out."""

    bucket_name: pulumi.Output[str]
    """The bucket's name."""

    def __init__(
        self, name: str, args: UsedTokensArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("signet:gcp:UsedTokens", name, None, opts)
        own = pulumi.ResourceOptions(parent=self)
        bucket = private_bucket(
            f"{name}-bucket",
            PrivateBucketArgs(
                environment=args.environment,
                gcp=args.gcp,
                bucket=names.used_tokens_bucket(args.gcp.bucket),
                # Worthless once the service is gone; a move to another cloud must not end on it.
                force_destroy=True,
                kept_days=USED_KEPT_DAYS,
            ),
            own,
        )
        storage.BucketIAMMember(
            f"{name}-adder", bucket=bucket.name, role=ADDER, member=args.adder, opts=own
        )
        self.bucket_name = bucket.name
        self.register_outputs({"bucketName": self.bucket_name})
