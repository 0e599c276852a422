"""Azure's data plane on a bad day: a Key Vault key is disabled, a set is written over in a blob."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from components.adoption import FoundKey
from components.azure import clients, names
from components.azure.key_version import split
from components.azure.settings import AzureSettings
from components.break_glass import Held, Overtaken
from signet.documents import JWKS_CONTENT_TYPE, JWKS_PATH
from signet.errors import CouldNotCheck
from signet.observed import StoreReading
from signet.published import judge

if TYPE_CHECKING:
    from azure.keyvault.keys import KeyClient
    from azure.storage.blob import BlobClient

_LARGEST: Final = 256 * 1024
_SECONDS: Final = 5


class AzureBreakGlass:
    """Key Vault and Blob Storage with the Entra identity that Azure's SDK finds."""

    def __init__(
        self,
        settings: AzureSettings,
        cache_control: str,
        path: str = JWKS_PATH,
        keys: "Callable[[str], KeyClient]" = clients.keys,
        blob: "Callable[[str, str, str], BlobClient]" = clients.blob,
    ) -> None:
        self._settings = settings
        self._cache_control = cache_control
        self._path = path
        self._keys = keys
        self._blob = blob

    def disable_key(self, key: str) -> None:
        """Disable a key's one version, given by its identifier with the version."""
        from azure.core.exceptions import AzureError

        vault, name, version = split(key)
        try:
            self._keys(vault).update_key_properties(name, version, enabled=False)
        except (AzureError, OSError) as error:
            raise _refused("Key Vault", error, "keys/update on the vault") from error

    def remove_key(self, key: FoundKey, days: int) -> str:
        """Delete a key of one version, or disable one of several: Key Vault deletes whole keys."""
        from azure.core.exceptions import AzureError

        client = self._keys(self._settings.vault_url)
        try:
            versions = [each.version for each in client.list_properties_of_key_versions(key.name)]
            if versions != [key.id]:
                client.update_key_properties(key.name, key.id, enabled=False)
                return "is disabled: other versions of the same key are in use"
            client.begin_delete_key(key.name)
        except (AzureError, OSError) as error:
            raise _refused("Key Vault", error, "keys/delete and keys/update") from error
        return f"is deleted; the vault keeps it for its own retention, not for {days} days"

    def held(self) -> Held:
        """Read the set with its entity tag."""
        from azure.core.exceptions import AzureError, ResourceNotFoundError

        try:
            found = self._document().download_blob(offset=0, length=_LARGEST + 1, timeout=_SECONDS)
            body = found.readall()
        except ResourceNotFoundError:
            return Held(reading=StoreReading("absent", detail="404"))
        except (AzureError, OSError) as error:
            raise _refused("Blob Storage", error, "Storage Blob Data Contributor") from error
        return Held(reading=judge(body), body=body, version=str(found.properties.etag))

    def write(self, body: str, held: Held) -> None:
        """Write the set over the version that is held."""
        from azure.core import MatchConditions
        from azure.core.exceptions import AzureError, HttpResponseError
        from azure.storage.blob import ContentSettings

        condition: dict[str, Any] = (
            {"match_condition": MatchConditions.IfMissing}
            if held.version is None
            else {"etag": held.version, "match_condition": MatchConditions.IfNotModified}
        )
        try:
            self._document().upload_blob(
                body.encode(),
                overwrite=held.version is not None,
                content_settings=ContentSettings(
                    content_type=JWKS_CONTENT_TYPE, cache_control=self._cache_control
                ),
                timeout=_SECONDS,
                **condition,
            )
        except HttpResponseError as error:
            if error.status_code in (409, 412):  # BlobAlreadyExists, ConditionNotMet
                raise Overtaken from error
            raise _refused("Blob Storage", error, "Storage Blob Data Contributor") from error
        except (AzureError, OSError) as error:
            raise _refused("Blob Storage", error, "Storage Blob Data Contributor") from error

    def _document(self) -> "BlobClient":
        return self._blob(self._settings.account_url, names.CONTAINER, self._path)


def _refused(where: str, error: Exception, right: str) -> CouldNotCheck:
    status = getattr(error, "status_code", None)
    said = f"{status}" if status else type(error).__name__
    return CouldNotCheck(
        "Azure did not do it",
        where=f"{where}: {said}",
        remedy=f"check the network and credentials: {right}",
    )
