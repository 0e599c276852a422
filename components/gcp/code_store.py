"""Where validators' code is on Google Cloud: one bundle for all of an environment."""

from dataclasses import dataclass
from pathlib import Path

import pulumi
from pulumi_gcp import storage

from components.bundle_tar import source_archive
from components.gcp import names
from components.gcp.private_bucket import PrivateBucketArgs, private_bucket
from components.gcp.settings import GcpSettings
from components.guarded import ENVIRONMENT
from components.moved import moved_from
from components.never_missing import never_missing


@dataclass(frozen=True, kw_only=True)
class CodeStoreArgs:
    """What the store is made from."""

    environment: str
    gcp: GcpSettings
    bundle: Path
    force_destroy: bool = False


class CodeStore(pulumi.ComponentResource):
    """A bucket that nobody but Cloud Run reads, with the bundle's tree."""

    source: storage.BucketObject
    """The object that services run."""

    def __init__(
        self, name: str, args: CodeStoreArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("signet:gcp:CodeStore", name, None, opts)
        own = pulumi.ResourceOptions(parent=self)
        # Both stood below the environment's own validator before services had validators too.
        formerly = f"gcp-{ENVIRONMENT}-validator"
        before = pulumi.create_urn(
            formerly, "signet:gcp:Validator", parent=opts.parent if opts else None
        )
        bucket = private_bucket(
            f"{name}-bucket",
            PrivateBucketArgs(
                environment=args.environment,
                gcp=args.gcp,
                bucket=names.source_bucket(args.gcp.bucket),
                force_destroy=args.force_destroy,
            ),
            moved_from(own, before, f"{formerly}-source"),
        )
        self.source = source_object(
            f"{name}-bundle",
            bucket.name,
            args.bundle,
            moved_from(own, before, f"{formerly}-bundle"),
        )
        self.register_outputs({"bucket": bucket.name})


def source_object(
    name: str, bucket: pulumi.Input[str], bundle: Path, opts: pulumi.ResourceOptions
) -> storage.BucketObject:
    """Declare the object with a bundle's tree.

    It is named by what it holds: other code is another object, and so another revision.
    """
    archive = source_archive(bundle)
    return storage.BucketObject(
        name,
        bucket=bucket,
        name=archive.name,
        source=pulumi.FileAsset(str(archive)),
        content_type="application/gzip",
        opts=never_missing(opts),
    )
