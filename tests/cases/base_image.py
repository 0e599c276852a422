"""Base images as a registry's client would have pulled them: small, and no Python in them."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

_NAMES = {
    False: (
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.oci.image.config.v1+json",
        "application/vnd.oci.image.layer.v1.tar+gzip",
        "application/vnd.oci.image.index.v1+json",
    ),
    True: (
        "application/vnd.docker.distribution.manifest.v2+json",
        "application/vnd.docker.container.image.v1+json",
        "application/vnd.docker.image.rootfs.diff.tar.gzip",
        "application/vnd.docker.distribution.manifest.list.v2+json",
    ),
}


def base_image(
    folder: Path,
    *,
    python: str | None = "3.12.9",
    docker: bool = False,
    architecture: str = "amd64",
    nested: bool = False,
) -> str:
    """Write a base image's layout; `nested`: as one of two platforms. Returns its digest."""
    manifest_type, config_type, layer_type, index_type = _NAMES[docker]
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, data in (("etc/os-release", b"ID=debian\n"), ("app/base.txt", b"the base's")):
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    layer = gzip.compress(buffer.getvalue(), mtime=0)
    variables = ["PATH=/usr/local/bin:/usr/bin", "LANG=C.UTF-8"]
    config = {
        "architecture": architecture,
        "os": "linux",
        "created": "2026-01-15T00:00:00Z",
        "config": {
            "Env": [*variables, *([f"PYTHON_VERSION={python}"] if python else [])],
            "Cmd": ["python3"],
            "Labels": {"org.opencontainers.image.title": "python"},
        },
        "rootfs": {"type": "layers", "diff_ids": [_digest(buffer.getvalue())]},
        "history": [{"created": "2026-01-15T00:00:00Z", "created_by": "debian"}],
    }
    told = {
        "schemaVersion": 2,
        "mediaType": manifest_type,
        "config": _put(folder, config_type, json.dumps(config).encode()),
        "layers": [_put(folder, layer_type, layer)],
    }
    made = _put(folder, manifest_type, json.dumps(told).encode())
    entry_of = {**made, "platform": {"architecture": architecture, "os": "linux"}}
    if nested:
        other = {**made, "platform": {"architecture": "arm64", "os": "linux"}}
        index = {"schemaVersion": 2, "mediaType": index_type, "manifests": [other, entry_of]}
        entry_of = _put(folder, index_type, json.dumps(index).encode())
    (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [entry_of]}))
    (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    return str(made["digest"])


def _digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def _put(folder: Path, media_type: str, data: bytes) -> dict[str, Any]:
    place = folder / "blobs" / "sha256"
    place.mkdir(parents=True, exist_ok=True)
    (place / _digest(data).removeprefix("sha256:")).write_bytes(data)
    return {"mediaType": media_type, "digest": _digest(data), "size": len(data)}
