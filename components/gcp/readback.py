"""Reads the published set of one ring back from Cloud Storage."""

from collections.abc import Mapping
from typing import Final, Literal

from components import read_back
from components.gcp.rest import sandbox_token
from components.gcp.settings import GcpSettings
from signet.documents import JWKS_PATH
from signet.observed import StoreReading

_SCOPE: Final = "https://www.googleapis.com/auth/devstorage.read_only"


def read_store(
    settings: GcpSettings, publish: Literal["public", "private"], path: str = JWKS_PATH
) -> StoreReading:
    """Return what the store holds at `path` now; bounded in time. Raises nothing.

    A public set is read as its consumers read it; a private one with the deployer's identity.
    """
    in_sandbox, url = settings.endpoint is not None, f"{settings.store_url}/{path}"
    if publish == "public":
        return read_back.public(url, in_sandbox=in_sandbox)
    try:
        headers = _sandbox_proof(settings.endpoint) if settings.endpoint else _proof()
    except Exception as error:  # noqa: BLE001 - whatever goes wrong with credentials: no reading
        return StoreReading("unverified", detail=f"{settings.bucket}: {type(error).__name__}")
    return read_back.public(url, in_sandbox=in_sandbox, proof=headers)


def _proof() -> Mapping[str, str]:
    """Return the deployer's access token as a header."""
    import google.auth
    from google.auth.transport.requests import Request

    credentials, _ = google.auth.default(scopes=[_SCOPE])
    credentials.refresh(Request())  # type: ignore[no-untyped-call]
    return {"authorization": f"Bearer {credentials.token}"}


def _sandbox_proof(endpoint: str) -> Mapping[str, str]:
    """Return the token that the fake's metadata server gives."""
    return {"authorization": f"Bearer {sandbox_token(endpoint)}"}
