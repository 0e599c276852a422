"""Images in OCI's format, each part known by its hash: read from a folder, and written into one.

Sources: OCI Image Format Specification 1.1, "Image Layout", "Image Manifest", "Image Index" and
"Content Descriptors"; its compatibility matrix for Docker's older names of the same things.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from signet.errors import UsageError

INDEX: Final = "application/vnd.oci.image.index.v1+json"
MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
CONFIG: Final = "application/vnd.oci.image.config.v1+json"
LAYER: Final = "application/vnd.oci.image.layer.v1.tar+gzip"
DOCKERS: Final[Mapping[str, str]] = {
    "application/vnd.docker.distribution.manifest.list.v2+json": INDEX,
    "application/vnd.docker.distribution.manifest.v2+json": MANIFEST,
    "application/vnd.docker.container.image.v1+json": CONFIG,
    "application/vnd.docker.image.rootfs.diff.tar.gzip": LAYER,
}
"""Docker's names, and OCI's for the same bytes."""
PLATFORM: Final[Mapping[str, str]] = {"architecture": "amd64", "os": "linux"}
"""The bundle's, and Cloud Run's."""

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")

Descriptor = Mapping[str, Any]


@dataclass(frozen=True)
class Blob:
    """A part of an image."""

    media_type: str
    data: bytes

    @property
    def digest(self) -> str:
        """Its hash, as a descriptor names it."""
        return f"sha256:{hashlib.sha256(self.data).hexdigest()}"

    def descriptor(self, **more: Any) -> dict[str, Any]:
        """Return what names it elsewhere."""
        told = {"mediaType": self.media_type, "digest": self.digest, "size": len(self.data)}
        return {**told, **more}


def json_blob(media_type: str, told: Mapping[str, Any]) -> Blob:
    """Return a document as a part; equal documents are equal bytes."""
    return Blob(media_type, json.dumps(told, sort_keys=True, separators=(",", ":")).encode())


def media_type(told: Mapping[str, Any]) -> str:
    """Return OCI's name of what a descriptor or document says that it is."""
    named = str(told.get("mediaType") or "")
    return DOCKERS.get(named, named)


def checked(digest: str, data: bytes) -> bytes:
    """Return a part's bytes. Raises ValueError unless they have that hash."""
    if _DIGEST.fullmatch(digest) is None:
        raise ValueError(f"{digest!r} is no SHA-256 digest")
    if Blob("", data).digest != digest:
        raise ValueError(f"what is stored as {digest} has another hash")
    return data


def of_platform(index: Mapping[str, Any]) -> Descriptor:
    """Return the one image of an index that is for linux/amd64, or for no platform in particular.

    Raises ValueError where there is none, or more than one.
    """
    found: list[Descriptor] = []
    for each in index.get("manifests") or ():
        platform = each.get("platform")
        fits = platform is None or all(platform.get(k) == v for k, v in PLATFORM.items())
        if fits and media_type(each) in (MANIFEST, INDEX):
            found.append(each)
    if len(found) != 1:
        raise ValueError(f"it has {len(found)} images for linux/amd64, and has to have one")
    return found[0]


@dataclass(frozen=True)
class Layout:
    """A folder with an image in it."""

    folder: Path

    def blob(self, digest: str) -> bytes:
        """Return a part. Raises ValueError for one that is not what its name says, or OSError."""
        if _DIGEST.fullmatch(digest) is None:
            raise ValueError(f"{digest!r} is no SHA-256 digest")
        path = self.folder / "blobs" / "sha256" / digest.removeprefix("sha256:")
        return checked(digest, path.read_bytes())

    def image(self) -> tuple[str, Mapping[str, Any]]:
        """Return digest and manifest of the image for linux/amd64.

        Raises UsageError where there is none.
        """
        try:
            marked = json.loads((self.folder / "oci-layout").read_bytes())
            if marked.get("imageLayoutVersion") != "1.0.0":
                raise ValueError("its `oci-layout` is of another version than 1.0.0")
            found = of_platform(json.loads((self.folder / "index.json").read_bytes()))
            if media_type(found) == INDEX:
                found = of_platform(json.loads(self.blob(str(found["digest"]))))
            digest = str(found["digest"])
            manifest: Mapping[str, Any] = json.loads(self.blob(digest))
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise UsageError(
                f"{self.folder} holds no image that can be read: {error}",
                remedy="write one into it: `crane pull --format=oci IMAGE@sha256:... DIR`",
            ) from error
        return digest, manifest


def write_layout(folder: Path, blobs: Iterable[Blob], manifest: Blob) -> None:
    """Write an image of one manifest into a new folder."""
    place = folder / "blobs" / "sha256"
    place.mkdir(parents=True)
    for blob in (*blobs, manifest):
        (place / blob.digest.removeprefix("sha256:")).write_bytes(blob.data)
    index = {
        "schemaVersion": 2,
        "mediaType": INDEX,
        "manifests": [manifest.descriptor(platform=PLATFORM)],
    }
    (folder / "index.json").write_bytes(json_blob(INDEX, index).data)
    (folder / "oci-layout").write_bytes(b'{"imageLayoutVersion":"1.0.0"}')
