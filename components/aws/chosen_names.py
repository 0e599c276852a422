"""Whether the names that this environment takes on AWS are free: those of its buckets."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from components.aws import clients, names
from components.aws.settings import AwsSettings
from components.collisions import ChosenName
from signet.errors import CouldNotCheck

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_FREE: Final = "404"
_TAKEN: Final = {
    "301": "exists in another region",
    "403": "belongs to another account, or may not be looked at by this identity",
}
"""HTTP status of a HeadBucket -> what it means (S3 API reference)."""


def chosen_names(
    settings: AwsSettings,
    connect: "Callable[[AwsSettings], S3Client]" = clients.s3,
    *,
    token_service: bool = False,
) -> tuple[ChosenName, ...]:
    """Return the names to ask about; a token service has a bucket of its own."""
    buckets = [settings.bucket]
    if token_service:
        buckets.append(names.used_tokens_bucket(settings.bucket))

    def asked(bucket: str) -> ChosenName:
        return ChosenName(
            setting="awsBucket",
            value=bucket,
            what="AWS: the S3 bucket",
            resource_type="aws:s3/bucket:Bucket",
            recorded_as="bucket",
            taken=lambda: _bucket(connect(settings), bucket),
            remedy="choose another name: bucket names are one for all AWS accounts",
        )

    return tuple(asked(bucket) for bucket in buckets)


def _bucket(client: "S3Client", name: str) -> str | None:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        client.head_bucket(Bucket=name)
    except ClientError as error:
        status = str(error.response.get("Error", {}).get("Code"))
        if status == _FREE:
            return None
        if status in _TAKEN:
            return _TAKEN[status]
        raise CouldNotCheck("a bucket's name", where=f"aws: {error}") from error
    except BotoCoreError as error:
        raise CouldNotCheck("a bucket's name", where=f"aws: {error}") from error
    return "exists already in this account"
