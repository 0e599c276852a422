"""Used tokens as objects in Blob Storage or Cloud Storage: one conditional write by REST.

| store         | one request                  | the object must be new | it was there already    |
|---------------|------------------------------|------------------------|-------------------------|
| Blob Storage  | `Put Blob`                   | `If-None-Match: *`     | 409 `BlobAlreadyExists` |
| Cloud Storage | `Objects: insert`, one media | `ifGenerationMatch=0`  | 412                     |

Of any number of writers exactly one is told that it made the object (Blob Storage, "Specifying
conditional headers"; Cloud Storage, "Request preconditions"). Its content is until when it matters,
for whoever looks. A lifecycle rule of the store forgets the objects; it is longer than any
platform's token lives.
"""

from __future__ import annotations

import urllib.parse
from abc import ABC, abstractmethod
from typing import Final

from signet.issuing.cloud_api import CloudApi
from signet.issuing.exchange.replay import ReplayUnchecked
from signet.token_service import USED_PREFIX
from validator_functions.verification.fetch import Answer, FetchFailed

_MADE: Final = frozenset({200, 201})
_CONFLICT, _FAILED = 409, 412


class ConditionalWriteStore(ABC):
    """A `ReplayStore` for every instance of a deployment."""

    def __init__(self, api: CloudApi, address: str) -> None:
        """`address` is where objects are written, without a slash at its end."""
        self._api = api
        self._address = address

    def first_use(self, key: str, expires_at: int) -> bool:
        """See `ReplayStore`."""
        try:
            answer = self._write(f"{USED_PREFIX}{key}", str(expires_at).encode())
        except FetchFailed as error:
            raise _unchecked(str(error.reason)) from error
        if answer.status in _MADE:
            return True
        if self._was_there(answer):
            return False
        raise _unchecked(str(answer.status))

    @abstractmethod
    def _write(self, name: str, content: bytes) -> Answer:
        """Ask for an object that must be new."""

    @abstractmethod
    def _was_there(self, answer: Answer) -> bool:
        """Whether an answer says that it is not."""


class BlobStore(ConditionalWriteStore):
    """A container; `address` is its own."""

    def _write(self, name: str, content: bytes) -> Answer:
        headers = {"x-ms-blob-type": "BlockBlob", "if-none-match": "*"}
        return self._api.ask("PUT", f"{self._address}/{name}", headers, content)

    def _was_there(self, answer: Answer) -> bool:
        # Other conflicts ("Blob service error codes") say nothing about this blob.
        code = answer.headers.get("x-ms-error-code", "")
        return answer.status == _CONFLICT and code == "BlobAlreadyExists"


class CloudStorageStore(ConditionalWriteStore):
    """A bucket; `address` is that of its uploads (`.../upload/storage/v1/b/<bucket>/o`)."""

    def _write(self, name: str, content: bytes) -> Answer:
        asked = {"uploadType": "media", "name": name, "ifGenerationMatch": "0"}
        url = f"{self._address}?{urllib.parse.urlencode(asked)}"
        return self._api.ask("POST", url, {"content-type": "text/plain"}, content)

    def _was_there(self, answer: Answer) -> bool:
        return answer.status == _FAILED


def _unchecked(why: str) -> ReplayUnchecked:
    return ReplayUnchecked(
        f"whether a token was used before cannot be told ({why})",
        where="the store of used tokens",
        remedy="check the store and the token service's rights, then exchange again",
    )
