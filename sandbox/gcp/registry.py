"""A fake registry of container images, as far as `crane push` and `crane pull` go.

Blobs are kept by their hash, in one place for all repositories; everybody on this machine may read
and write. Source: OCI Distribution Specification 1.1, "Pull" and "Push". Not here: tags that can be
listed, deletion, ranges, mounting from another repository, referrers.
"""

from __future__ import annotations

import json
import re
import threading
import uuid
from collections.abc import Mapping
from typing import Any

from sandbox.fakes.http import Asked, Said, said_json
from sandbox.gcp.memory import Memory

ROOT = "/v2/"

_ROUTE = re.compile(r"/v2/([a-z0-9._/-]+)/(blobs|manifests|blobs/uploads)/([A-Za-z0-9._:-]*)")
_DIGEST = re.compile(r"sha256:([0-9a-f]{64})")


class Registry:
    """Images of the fake."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._uploads: dict[str, bytes] = {}
        self._lock = threading.Lock()

    def takes(self, path: str) -> bool:
        """Whether a path is the registry's; Cloud Run's own API begins with /v2/ too."""
        return path == ROOT or _ROUTE.fullmatch(path) is not None

    def answer(self, asked: Asked) -> Said:
        """Answer a pull or a push."""
        match = _ROUTE.fullmatch(asked.raw_path)
        if match is None:
            return said_json(200, {})
        name, kind, what = match.groups()
        if kind == "blobs/uploads":
            return self._upload(asked, name, what)
        if kind == "manifests" and asked.method == "PUT":
            return self._put_manifest(asked, name, what)
        if asked.method not in ("GET", "HEAD"):
            return _refused(405, "UNSUPPORTED", asked.method)
        if kind == "blobs":
            return self._found(what, "application/octet-stream", "BLOB_UNKNOWN")
        digest, media_type = self._manifest(name, what) or ("", "")
        return self._found(digest, media_type, "MANIFEST_UNKNOWN")

    def image(self, reference: str) -> tuple[str, Mapping[str, Any]] | None:
        """Return digest and manifest of REGISTRY/PATH@DIGEST, None where it was not pushed."""
        place, _, digest = reference.partition("@")
        known = self._manifest(place.partition("/")[2], digest)
        return None if known is None else (known[0], json.loads(self.blob(known[0])))

    def blob(self, digest: str) -> bytes:
        """Return a blob's bytes. Raises FileNotFoundError where it was not pushed."""
        match = _DIGEST.fullmatch(digest)
        if match is None:
            raise FileNotFoundError(digest)
        return self._memory.content(match[1])

    def _manifest(self, name: str, reference: str) -> tuple[str, str] | None:
        """Return digest and media type of what a tag or digest names."""
        found = self._memory.get(f"manifest:{name}:{reference}")
        return None if found is None else (found["digest"], found["mediaType"])

    def _found(self, digest: str, media_type: str, code: str) -> Said:
        try:
            data = self.blob(digest)
        except FileNotFoundError:
            return _refused(404, code, digest)
        headers = {"Content-Type": media_type, "Docker-Content-Digest": digest}
        return Said(200, headers, data)

    def _upload(self, asked: Asked, name: str, upload: str) -> Said:
        with self._lock:
            if asked.method == "POST" and not upload:
                upload = uuid.uuid4().hex
                self._uploads[upload] = b""
            if upload not in self._uploads:
                return _refused(404, "BLOB_UPLOAD_UNKNOWN", upload)
            self._uploads[upload] += asked.body
            if asked.method != "PUT":
                place = f"/v2/{name}/blobs/uploads/{upload}"
                size = len(self._uploads[upload])
                return Said(202, {"Location": place, "Range": f"0-{max(size - 1, 0)}"})
            data = self._uploads.pop(upload)
        digest = f"sha256:{self._memory.keep(data)}"
        if digest != asked.query.get("digest"):
            return _refused(400, "DIGEST_INVALID", digest)
        return Said(201, {"Location": f"/v2/{name}/blobs/{digest}"})

    def _put_manifest(self, asked: Asked, name: str, reference: str) -> Said:
        digest = f"sha256:{self._memory.keep(asked.body)}"
        if ":" in reference and reference != digest:
            return _refused(400, "DIGEST_INVALID", digest)
        told = {"digest": digest, "mediaType": asked.headers.get("content-type", "")}
        with self._memory.change() as resources:
            for each in {reference, digest}:
                resources[f"manifest:{name}:{each}"] = told
        headers = {"Location": f"/v2/{name}/manifests/{digest}", "Docker-Content-Digest": digest}
        return Said(201, headers)


def _refused(status: int, code: str, message: str) -> Said:
    return said_json(status, {"errors": [{"code": code, "message": message}]})
