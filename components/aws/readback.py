"""Reads the published set of one ring back from S3."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from components import read_back
from components.aws import clients
from components.aws.settings import AwsSettings
from signet.documents import JWKS_PATH
from signet.observed import StoreReading
from signet.published import judge

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_LARGEST = 256 * 1024
_ABSENT = frozenset({"NoSuchKey", "NoSuchBucket"})


def read_store(
    settings: AwsSettings,
    publish: Literal["public", "private"],
    path: str = JWKS_PATH,
    client: "Callable[[AwsSettings], S3Client]" = clients.s3,
) -> StoreReading:
    """Return what the store holds at `path` now; bounded in time. Raises nothing.

    A public set is read as its consumers read it; a private one with the deployer's identity.
    """
    if publish == "public":
        url = f"{settings.store_url}/{path}"
        return read_back.public(url, in_sandbox=settings.endpoint is not None)
    return _private(client(settings), settings.bucket, path)


def _private(s3: "S3Client", bucket: str, path: str) -> StoreReading:
    from botocore.exceptions import BotoCoreError, ClientError

    where = f"s3://{bucket}/{path}"
    try:
        answer = s3.get_object(Bucket=bucket, Key=path)
        body = answer["Body"].read(_LARGEST + 1)
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        status: Literal["absent", "unverified"] = "absent" if code in _ABSENT else "unverified"
        return StoreReading(status, detail=f"{where}: {code}")
    except (BotoCoreError, OSError) as error:
        return StoreReading("unverified", detail=f"{where}: {type(error).__name__}")
    headers = answer["ResponseMetadata"]["HTTPHeaders"]
    return judge(body, headers.get("date"))
