"""A fake Cloud Storage: reads by the JSON API and by the XML API, with Google's access rules.

Whoever holds the fake's own token may also write an object, by an upload of the JSON API in one
request, conditionally.

Source: Cloud Storage, "Objects: get", "Objects: insert", "XML API: GET Object", "Request
preconditions" and "IAM roles for Cloud Storage". Not here: listing, versions, ranges, compression.
"""

from __future__ import annotations

import base64
import hashlib
import json
import time
import urllib.parse
from collections.abc import Callable
from email.utils import formatdate
from typing import Any

import google_crc32c

from sandbox.fakes.http import Asked, Said, said_json
from sandbox.gcp.http import Refusal
from sandbox.gcp.memory import Memory

_JSON_API = "/storage/v1/b/"
_UPLOADS = "/upload/storage/v1/b/"
_READERS = frozenset({"roles/storage.legacyObjectReader", "roles/storage.objectViewer"})
_NOT_MODIFIED, _FAILED = 304, 412
_PARTS = 2


class Storage:
    """Objects by bucket and name. `trusts` knows a bearer token of the fake's own."""

    def __init__(self, memory: Memory, trusts: Callable[[Asked], bool]) -> None:
        self._memory = memory
        self._trusts = trusts

    def answer(self, asked: Asked) -> Said:
        """Answer a read, or a write by the JSON API."""
        if asked.method == "POST" and asked.raw_path.startswith(_UPLOADS):
            return self._insert(asked)
        if asked.method not in ("GET", "HEAD"):
            raise Refusal(405, "METHOD_NOT_ALLOWED", "the fake takes no such request")
        if asked.raw_path.startswith(_JSON_API):
            bucket, _, rest = asked.raw_path.removeprefix(_JSON_API).partition("/")
            name = urllib.parse.unquote(rest.removeprefix("o/")) if rest.startswith("o/") else ""
            data = asked.query.get("alt") == "media"
            return self._json(asked, urllib.parse.unquote(bucket), name, data=data)
        bucket, _, name = asked.path.removeprefix("/").partition("/")
        return self._data(asked, self._found(asked, bucket, name))

    def _insert(self, asked: Asked) -> Said:
        bucket = urllib.parse.unquote(asked.raw_path.removeprefix(_UPLOADS).removesuffix("/o"))
        if not self._trusts(asked):
            raise Refusal(403, "FORBIDDEN", "Caller does not have storage.objects.create")
        if self._memory.get(f"bucket:{bucket}") is None:
            raise Refusal(404, "NOT_FOUND", "The specified bucket does not exist.")
        told, content = _uploaded(asked)
        name = told["name"]
        wanted = asked.query.get("ifGenerationMatch")
        with self._memory.change() as resources:
            before = resources.get(f"object:{bucket}/{name}")
            held = before["stored"]["generation"] if before else "0"
            if wanted is not None and wanted != held:
                raise Refusal(_FAILED, "FAILED_PRECONDITION", "conditionNotMet")
            made = stored(self._memory, told, content, time.time(), int(held))
            resources[f"object:{bucket}/{name}"] = {
                "inputs": {"bucket": bucket, **told},
                **(before or {}),
                "stored": made,
            }
        return said_json(200, _described(bucket, name, made))

    def _json(self, asked: Asked, bucket: str, name: str, *, data: bool) -> Said:
        found = self._found(asked, bucket, name)
        wanted = asked.query.get("ifGenerationMatch")
        if wanted is not None and wanted != found["generation"]:
            raise Refusal(_FAILED, "FAILED_PRECONDITION", "conditionNotMet")
        if data:
            return self._data(asked, found)
        return said_json(200, _described(bucket, name, found))

    def _found(self, asked: Asked, bucket: str, name: str) -> dict[str, Any]:
        known = self._memory.get(f"bucket:{bucket}")
        trusted = self._trusts(asked)
        if known is None:
            raise Refusal(404, "NOT_FOUND", "The specified bucket does not exist.")
        if not name:
            # Reading objects is not listing them, and no reader here may list.
            raise Refusal(403, "FORBIDDEN", "storage.objects.list access is denied")
        if not trusted and not self._is_public(bucket, known):
            raise Refusal(403, "FORBIDDEN", "Anonymous caller does not have storage.objects.get")
        found = self._memory.get(f"object:{bucket}/{name}")
        if found is None:
            # Unsure: to callers who may not list, Google may say 403 here, as S3 does.
            raise Refusal(404, "NOT_FOUND", "The specified key does not exist.")
        return dict(found["stored"])

    def _is_public(self, bucket: str, known: dict[str, Any]) -> bool:
        if known["inputs"].get("publicAccessPrevention") == "enforced":
            return False
        bindings = self._memory.below(f"binding:bucket:{bucket}|").values()
        return any(
            each["inputs"]["member"] == "allUsers" and each["inputs"]["role"] in _READERS
            for each in bindings
        )

    def _data(self, asked: Asked, found: dict[str, Any]) -> Said:
        headers = {
            "Content-Type": found["contentType"],
            "Cache-Control": found["cacheControl"],
            "ETag": found["etag"],
            "Last-Modified": formatdate(found["updated"], usegmt=True),
            "x-goog-generation": found["generation"],
            "x-goog-metageneration": "1",
            "x-goog-hash": f"crc32c={found['crc32c']}",
            "Server": "the sandbox's fake of Cloud Storage",
        }
        given = [each.strip() for each in asked.headers.get("if-none-match", "").split(",")]
        if found["etag"] in given:
            return Said(_NOT_MODIFIED, headers)
        return Said(200, headers, self._memory.content(found["content"]))


def _uploaded(asked: Asked) -> tuple[dict[str, Any], bytes]:
    """Return what an upload says of its object, and the object's bytes."""
    if asked.query.get("uploadType") == "media" and asked.query.get("name"):
        return {
            "name": asked.query["name"],
            "contentType": asked.headers.get("content-type"),
        }, asked.body
    return _parts(asked)


def _parts(asked: Asked) -> tuple[dict[str, Any], bytes]:
    """Return what a multipart upload says of its object, and the object's bytes (RFC 2387)."""
    _, _, boundary = asked.headers.get("content-type", "").partition("boundary=")
    edge = f"--{boundary}".encode()
    found = [part.partition(b"\r\n\r\n")[2] for part in asked.body.split(edge)[1:-1]]
    if asked.query.get("uploadType") != "multipart" or not boundary or len(found) != _PARTS:
        raise Refusal(400, "INVALID_ARGUMENT", "the fake takes uploads in one request alone")
    told, content = (part.removesuffix(b"\r\n") for part in found)
    return json.loads(told), content


def _described(bucket: str, name: str, stored: dict[str, Any]) -> dict[str, Any]:
    return {
        "kind": "storage#object",
        "bucket": bucket,
        "name": name,
        "generation": stored["generation"],
        "metageneration": "1",
        "contentType": stored["contentType"],
        "cacheControl": stored["cacheControl"],
        "size": str(stored["size"]),
        "md5Hash": stored["md5"],
        "crc32c": stored["crc32c"],
        "etag": stored["etag"],
    }


def stored(
    memory: Memory, inputs: dict[str, Any], content: bytes, now: float, before: int = 0
) -> dict[str, Any]:
    """Return what is kept of an object beside its inputs; `before` is the generation until now."""
    md5 = hashlib.md5(content, usedforsecurity=False).digest()
    crc = google_crc32c.value(content).to_bytes(4, "big")
    return {
        "content": memory.keep(content),
        "size": len(content),
        "contentType": inputs.get("contentType") or "text/plain; charset=utf-8",
        # What Google sends for public objects without one of their own.
        "cacheControl": inputs.get("cacheControl") or "public, max-age=3600",
        "md5": base64.b64encode(md5).decode(),
        "md5hex": md5.hex(),
        "crc32c": base64.b64encode(crc).decode(),
        "etag": f'"{md5.hex()}"',
        "generation": str(max(int(now * 1_000_000), before + 1)),
        "updated": int(now),
    }
