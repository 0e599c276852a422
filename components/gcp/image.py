"""The container image of a validator by its reference, and what its registry says is in it.

A reference pins the digest: a tag can be moved under a service that runs, and a new revision would
come from nobody's run. Source of the requests: OCI Distribution Specification 1.1, "Pull".
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from components.gcp.rest import Google, Refused
from components.gcp.settings import IMAGE_PATTERN, GcpSettings
from components.oci_layout import DOCKERS, INDEX, MANIFEST, checked, media_type, of_platform
from components.setting_values import NAMESPACE
from components.validator_image import LABEL
from signet.errors import CouldNotCheck, Fault, SettingsError

SETTING: Final = "gcpImage"

_GOOGLES: Final = re.compile(r"[a-z0-9-]+-docker\.pkg\.dev|(?:[a-z]+\.)?gcr\.io")
"""Registries that may see the deployer's token."""
_TAKEN: Final = ", ".join(
    (MANIFEST, INDEX, *(k for k, v in DOCKERS.items() if v in (MANIFEST, INDEX)))
)


@dataclass(frozen=True)
class _Place:
    host: str
    name: str
    digest: str


def refuse_another_bundle(
    settings: GcpSettings,
    bundle_sha256: str,
    connect: Callable[[str | None], Google] = Google,
) -> str | None:
    """Stop where the registry says that the image holds another bundle than this program's.

    Returns, in words, why that could not be found out; then `signet doctor` finds it once it runs.
    Raises SettingsError.
    """
    try:
        stated = _stated(settings, connect)
    except CouldNotCheck as error:
        return f"{NAMESPACE}:{SETTING}: {error.what} ({error.where}); `signet doctor` will tell"
    if stated is None:
        return (
            f"{NAMESPACE}:{SETTING}: the image has no label {LABEL}, so it was not made by `signet "
            "image`; `signet doctor` will tell what runs"
        )
    if stated != bundle_sha256:
        raise SettingsError(
            [
                _fault(
                    settings.image,
                    f"it holds the bundle {stated[:12]}..., and this program's is "
                    f"{bundle_sha256[:12]}...",
                    "make it anew with `signet image`, push it, and write the new digest",
                )
            ]
        )
    return None


def _stated(settings: GcpSettings, connect: Callable[[str | None], Google]) -> str | None:
    """Return the hash that the image's label tells; None where it has none."""
    from google.auth.exceptions import GoogleAuthError

    match = IMAGE_PATTERN.fullmatch(settings.image)
    if match is None or not (settings.endpoint or _GOOGLES.fullmatch(match[1])):
        raise CouldNotCheck("its registry is not Google's, and was not asked", where=settings.image)
    place, google = _Place(*match.groups()), connect(settings.endpoint)
    try:
        manifest = _document(google, place, "manifests", place.digest)
        if media_type(manifest) == INDEX:
            chosen = str(of_platform(manifest)["digest"])
            manifest = _document(google, place, "manifests", chosen)
        config = _document(google, place, "blobs", str(manifest["config"]["digest"]))
        labels = (config.get("config") or {}).get("Labels") or {}
    except (GoogleAuthError, Refused, OSError, ValueError, KeyError, TypeError) as error:
        what = "what the image holds could not be read"
        raise CouldNotCheck(what, where=f"gcp: {error}") from error
    return str(labels[LABEL]) if LABEL in labels else None


def _document(google: Google, place: _Place, kind: str, digest: str) -> Mapping[str, Any]:
    found = google.read(f"https://{place.host}", f"/v2/{place.name}/{kind}/{digest}", _TAKEN)
    if found is None:
        raise ValueError(f"{place.host} has no {place.name}@{digest}")
    told: Mapping[str, Any] = json.loads(checked(digest, found))
    return told


def _fault(value: str, problem: str, remedy: str) -> Fault:
    return Fault(key=f"{NAMESPACE}:{SETTING}", value=value, problem=problem, remedy=remedy)
