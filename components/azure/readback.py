"""Reads the published set of one ring back from Blob Storage."""

from typing import TYPE_CHECKING, Final, Literal

from components import read_back
from components.azure import clients, names
from components.azure.settings import AzureSettings
from signet.documents import JWKS_PATH
from signet.observed import StoreReading
from signet.published import judge

if TYPE_CHECKING:
    from azure.storage.blob import BlobClient

_LARGEST: Final = 256 * 1024
_SECONDS: Final = 5


def read_store(
    settings: AzureSettings, publish: Literal["public", "private"], path: str = JWKS_PATH
) -> StoreReading:
    """Return what the store holds at `path` now; bounded in time. Raises nothing.

    A public set is read as its consumers read it; a private one with the deployer's identity.
    """
    url = f"{settings.store_url}/{path}"
    if publish == "public":
        return _known(read_back.public(url, in_sandbox=settings.endpoint is not None))
    return private(clients.blob(settings.account_url, names.CONTAINER, path), url)


def private(client: "BlobClient", where: str) -> StoreReading:
    """Read with the deployer's identity."""
    from azure.core.exceptions import AzureError, ResourceNotFoundError

    try:
        found = client.download_blob(offset=0, length=_LARGEST + 1, timeout=_SECONDS)
        return judge(found.readall())
    except ResourceNotFoundError:
        return StoreReading("absent", detail=f"{where}: 404")
    except (AzureError, OSError) as error:
        if _no_such_host(error):
            return StoreReading("absent", detail=f"{where}: no such host")
        return StoreReading("unverified", detail=f"{where}: {type(error).__name__}")


def _known(reading: StoreReading) -> StoreReading:
    """A storage account that was never made has no address, which DNS says for certain."""
    if reading.status == "unverified" and "no such host" in reading.detail.lower():
        return StoreReading("absent", detail=reading.detail)
    return reading


def _no_such_host(error: Exception) -> bool:
    text = str(error).lower()
    return "name or service not known" in text or "nodename nor servname" in text
