"""AWS Signature Version 4 for one GET of one S3 object, with the standard library.

Only what a validator needs to read its own private key set: a GET without body, signed in the
Authorization header. S3 differs from the general rule in two ways: the path is encoded once and
never normalised, and `x-amz-content-sha256` is required.

Source: Amazon S3 API Reference, "Authenticating Requests: Using the Authorization Header (AWS
Signature Version 4)"; its GET Object example is a test, and botocore signs the same in another.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote, unquote

if TYPE_CHECKING:
    from .fetch import Target

EMPTY_SHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
_ALGORITHM = "AWS4-HMAC-SHA256"


class AwsCredentials(NamedTuple):
    """What a Lambda's role gives in its environment; the secret parts never reach a repr."""

    access_key_id: str
    secret_access_key: str
    session_token: str | None = None

    def __repr__(self) -> str:
        return f"AwsCredentials({self.access_key_id})"


def sign_s3_get(
    target: Target,
    credentials: AwsCredentials,
    region: str,
    now: int,
    headers: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """The headers, lower case, that make a GET of `target` an authenticated one.

    Args:
        target: the object's parsed address; a query is signed too.
        credentials: of the role that may read it.
        region: of the bucket.
        now: epoch seconds; S3 accepts 15 minutes of difference.
        headers: further headers to sign; they are part of the answer.
    """
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
    scope = f"{stamp[:8]}/{region}/s3/aws4_request"
    signed = {
        **{name.lower(): " ".join(value.split()) for name, value in (headers or {}).items()},
        "x-amz-content-sha256": EMPTY_SHA256,
        "x-amz-date": stamp,
    }
    if credentials.session_token is not None:
        signed["x-amz-security-token"] = credentials.session_token
    names = sorted([*signed, "host"])
    with_host = {**signed, "host": target.authority}
    path, _, query = target.path.partition("?")
    canonical = "\n".join(
        [
            "GET",
            quote(unquote(path), safe="/~"),
            _canonical_query(query),
            *(f"{name}:{with_host[name]}" for name in names),
            "",
            ";".join(names),
            EMPTY_SHA256,
        ]
    )
    to_sign = "\n".join([_ALGORITHM, stamp, scope, _sha256(canonical)])
    signature = _signature(credentials.secret_access_key, scope, to_sign)
    signed["authorization"] = (
        f"{_ALGORITHM} Credential={credentials.access_key_id}/{scope},"
        f"SignedHeaders={';'.join(names)},Signature={signature}"
    )
    return signed


def _canonical_query(query: str) -> str:
    pairs = []
    for part in filter(None, query.split("&")):
        name, _, value = part.partition("=")
        pairs.append((quote(unquote(name), safe="~"), quote(unquote(value), safe="~")))
    return "&".join(f"{name}={value}" for name, value in sorted(pairs))


def _sha256(text: str) -> str:
    import hashlib

    return hashlib.sha256(text.encode()).hexdigest()


def _signature(secret: str, scope: str, to_sign: str) -> str:
    import hmac

    key = f"AWS4{secret}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.digest(key, to_sign.encode(), "sha256").hex()
