"""Who a validator is to its own cloud's private store: one small proof for each cloud.

With `signet:publish: private` a validator reads only its own cloud's store, by a read-only role of
its own. Each class here answers one question, "which headers prove who I am", for `HttpFetcher`:

- `S3Headers`: Signature Version 4 with the role's keys from the Lambda environment.
- `BlobHeaders`: an Entra token of the managed identity, from the endpoint that Azure Functions
  gives in `IDENTITY_ENDPOINT` with the secret `IDENTITY_HEADER` (Microsoft Learn, "How to use
  managed identities for App Service and Azure Functions", REST endpoint reference; API version
  2019-08-01). Blob Storage takes a bearer token only from `x-ms-version` 2017-11-09 on ("Authorize
  with Microsoft Entra ID").
- `GoogleHeaders`: a token of the service account from the metadata server, which demands
  `Metadata-Flavor: Google` ("Service identity" of Cloud Run; google-auth, `_metadata.py`).

Both token endpoints are plain HTTP by their platform's design: they are on the host, not on a
network, and their address comes from the platform's environment or is fixed. A token is kept in
memory until five minutes before its end; it never reaches a log, a repr or an error.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple, Protocol

from .fetch import Answer, FailureReason, FetchFailed, Target, get, parse_url, split_url

if TYPE_CHECKING:
    from .fetch import Headers

BLOB_RESOURCE = "https://storage.azure.com/"
BLOB_API_VERSION = "2021-08-06"
_IDENTITY_API_VERSION = "2019-08-01"
_GCS_SCOPE = "https://www.googleapis.com/auth/devstorage.read_only"
_GOOGLE_TOKEN_PATH = "/computeMetadata/v1/instance/service-accounts/default/token"  # noqa: S105
_TOKEN_BYTES = 16 * 1024
_RENEW_BEFORE = 300
_STATUS_OK = 200


class Get(Protocol):
    """The transport of `fetch.get`, injected so that tests need no network."""

    def __call__(
        self, target: Target, headers: Mapping[str, str], deadline: float, max_bytes: int
    ) -> Answer:
        """One bounded GET."""
        ...  # pragma: no cover - a Protocol's body


class PrivateStore(NamedTuple):
    """A store that only its readers' role may read.

    Attributes:
        kind: `aws_s3`, `azure_blob` or `gcs`.
        url: the object's own HTTPS address in the store.
        region: of the bucket; AWS only.
        client_id: of a user-assigned identity; Azure only, None for the system-assigned one.
    """

    kind: str
    url: str = ""
    region: str | None = None
    client_id: str | None = None

    @classmethod
    def parse(cls, members: Mapping[str, object], *, loopback_http: bool = False) -> PrivateStore:
        """Read the settings' `private_store` object; unknown members are a fault.

        Raises:
            ValueError: says what is wrong, without values.
        """
        allowed = _MEMBERS.get(str(members.get("kind")))
        if allowed is None:
            raise ValueError("`private_store.kind` is not aws_s3, azure_blob or gcs")
        if not members.keys() <= allowed:
            raise ValueError("`private_store` has a field that its kind does not know")
        texts = {name: value for name, value in members.items() if value is not None}
        if not all(isinstance(value, str) and value for value in texts.values()):
            raise ValueError("`private_store` has a field that is not a non-empty string")
        store = cls(**{name: str(value) for name, value in texts.items()})
        try:
            parse_url(store.url, loopback_http=loopback_http)
        except FetchFailed as error:
            raise ValueError(f"`private_store.url`: {error.detail}") from None
        return store


_MEMBERS = {
    "aws_s3": frozenset({"kind", "url", "region"}),
    "azure_blob": frozenset({"kind", "url", "client_id"}),
    "gcs": frozenset({"kind", "url"}),
}


def store_headers(
    store: PrivateStore,
    environ: Mapping[str, str],
    now: Callable[[], float],
) -> Headers:
    """The proof that fits a store's kind.

    Args:
        store: from the settings.
        environ: the process's environment, passed in (read in one place: `settings`).
        now: wall clock, epoch seconds.
    """
    if store.kind == "aws_s3":
        return S3Headers(store.region or environ.get("AWS_REGION", ""), environ, now)
    if store.kind == "azure_blob":
        return BlobHeaders(store.client_id, environ, now)
    return GoogleHeaders(environ, now)


def _needed(environ: Mapping[str, str], name: str) -> str:
    value = environ.get(name, "")
    if not value:
        raise FetchFailed(FailureReason.CREDENTIALS_MISSING, f"{name} is not set")
    return value


class S3Headers:
    """Signs a GET with the role's keys, read anew each time because a runtime may renew them."""

    def __init__(self, region: str, environ: Mapping[str, str], now: Callable[[], float]) -> None:
        self._region = region
        self._environ = environ
        self._now = now

    def __call__(self, url: str, _seconds: float) -> Mapping[str, str]:
        """The signed headers for `url`."""
        from .sigv4 import AwsCredentials, sign_s3_get

        credentials = AwsCredentials(
            _needed(self._environ, "AWS_ACCESS_KEY_ID"),
            _needed(self._environ, "AWS_SECRET_ACCESS_KEY"),
            self._environ.get("AWS_SESSION_TOKEN") or None,
        )
        return sign_s3_get(split_url(url), credentials, self._region, int(self._now()))


class _TokenHeaders:
    """Keeps one platform token until shortly before its end."""

    def __init__(
        self,
        environ: Mapping[str, str],
        now: Callable[[], float],
        transport: Get,
        monotonic: Callable[[], float],
    ) -> None:
        self._environ = environ
        self._now = now
        self._transport = transport
        self._monotonic = monotonic
        self._token = ""
        self._renew_at = 0.0

    def _bearer(self, url: str, headers: Mapping[str, str], seconds: float) -> str:
        now = self._now()
        if not self._token or now >= self._renew_at:
            deadline = self._monotonic() + seconds
            answer = self._transport(split_url(url), headers, deadline, _TOKEN_BYTES)
            self._token, self._renew_at = _token_of(answer, now)
        return f"Bearer {self._token}"


class EntraHeaders(_TokenHeaders):
    """A managed identity's bearer token for one of Azure's services."""

    def __init__(
        self,
        client_id: str | None,
        environ: Mapping[str, str],
        now: Callable[[], float],
        transport: Get = get,
        monotonic: Callable[[], float] = time.monotonic,
        *,
        resource: str = BLOB_RESOURCE,
    ) -> None:
        """`resource` is the service as Entra names it; `client_id` is of the identity to be."""
        super().__init__(environ, now, transport, monotonic)
        self._resource = resource
        self._client_id = client_id

    def __call__(self, _url: str, seconds: float) -> Mapping[str, str]:
        """The bearer token."""
        from urllib.parse import urlencode

        query = {"api-version": _IDENTITY_API_VERSION, "resource": self._resource}
        if self._client_id is not None:
            query["client_id"] = self._client_id
        endpoint = _needed(self._environ, "IDENTITY_ENDPOINT")
        proof = {"x-identity-header": _needed(self._environ, "IDENTITY_HEADER")}
        bearer = self._bearer(f"{endpoint}?{urlencode(query)}", proof, seconds)
        return {"authorization": bearer}


class BlobHeaders(EntraHeaders):
    """A managed identity's bearer token for Blob Storage."""

    def __call__(self, url: str, seconds: float) -> Mapping[str, str]:
        """The bearer token and the API version that accepts one."""
        return {**super().__call__(url, seconds), "x-ms-version": BLOB_API_VERSION}


class GoogleHeaders(_TokenHeaders):
    """The service account's bearer token, asked for with one scope (by default to read storage)."""

    def __init__(
        self,
        environ: Mapping[str, str],
        now: Callable[[], float],
        transport: Get = get,
        monotonic: Callable[[], float] = time.monotonic,
        *,
        scope: str = _GCS_SCOPE,
    ) -> None:
        super().__init__(environ, now, transport, monotonic)
        self._scope = scope

    def __call__(self, _url: str, seconds: float) -> Mapping[str, str]:
        """The bearer token."""
        from urllib.parse import urlencode

        host = self._environ.get("GCE_METADATA_HOST") or "metadata.google.internal"
        url = f"http://{host}{_GOOGLE_TOKEN_PATH}?{urlencode({'scopes': self._scope})}"
        return {"authorization": self._bearer(url, {"metadata-flavor": "Google"}, seconds)}


def _token_of(answer: Answer, now: float) -> tuple[str, float]:
    """The access token and when to ask again.

    Google answers `expires_in` in seconds, Azure `expires_on` in epoch seconds, as a string.
    """
    import json

    if answer.status != _STATUS_OK:
        raise FetchFailed(FailureReason.CREDENTIALS_MISSING, f"token endpoint: {answer.status}")
    try:
        document = json.loads(answer.body)
        token = document["access_token"]
        if "expires_on" in document:
            ends = float(document["expires_on"])
        else:
            ends = now + float(document["expires_in"])
    except (ValueError, KeyError, TypeError, RecursionError):
        # `from None`: the body is a credential, and a chained JSON error would carry it.
        raise FetchFailed(FailureReason.CREDENTIALS_MISSING, "token endpoint: unreadable") from None
    if not isinstance(token, str) or not token:
        raise FetchFailed(FailureReason.CREDENTIALS_MISSING, "token endpoint: no token")
    return token, ends - _RENEW_BEFORE
