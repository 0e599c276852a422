"""Where validators' code is on Google Cloud: one bundle for all of an environment."""

from dataclasses import dataclass
from pathlib import Path

import pulumi
from pulumi_gcp import storage

from components.gcp import names
from components.gcp.labels import environment_labels
from components.gcp.settings import GcpSettings
from components.gcp.source_archive import source_archive


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
        bucket = storage.Bucket(
            f"{name}-bucket",
            name=names.source_bucket(args.gcp.bucket),
            project=args.gcp.project,
            location=args.gcp.region.upper(),
            uniform_bucket_level_access=True,
            public_access_prevention="enforced",
            force_destroy=args.force_destroy,
            labels=environment_labels(args.environment),
            opts=own,
        )
        archive = source_archive(args.bundle)
        self.source = storage.BucketObject(
            f"{name}-bundle",
            bucket=bucket.name,
            # Named by what it holds: other code is another object, and so another revision.
            name=f"{archive.name.removesuffix('.tar.gz')}.tar.gz",
            source=pulumi.FileAsset(str(archive)),
            content_type="application/gzip",
            opts=own,
        )
        self.register_outputs({"bucket": bucket.name})
