"""The validator as a container image: the bundle's files on a base image that a team chose.

It is what `signet:gcpImage` runs on Cloud Run, and what any other container platform can run. The
same base and the same bundle give the same digest.
"""

import gzip
import hashlib
import json
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from components.bundle_tar import pack
from components.oci_layout import (
    CONFIG,
    LAYER,
    MANIFEST,
    PLATFORM,
    Blob,
    Layout,
    json_blob,
    media_type,
    write_layout,
)
from components.packaging import Bundle
from signet.errors import UsageError

COMMAND: Final = ("python3", "-m", "validator_functions.cloud_run")
"""What a service runs, from source or as an image, in the folder of the bundle's files."""
FOLDER: Final = "signet"
"""Below the root, where no base image has anything: all that lies in it counts as the bundle."""
LABEL: Final = "signet.bundle-sha256"
"""The label that tells the hash of the files (`Bundle.tree_sha256`)."""

_NOBODY: Final = "65532:65532"
_BASE_DIGEST: Final = "org.opencontainers.image.base.digest"


@dataclass(frozen=True, kw_only=True)
class ImageArgs:
    """What an image is made from."""

    base: Path
    """Folder with the base image, in OCI's layout."""
    bundle: Bundle
    python: str
    """The bundle's Python, such as 3.12."""
    out: Path
    """Folder for the image; one that holds an image is written anew."""


@dataclass(frozen=True)
class BuiltImage:
    """An image in a folder."""

    digest: str
    """Its manifest's, by which registries know it."""
    base_digest: str
    python_known: bool
    """Whether the base says which Python it brings."""


def build_image(args: ImageArgs) -> BuiltImage:
    """Write the image. Raises UsageError for a base that cannot carry the bundle."""
    layout = Layout(args.base)
    base_digest, manifest = layout.image()
    config = _base_config(layout, manifest, args)
    layer = Blob(LAYER, pack(args.bundle.path.read_bytes(), FOLDER))
    carried = [
        Blob(_layer_type(each, args.base), _blob(layout, each)) for each in manifest["layers"]
    ]
    made = json_blob(CONFIG, _config(config, layer, args.bundle, base_digest))
    told = json_blob(
        MANIFEST,
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": made.descriptor(),
            "layers": [each.descriptor() for each in (*carried, layer)],
            "annotations": {_BASE_DIGEST: base_digest},
        },
    )
    _place(args.out, [*carried, layer, made], told)
    return BuiltImage(told.digest, base_digest, _python(config) is not None)


def _base_config(layout: Layout, manifest: Mapping[str, Any], args: ImageArgs) -> Mapping[str, Any]:
    config: Mapping[str, Any] = json.loads(_blob(layout, manifest["config"]))
    other = {key: config.get(key) for key, value in PLATFORM.items() if config.get(key) != value}
    if other:
        raise UsageError(
            f"the base image in {args.base} is for {config.get('os')}/{config.get('architecture')}",
            remedy="take the one for linux/amd64: `crane pull --platform=linux/amd64 ...`",
        )
    if LABEL in ((config.get("config") or {}).get("Labels") or {}):
        raise UsageError(
            f"the image in {args.base} has a bundle in it already: its files would mix",
            remedy="take the image that it was made from",
        )
    brought = _python(config)
    if brought is not None and not f"{brought}.".startswith(f"{args.python}."):
        raise UsageError(
            f"the base image in {args.base} brings Python {brought}, the bundle is for "
            f"{args.python}",
            remedy=f"take a base image with Python {args.python}, or name the other with --python "
            "and in signet:python",
        )
    return config


def _python(config: Mapping[str, Any]) -> str | None:
    """Return the version that Python's own images state in their environment."""
    for each in (config.get("config") or {}).get("Env") or ():
        name, _, value = str(each).partition("=")
        if name == "PYTHON_VERSION":
            return value
    return None


def _config(
    base: Mapping[str, Any], layer: Blob, bundle: Bundle, base_digest: str
) -> Mapping[str, Any]:
    """Return the image's configuration: the base's, with our files, command and user."""
    ran = {key: value for key, value in (base.get("config") or {}).items() if key != "Cmd"}
    labels = {**(ran.get("Labels") or {}), LABEL: bundle.tree_sha256, _BASE_DIGEST: base_digest}
    files = base.get("rootfs") or {}
    diff = f"sha256:{hashlib.sha256(gzip.decompress(layer.data)).hexdigest()}"
    # The base's moment, not the clock's: the same base and bundle are the same image.
    when = {"created": base["created"]} if base.get("created") else {}
    added = {**when, "created_by": "signet image", "comment": f"bundle {bundle.tree_sha256}"}
    return {
        **base,
        "config": {
            **ran,
            "Entrypoint": list(COMMAND),
            "WorkingDir": f"/{FOLDER}",
            "User": _NOBODY,
            "Labels": labels,
        },
        "rootfs": {"type": "layers", "diff_ids": [*(files.get("diff_ids") or ()), diff]},
        "history": [*(base.get("history") or ()), added],
    }


def _layer_type(descriptor: Mapping[str, Any], base: Path) -> str:
    """Return a layer's type under OCI's name. Raises UsageError for one of another kind."""
    found = media_type(descriptor)
    if not found.startswith("application/vnd.oci.image.layer.v1.tar"):
        raise UsageError(
            f"the base image in {base} has a layer of another kind: {found or 'it says none'}",
            remedy="take a base image of ordinary layers (tar, gzip or zstd)",
        )
    return found


def _blob(layout: Layout, descriptor: Mapping[str, Any]) -> bytes:
    try:
        return layout.blob(str(descriptor["digest"]))
    except (OSError, ValueError) as error:
        raise UsageError(
            f"the base image in {layout.folder} is damaged: {error}", remedy="pull it again"
        ) from error


def _place(out: Path, blobs: list[Blob], manifest: Blob) -> None:
    """Put a finished image where `out` is; anything but an earlier image there is left alone."""
    if out.exists() and not (out / "oci-layout").is_file() and any(out.iterdir()):
        raise UsageError(
            f"{out} holds something else than an image",
            remedy="name a folder that is empty or not there yet with --out",
        )
    out.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.parent))
    try:
        write_layout(draft / "image", blobs, manifest)
        if out.exists():
            shutil.rmtree(out)
        (draft / "image").rename(out)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
