"""Used tokens as empty objects in a bucket of their own.

A write with `If-None-Match: *` succeeds for exactly one of any number of writers (S3 User Guide,
"How to prevent object overwrites with conditional writes": 412 once the object is there, 409 where
two writes met, which is asked again). A lifecycle rule of the bucket forgets them; it is longer
than any platform's token lives.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from botocore.exceptions import BotoCoreError, ClientError

from signet.issuing.exchange.replay import ReplayUnchecked
from signet.token_service import USED_PREFIX

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_ATTEMPTS: Final = 3
_THERE: Final = "PreconditionFailed"
_MET: Final = "ConditionalRequestConflict"


class S3ReplayStore:
    """A `ReplayStore` for every instance of a deployment."""

    def __init__(self, client: S3Client, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def first_use(self, key: str, expires_at: int) -> bool:
        """See `ReplayStore`. The object says until when it matters, for whoever looks."""
        for _ in range(_ATTEMPTS):
            try:
                self._client.put_object(
                    Bucket=self._bucket,
                    Key=f"{USED_PREFIX}{key}",
                    Body=b"",
                    IfNoneMatch="*",
                    Metadata={"expires-at": str(expires_at)},
                )
            except ClientError as error:
                code = error.response.get("Error", {}).get("Code", "unknown")
                if code == _THERE:
                    return False
                if code != _MET:
                    raise _unchecked(code) from error
            except BotoCoreError as error:
                raise _unchecked(type(error).__name__) from error
            else:
                return True
        raise _unchecked(_MET)


def _unchecked(why: str) -> ReplayUnchecked:
    return ReplayUnchecked(
        f"whether a token was used before cannot be told ({why})",
        where="the bucket of used tokens",
        remedy="check the bucket and the token service's rights, then exchange again",
    )
