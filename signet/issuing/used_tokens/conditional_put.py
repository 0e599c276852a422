"""Used tokens as empty objects in Blob Storage or Cloud Storage: one conditional write by REST.

| store         | the object must be new     | it was there already                      |
|---------------|----------------------------|-------------------------------------------|
| Blob Storage  | `If-None-Match: *`         | 409 `BlobAlreadyExists`                   |
| Cloud Storage | `If-Generation-Match: 0`   | 412                                       |

Of any number of writers exactly one is told that it made the object (Blob Storage, "Specifying
conditional headers" and "Put Blob"; Cloud Storage XML API, "Request preconditions"). A lifecycle
rule of the store forgets the objects; it is longer than any platform's token lives.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from signet.issuing.cloud_api import CloudApi
from signet.issuing.exchange.replay import ReplayUnchecked
from signet.token_service import USED_PREFIX
from validator_functions.verification.fetch import Answer, FetchFailed

_MADE: Final = frozenset({200, 201})
_CONFLICT, _FAILED = 409, 412


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """How a store is asked for an object that must be new, and how it says that it is not."""

    headers: Callable[[int], Mapping[str, str]]
    """By the time until which the object matters, in epoch seconds."""
    was_there: Callable[[Answer], bool]


def _blob_was_there(answer: Answer) -> bool:
    # Other conflicts ("Blob service error codes") say nothing about this blob.
    code = answer.headers.get("x-ms-error-code", "")
    return answer.status == _CONFLICT and code == "BlobAlreadyExists"


BLOB_STORAGE: Final = Dialect(
    headers=lambda until: {
        "x-ms-blob-type": "BlockBlob",
        "if-none-match": "*",
        "x-ms-meta-expires_at": str(until),
    },
    was_there=_blob_was_there,
)
CLOUD_STORAGE: Final = Dialect(
    headers=lambda until: {
        "x-goog-if-generation-match": "0",
        "x-goog-meta-expires-at": str(until),
    },
    was_there=lambda answer: answer.status == _FAILED,
)


class ConditionalPutStore:
    """A `ReplayStore` for every instance of a deployment."""

    def __init__(self, api: CloudApi, address: str, dialect: Dialect) -> None:
        """`address` is the container's or the bucket's, without a slash at its end."""
        self._api = api
        self._address = address
        self._dialect = dialect

    def first_use(self, key: str, expires_at: int) -> bool:
        """See `ReplayStore`. The object says until when it matters, for whoever looks."""
        url = f"{self._address}/{USED_PREFIX}{key}"
        try:
            answer = self._api.ask("PUT", url, self._dialect.headers(expires_at), b"")
        except FetchFailed as error:
            raise _unchecked(str(error.reason)) from error
        if answer.status in _MADE:
            return True
        if self._dialect.was_there(answer):
            return False
        raise _unchecked(str(answer.status))


def _unchecked(why: str) -> ReplayUnchecked:
    return ReplayUnchecked(
        f"whether a token was used before cannot be told ({why})",
        where="the store of used tokens",
        remedy="check the store and the token service's rights, then exchange again",
    )
