"""What a revision of a Cloud Run service runs: unpacked source, or an image of the fake registry.

Of an image, only what lies in its working directory is unpacked, layer by layer: its base, Python
included, is not run here, and this machine's Python stands in for it.
"""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox.fakes import unpacked
from sandbox.gcp.http import Refusal
from sandbox.gcp.memory import Memory
from sandbox.gcp.registry import Registry

_WHITEOUT = ".wh."


@dataclass(frozen=True)
class Revision:
    """A folder to start in, a command, and variables by name."""

    folder: Path
    command: Sequence[str]
    variables: Mapping[str, str]


def revision(container: Mapping[str, Any], memory: Memory, registry: Registry) -> Revision:
    """Return what a container runs. Raises Refusal where its code is not there."""
    variables = {each["name"]: each.get("value", "") for each in container.get("envs") or []}
    command = [*(container.get("commands") or []), *(container.get("args") or [])]
    if (source := container.get("sourceCode")) is not None:
        return Revision(_source(source["cloudStorageSource"], memory), command, variables)
    reference = str(container["image"])
    found = registry.image(reference)
    if found is None:
        raise Refusal(400, "FAILED_PRECONDITION", f"Image '{reference}' not found.")
    digest, manifest = found
    config = json.loads(registry.blob(manifest["config"]["digest"])).get("config") or {}
    own = dict(each.partition("=")[::2] for each in config.get("Env") or () if "=" in each)
    own.pop("PATH", None)  # of the base image's files, which are not here
    inside = str(config.get("WorkingDir") or "/").strip("/")
    layers = [registry.blob(each["digest"]) for each in manifest["layers"]]

    def unpack(draft: Path) -> None:
        for layer in layers:
            _unpack(layer, draft, f"{inside}/" if inside else "")

    folder = _unpacked(memory, digest.replace(":", "-"), unpack)
    default = [*(config.get("Entrypoint") or []), *(config.get("Cmd") or [])]
    return Revision(folder, command or default, {**own, **variables})


def _source(source: Mapping[str, Any], memory: Memory) -> Path:
    found = memory.get(f"object:{source['bucket']}/{source['object']}")
    if found is None:
        raise Refusal(400, "FAILED_PRECONDITION", f"no source at {source['object']}")
    digest = str(found["stored"]["content"])
    return _unpacked(memory, digest, lambda draft: _unpack(memory.content(digest), draft, ""))


def _unpacked(memory: Memory, name: str, unpack: Callable[[Path], None]) -> Path:
    return unpacked.folder(memory.folder / "services", name, unpack)


def _unpack(archive: bytes, draft: Path, below: str) -> None:
    """Unpack what lies below a folder of an archive, as if that were its root."""

    def moved(member: tarfile.TarInfo, place: str) -> tarfile.TarInfo | None:
        name = member.name.removeprefix("./")
        if not name.startswith(below) or not name.removeprefix(below):
            return None
        if Path(name).name.startswith(_WHITEOUT):
            raise Refusal(
                400, "FAILED_PRECONDITION", f"the fake deletes no file of a layer: {name}"
            )
        return tarfile.data_filter(member.replace(name=name.removeprefix(below)), place)

    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:*") as tar:
        tar.extractall(draft, filter=moved)  # noqa: S202 - every member goes through `data_filter`
