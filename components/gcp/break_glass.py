"""Google's data plane on a bad day: a version is disabled, a set is written over in a bucket."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from components.adoption import FoundKey
from components.break_glass import Held, Overtaken
from components.gcp import clients, names
from components.gcp.settings import GcpSettings
from components.gcp.upload import Upload
from signet.documents import JWKS_CONTENT_TYPE, JWKS_PATH
from signet.errors import CouldNotCheck
from signet.observed import StoreReading
from signet.published import judge

if TYPE_CHECKING:
    from google.auth.transport.requests import AuthorizedSession
    from google.cloud.kms_v1 import KeyManagementServiceClient

_OK, _MISSING, _FAILED = 200, 404, 412


class GcpBreakGlass:
    """Cloud KMS and Cloud Storage with the credentials that Google's SDK finds.

    A multipart upload takes content, headers and the precondition in one request ("Objects:
    insert": `ifGenerationMatch`, 0 for "none yet"). It is the JSON API's, which Google's own
    clients use, and so every emulator knows; reads go by the address of the public.
    """

    def __init__(
        self,
        settings: GcpSettings,
        cache_control: str,
        path: str = JWKS_PATH,
        kms: "Callable[[GcpSettings], KeyManagementServiceClient]" = clients.kms,
        session: "Callable[[GcpSettings], AuthorizedSession]" = clients.storage,
    ) -> None:
        self._settings = settings
        self._cache_control = cache_control
        self._path = path
        self._kms = kms
        self._session = session

    def disable_key(self, key: str) -> None:
        """Disable a version by its resource name."""
        from google.api_core.exceptions import GoogleAPIError
        from google.auth.exceptions import GoogleAuthError
        from google.cloud import kms_v1
        from google.protobuf.field_mask_pb2 import FieldMask

        version = kms_v1.CryptoKeyVersion(
            name=key, state=kms_v1.CryptoKeyVersion.CryptoKeyVersionState.DISABLED
        )
        try:
            self._kms(self._settings).update_crypto_key_version(
                crypto_key_version=version,
                update_mask=FieldMask(paths=["state"]),
                timeout=clients.SECONDS,
            )
        except (GoogleAPIError, GoogleAuthError) as error:
            raise _refused(
                f"Cloud KMS: {type(error).__name__}", "cloudkms.cryptoKeyVersions.update"
            ) from error

    def remove_key(self, key: FoundKey, days: int) -> str:
        """Schedule a version's destruction (DestroyCryptoKeyVersion)."""
        from google.api_core.exceptions import GoogleAPIError
        from google.auth.exceptions import GoogleAuthError

        try:
            self._kms(self._settings).destroy_crypto_key_version(
                name=key.id, timeout=clients.SECONDS
            )
        except (GoogleAPIError, GoogleAuthError) as error:
            raise _refused(
                f"Cloud KMS: {type(error).__name__}", "cloudkms.cryptoKeyVersions.destroy"
            ) from error
        return f"is destroyed in {days} days, and cannot sign meanwhile"

    def held(self) -> Held:
        """Read the set with its generation."""
        url = names.object_url(self._settings.store_url, self._path)
        status, body, headers = self._ask("GET", url, {"cache-control": "no-cache"})
        if status == _MISSING:
            return Held(reading=StoreReading("absent", detail="404"))
        if status != _OK:
            raise _refused(f"Cloud Storage: {status}", "storage.objects.get on the bucket")
        return Held(reading=judge(body), body=body, version=headers.get("x-goog-generation"))

    def write(self, body: str, held: Held) -> None:
        """Write the set over the generation that is held."""
        upload = Upload(
            bucket=self._settings.bucket,
            name=self._path,
            content=body.encode(),
            content_type=JWKS_CONTENT_TYPE,
            cache_control=self._cache_control,
        )
        url = upload.url(self._settings.endpoint, held.version or "0")
        status, _, _ = self._ask("POST", url, {"content-type": upload.form}, upload.body)
        if status == _FAILED:
            raise Overtaken
        if status != _OK:
            raise _refused(
                f"Cloud Storage: {status}",
                "storage.objects.create and storage.objects.delete on the bucket",
            )

    def _ask(
        self, method: str, url: str, headers: dict[str, str], body: bytes | None = None
    ) -> tuple[int, bytes, dict[str, str]]:
        from google.auth.exceptions import GoogleAuthError

        try:
            answer = self._session(self._settings).request(  # type: ignore[no-untyped-call]
                method,
                url,
                data=body,
                headers=headers,
                timeout=int(clients.SECONDS),
                max_allowed_time=clients.SECONDS,
                allow_redirects=False,
            )
        except (GoogleAuthError, OSError) as error:  # requests' errors are OSErrors
            raise _refused(
                f"Cloud Storage: {type(error).__name__}", "storage.objects.get on the bucket"
            ) from error
        found = {name.lower(): value for name, value in answer.headers.items()}
        return int(answer.status_code), bytes(answer.content), found


def _refused(where: str, right: str) -> CouldNotCheck:
    return CouldNotCheck(
        "Google Cloud did not do it",
        where=where,
        remedy=f"check the network and credentials: {right}",
    )
