"""Finds the versions of an environment's keys, and whether ring and key exist already."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from components.adoption import FoundKey
from components.gcp import clients, names
from components.gcp.labels import ENVIRONMENT, RING
from components.gcp.settings import GcpSettings
from signet.errors import CouldNotCheck, Fault, SettingsError

if TYPE_CHECKING:
    from google.cloud.kms_v1 import KeyManagementServiceClient

MOST_VERSIONS: Final = 1_000
"""More versions than this for one ring is a runaway, and the run stops."""

Client = Callable[[GcpSettings], "KeyManagementServiceClient"]


@dataclass(frozen=True, kw_only=True)
class Existing:
    """What cannot be made again, because Google never deletes it."""

    ring: bool
    key: bool


def find_keys(
    settings: GcpSettings, environment: str, ring: str, client: Client = clients.kms
) -> tuple[FoundKey, ...]:
    """Return every version of a ring's key, oldest first; its generation is not known here (0).

    Raises CouldNotCheck when Google does not answer or refuses.
    """
    existing = look(settings, environment, ring, client)
    if not existing.key:
        return ()
    from google.cloud import kms_v1

    states = kms_v1.CryptoKeyVersion.CryptoKeyVersionState
    usable = {states.ENABLED: "enabled", states.DISABLED: "disabled"}
    found = []
    with _Asking():
        pages = client(settings).list_crypto_key_versions(
            parent=names.crypto_key(settings.ring_name, ring), timeout=clients.SECONDS
        )
        for version in pages:
            status = usable.get(version.state, "gone")
            found.append(
                FoundKey(
                    cloud="gcp",
                    id=version.name,
                    ring=ring,
                    generation=0,
                    status="enabled"
                    if status == "enabled"
                    else "disabled"
                    if status == "disabled"
                    else "gone",
                    # proto-plus gives a datetime for the Timestamp of its annotation.
                    created_at=int(version.create_time.timestamp()),  # type: ignore[attr-defined]
                )
            )
            if len(found) > MOST_VERSIONS:
                raise CouldNotCheck(
                    f"the key of {ring} has more than {MOST_VERSIONS} versions",
                    where=f"gcp: {settings.ring_name}",
                    remedy="find out who makes them before going on",
                )
    return tuple(sorted(found, key=lambda key: (key.created_at, int(key.id.rpartition("/")[2]))))


def look(
    settings: GcpSettings, environment: str, ring: str, client: Client = clients.kms
) -> Existing:
    """Return whether key ring and key are there already.

    Raises SettingsError where the key is another environment's, CouldNotCheck where Google does
    not tell.
    """
    from google.api_core.exceptions import NotFound

    kms, key = client(settings), names.crypto_key(settings.ring_name, ring)
    with _Asking():
        try:
            kms.get_key_ring(name=settings.ring_name, timeout=clients.SECONDS)
        except NotFound:
            return Existing(ring=False, key=False)
        try:
            found = kms.get_crypto_key(name=key, timeout=clients.SECONDS)
        except NotFound:
            return Existing(ring=True, key=False)
    labels = dict(found.labels)
    if (labels.get(ENVIRONMENT), labels.get(RING)) != (environment, ring):
        raise SettingsError(
            [
                Fault(
                    key="signet:gcpKeyRing",
                    value=settings.key_ring,
                    problem=f"Google Cloud: its key {ring} is there already, and is not this "
                    "environment's",
                    remedy="name another key ring: Google never deletes one",
                )
            ]
        )
    return Existing(ring=True, key=True)


class _Asking:
    """Turns Google's errors into CouldNotCheck."""

    def __enter__(self) -> None:
        return

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        from google.api_core.exceptions import GoogleAPIError
        from google.auth.exceptions import GoogleAuthError

        if isinstance(error, GoogleAPIError | GoogleAuthError):
            raise CouldNotCheck(
                "which signing keys exist could not be found out, and making one more might "
                "repeat one",
                where=f"gcp: {error}",
                remedy="check credentials and network; the deployer needs "
                "roles/cloudkms.viewer on the key ring",
            ) from error
