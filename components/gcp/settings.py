"""The settings that concern Google Cloud alone.

Pure: `components.settings` hands over the reader, which collects the faults of all clouds.
"""

import re
from dataclasses import dataclass
from typing import Final, Literal

from components.gcp import names
from components.setting_values import SettingReader
from components.surroundings import Surroundings

_PRINCIPAL: Final = r"(user|group|serviceAccount|principal|principalSet):\S{3,512}"
IMAGE_PATTERN: Final = re.compile(
    r"([a-z0-9.-]+(?::\d{1,5})?)/([a-z0-9._/-]{1,255})@(sha256:[0-9a-f]{64})"
)
"""Registry, path and digest."""
_MOST_INSTANCES: Final = 1_000
_MOST_CONCURRENCY: Final = 1_000


@dataclass(frozen=True, kw_only=True)
class GcpSettings:
    """Everything that concerns Google Cloud alone."""

    project: str
    region: str
    key_ring: str
    bucket: str
    issuer_principals: tuple[str, ...]
    key_protection: str
    """`SOFTWARE` or `HSM`."""
    ingress: str
    """Cloud Run's own word for who reaches the validator."""
    proxy: str
    """The kind of proxy that asks (`validator_functions.cloud_run.requests`)."""
    min_instances: int
    max_instances: int
    concurrency: int
    cpu: str
    base_image: str
    """Its name before the Python version: `python` (Google's short names) or a whole path."""
    image: str
    """The validators' container image, pinned by its digest; empty: they run from source."""
    notification_channel: str
    """Name of a notification channel that alarms go to; empty: nobody is told."""
    endpoint: str | None
    """The sandbox's address for storage; None outside it."""
    kms_endpoint: str | None
    """The sandbox's address for Cloud KMS (gRPC without TLS); None outside it."""

    @property
    def store_url(self) -> str:
        """Address below which the published documents are read."""
        return names.store_url(self.bucket, self.endpoint)

    def keeps_source(self, *, token_service: bool) -> bool:
        """Whether there is a bucket of source: a token service runs from it always."""
        return token_service or not self.image

    @property
    def ring_name(self) -> str:
        """The key ring's resource name."""
        return names.key_ring(self.project, self.region, self.key_ring)


def read_gcp(read: SettingReader, surroundings: Surroundings) -> GcpSettings:
    """Return Google Cloud's settings; faults are left in the reader."""
    ports = surroundings.ports
    for key, example in (
        ("gcpProject", "example-org-prod"),
        ("gcpRegion", "europe-west3"),
        ("gcpBucket", "example-org-signet-prod-keys"),
        ("gcpKeyRing", "signet-prod"),
    ):
        if not read.text(key):
            read.fault(key, "it is missing", f"write one such as {example}")
    people = "write principals such as serviceAccount:name@project.iam.gserviceaccount.com"
    principals = read.strings("gcpIssuerPrincipals", _PRINCIPAL, people)
    if not principals and read.known(["gcpIssuerPrincipals"]):
        read.fault("gcpIssuerPrincipals", "nobody could issue tokens", people)
    least = read.integer("gcpMinInstances", 0, _MOST_INSTANCES)
    most = read.integer("gcpMaxInstances", 1, _MOST_INSTANCES)
    if least > most:
        read.fault("gcpMinInstances", "it is more than gcpMaxInstances", f"use at most {most}")
    ingress: Literal["internal", "all"] = (
        "all" if read.choice("gcpIngress", ("internal", "all")) == "all" else "internal"
    )
    endpoint = f"http://127.0.0.1:{ports['gcp']}" if "gcp" in ports else None
    return GcpSettings(
        project=read.text("gcpProject", names.PROJECT_PATTERN, "write the project's id"),
        region=read.text("gcpRegion", names.REGION_PATTERN, "write a region: europe-west3"),
        key_ring=read.text(
            "gcpKeyRing", names.KEY_RING_PATTERN, "use 1 to 63 letters, digits, - and _"
        ),
        bucket=read.text(
            "gcpBucket",
            names.BUCKET_PATTERN,
            "use 3 to 55 lower-case letters, digits and hyphens, without `google`",
        ),
        issuer_principals=principals,
        key_protection=read.choice("gcpKeyProtection", ("SOFTWARE", "HSM")),
        ingress="INGRESS_TRAFFIC_ALL" if ingress == "all" else "INGRESS_TRAFFIC_INTERNAL_ONLY",
        proxy=read.choice("gcpProxy", ("envoy", "forwarded", "original")),
        min_instances=least,
        max_instances=most,
        concurrency=read.integer("gcpConcurrency", 1, _MOST_CONCURRENCY),
        cpu=read.choice("gcpCpu", ("1", "2", "4")),
        base_image=read.text("gcpBaseImage", r"[a-z0-9./-]{3,200}", "write a base image's name"),
        image=_image(read, endpoint),
        notification_channel=read.text(
            "gcpNotificationChannel",
            r"projects/[a-z0-9-]{6,30}/notificationChannels/\d{1,25}",
            "write its name, projects/<project>/notificationChannels/<number>",
        ),
        endpoint=endpoint,
        kms_endpoint=f"127.0.0.1:{ports['gcp-kms']}" if "gcp-kms" in ports else None,
    )


def _image(read: SettingReader, endpoint: str | None) -> str:
    """Return the image's reference; a tag can be moved under a service that runs."""
    given = read.text("gcpImage")
    if not given:
        return ""
    remedy = "write REGISTRY/PATH@sha256:..., as `crane push` prints it"
    sandbox = (endpoint or "").removeprefix("http://")
    if "@" not in given:
        read.fault("gcpImage", "it names a tag at most, and no digest", remedy)
    elif IMAGE_PATTERN.fullmatch(given) is None:
        read.fault("gcpImage", "it is no reference to an image by its digest", remedy)
    elif sandbox and not given.startswith(f"{sandbox}/"):
        remedy = f"push it to {sandbox}"
        read.fault("gcpImage", "the sandbox runs images of its own registry", remedy)
    return given
