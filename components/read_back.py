"""Reads a published set back the way its consumers do: one bounded HTTPS GET, no redirects."""

import http.client
import time
from collections.abc import Mapping
from typing import Final

from signet.observed import StoreReading
from signet.published import judge
from validator_functions.verification.fetch import FetchFailed, get, parse_url

SECONDS: Final = 4.0
"""Longest that one read-back may take, everything included."""

_LARGEST: Final = 256 * 1024


def public(url: str, *, in_sandbox: bool, proof: Mapping[str, str] | None = None) -> StoreReading:
    """Read the set at `url` as anybody can. Raises nothing.

    `proof` is headers that prove who asks, for a set that not everybody may read.

    S3 answers 403 for an object that is missing where listing is forbidden, so only 404 and 410
    count as certainly absent.
    """
    try:
        target = parse_url(url, loopback_http=in_sandbox)
        answer = get(
            target,
            {**(proof or {}), "cache-control": "no-cache"},
            time.monotonic() + SECONDS,
            _LARGEST,
        )
    except FetchFailed as error:
        return StoreReading("unverified", detail=f"{url}: {error}")
    if answer.status in (http.client.NOT_FOUND, http.client.GONE):
        return StoreReading("absent", detail=f"{url}: {answer.status}")
    if answer.status != http.client.OK:
        return StoreReading("unverified", detail=f"{url}: {answer.status}")
    return judge(answer.body, answer.headers.get("date"))
