"""AWS's data plane on a bad day: a KMS key is disabled, a published set is written over in S3."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from components.adoption import FoundKey
from components.aws import clients
from components.aws.settings import AwsSettings
from components.break_glass import Held, Overtaken
from signet.documents import JWKS_CONTENT_TYPE, JWKS_PATH
from signet.errors import CouldNotCheck
from signet.observed import StoreReading
from signet.published import judge

if TYPE_CHECKING:
    from botocore.exceptions import ClientError
    from mypy_boto3_kms import KMSClient
    from mypy_boto3_s3 import S3Client

_LARGEST: Final = 256 * 1024
_ABSENT: Final = frozenset({"NoSuchKey"})
_OVERTAKEN: Final = frozenset({"PreconditionFailed", "ConditionalRequestConflict"})
"""What S3 answers to a conditional write that is too late ("Conditional writes")."""

_CANNOT_SIGN: Final = frozenset({"KMSInvalidStateException"})
"""KMS of a key that waits for its deletion: it cannot sign already."""


class AwsBreakGlass:
    """S3 and KMS with the credentials that the AWS SDK finds."""

    def __init__(
        self,
        settings: AwsSettings,
        cache_control: str,
        path: str = JWKS_PATH,
        kms: "Callable[[AwsSettings], KMSClient]" = clients.kms,
        s3: "Callable[[AwsSettings], S3Client]" = clients.s3,
    ) -> None:
        self._settings = settings
        self._cache_control = cache_control
        self._path = path
        self._kms = kms
        self._s3 = s3

    def disable_key(self, key: str) -> None:
        """Disable a key by its ARN or id (API reference of DisableKey)."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            self._kms(self._settings).disable_key(KeyId=key)
        except ClientError as error:
            if _code(error) not in _CANNOT_SIGN:
                raise _refused(f"KMS: {_code(error)}", "kms:DisableKey on the key") from error
        except BotoCoreError as error:
            raise _refused(f"KMS: {type(error).__name__}", "kms:DisableKey on the key") from error

    def remove_key(self, key: FoundKey, days: int) -> str:
        """Schedule a key's deletion, after which it cannot sign (ScheduleKeyDeletion)."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            self._kms(self._settings).schedule_key_deletion(KeyId=key.id, PendingWindowInDays=days)
        except (BotoCoreError, ClientError) as error:
            said = _code(error) if isinstance(error, ClientError) else type(error).__name__
            raise _refused(f"KMS: {said}", "kms:ScheduleKeyDeletion on the key") from error
        return f"is deleted in {days} days, and cannot sign meanwhile"

    def held(self) -> Held:
        """Read the set with its entity tag."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            answer = self._s3(self._settings).get_object(
                Bucket=self._settings.bucket, Key=self._path
            )
            body = answer["Body"].read(_LARGEST + 1)
        except ClientError as error:
            if _code(error) in _ABSENT:
                return Held(reading=StoreReading("absent", detail=_code(error)))
            raise _refused(f"S3: {_code(error)}", "s3:GetObject on the bucket") from error
        except (BotoCoreError, OSError) as error:
            raise _refused(f"S3: {type(error).__name__}", "s3:GetObject on the bucket") from error
        return Held(reading=judge(body), body=body, version=answer["ETag"])

    def write(self, body: str, held: Held) -> None:
        """Write the set over the version that is held."""
        from botocore.exceptions import BotoCoreError, ClientError

        client = self._s3(self._settings)
        try:
            if held.version is None:
                client.put_object(
                    Bucket=self._settings.bucket,
                    Key=self._path,
                    Body=body.encode(),
                    ContentType=JWKS_CONTENT_TYPE,
                    CacheControl=self._cache_control,
                    IfNoneMatch="*",
                )
            else:
                client.put_object(
                    Bucket=self._settings.bucket,
                    Key=self._path,
                    Body=body.encode(),
                    ContentType=JWKS_CONTENT_TYPE,
                    CacheControl=self._cache_control,
                    IfMatch=held.version,
                )
        except ClientError as error:
            if _code(error) in _OVERTAKEN:
                raise Overtaken from error
            raise _refused(f"S3: {_code(error)}", "s3:PutObject on the bucket") from error
        except (BotoCoreError, OSError) as error:
            raise _refused(f"S3: {type(error).__name__}", "s3:PutObject on the bucket") from error


def _code(error: "ClientError") -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def _refused(where: str, right: str) -> CouldNotCheck:
    return CouldNotCheck(
        "AWS did not do it", where=where, remedy=f"check the network and credentials: {right}"
    )
