"""A fake Blob Storage: what azure-storage-blob and the public need to read and write two documents.

Source: Blob service REST API (Put Blob, Get Blob, Get Blob Properties, Delete Blob, "Specifying
conditional headers"), and what Azurite answers to the same requests. Not here: listing, leases,
blocks, snapshots, versions, tiers.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from email.utils import formatdate
from typing import Any

from sandbox.azure.http import Refusal
from sandbox.azure.identity import Identity
from sandbox.azure.memory import Memory
from sandbox.fakes.http import Asked, Said

RESOURCE = "https://storage.azure.com"
_PARTS = 3
_NOT_MODIFIED, _FORBIDDEN, _MISSING, _CONFLICT, _FAILED = 304, 403, 404, 409, 412
_READS = ("GET", "HEAD")


class Blobs:
    """Blobs by account, container and name."""

    def __init__(self, memory: Memory, identity: Identity) -> None:
        self._memory = memory
        self._identity = identity

    def answer(self, asked: Asked) -> Said:
        """Answer a request below `/<account>/<container>`."""
        account, container, name = _parts(asked.path)
        trusted = self._identity.require(asked, RESOURCE) or self._signed(asked, account)
        self._admit(asked, account, container, name, trusted=trusted)
        place = f"{account}/{container}/{name}"
        if asked.method == "PUT" and asked.headers.get("x-ms-blob-type") == "BlockBlob":
            return self._put(asked, place)
        if asked.method in _READS:
            return self._get(asked, place)
        if asked.method == "DELETE":
            return self._delete(asked, place)
        raise Refusal(400, "UnsupportedByTheFake", f"{asked.method} {asked.target}")

    def _admit(
        self, asked: Asked, account: str, container: str, name: str, *, trusted: bool
    ) -> None:
        with self._memory.looked_at() as told:
            found = told["resources"].get(f"container:{account}/{container}")
            owner = told["resources"].get(f"account:{account}")
        if owner is None:
            raise Refusal(_MISSING, "ResourceNotFound", f"no account {account}")
        if trusted:
            if found is None:
                raise Refusal(_MISSING, "ContainerNotFound", container)
            if not name:
                raise Refusal(400, "UnsupportedByTheFake", "listing")
            return
        allowed = owner["inputs"].get("allowBlobPublicAccess") is True
        if not allowed:
            raise Refusal(_CONFLICT, "PublicAccessNotPermitted")
        public = found is not None and found["inputs"].get("publicAccess") == "Blob"
        # Azure tells nobody whether a thing that he may not see is there.
        if not public or not name or asked.method not in _READS:
            raise Refusal(_MISSING, "ResourceNotFound")

    def _signed(self, asked: Asked, account: str) -> bool:
        given = asked.query.get("sig")
        if given is None:
            return False
        wanted = self.signature(account, asked.path, asked.query.get("se", ""))
        with self._memory.looked_at() as told:
            owner = told["resources"].get(f"account:{account}") or {"inputs": {}}
        if owner["inputs"].get("allowSharedKeyAccess") is False:
            raise Refusal(_FORBIDDEN, "KeyBasedAuthenticationNotPermitted")
        if not hmac.compare_digest(given, wanted) or asked.method not in _READS:
            raise Refusal(_FORBIDDEN, "AuthenticationFailed")
        return True

    def signature(self, account: str, path: str, until: str) -> str:
        """Return the fake's own signature for reading one blob."""
        with self._memory.looked_at() as told:
            owner = told["resources"].get(f"account:{account}")
        key = owner["secret"] if owner else ""
        return hmac.new(key.encode(), f"{path}\n{until}".encode(), hashlib.sha256).hexdigest()

    def _put(self, asked: Asked, place: str) -> Said:
        headers = asked.headers
        with self._memory.drafted() as told:
            before = told["blobs"].get(place)
            _conditions(asked, before, written=True)
            made = {
                "content": self._memory.keep(asked.body),
                "size": len(asked.body),
                "etag": f'"0x{secrets.token_hex(8).upper()}"',
                "modified": int(time.time()),
                "type": headers.get("x-ms-blob-content-type") or "application/octet-stream",
                "cache": headers.get("x-ms-blob-cache-control", ""),
            }
            told["blobs"][place] = made
        return Said(201, {**_stamps(made), "x-ms-request-server-encrypted": "true"})

    def _get(self, asked: Asked, place: str) -> Said:
        with self._memory.looked_at() as told:
            found = told["blobs"].get(place)
        if found is None:
            raise Refusal(_MISSING, "BlobNotFound", "The specified blob does not exist.")
        if _conditions(asked, found, written=False):
            return Said(_NOT_MODIFIED, _stamps(found))
        content = self._memory.content(found["content"])
        headers = {
            **_stamps(found),
            "Content-Type": found["type"],
            "Accept-Ranges": "bytes",
            "x-ms-blob-type": "BlockBlob",
            "x-ms-server-encrypted": "true",
            **({"Cache-Control": found["cache"]} if found["cache"] else {}),
        }
        wanted = asked.headers.get("x-ms-range") or asked.headers.get("range")
        if wanted and asked.method == "GET" and content:
            first, _, last = wanted.removeprefix("bytes=").partition("-")
            end = min(int(last) if last else found["size"] - 1, found["size"] - 1)
            headers["Content-Range"] = f"bytes {first}-{end}/{found['size']}"
            return Said(206, headers, content[int(first) : end + 1])
        return Said(200, headers, content)

    def _delete(self, asked: Asked, place: str) -> Said:
        with self._memory.drafted() as told:
            _conditions(asked, told["blobs"].get(place), written=True)
            if told["blobs"].pop(place, None) is None:
                raise Refusal(_MISSING, "BlobNotFound")
        return Said(202, {"x-ms-version": "2021-08-06"})


def _parts(path: str) -> tuple[str, str, str]:
    found = path.strip("/").split("/", _PARTS - 1)
    account, container, name = (*found, "", "", "")[:_PARTS]
    return account, container, name


def _stamps(blob: dict[str, Any]) -> dict[str, str]:
    return {
        "ETag": blob["etag"],
        "Last-Modified": formatdate(blob["modified"], usegmt=True),
        "x-ms-version": "2021-08-06",
    }


def _conditions(asked: Asked, blob: dict[str, Any] | None, *, written: bool) -> bool:
    """Hold the request to its conditions; True where a read has nothing new to give."""
    wanted, unwanted = asked.headers.get("if-match"), asked.headers.get("if-none-match")
    etag = blob["etag"] if blob else None
    if wanted is not None and (etag is None or wanted not in ("*", etag)):
        raise Refusal(_FAILED, "ConditionNotMet", "The condition specified was not met.")
    if unwanted is None or etag is None or unwanted not in ("*", etag):
        return False
    if not written:
        return True
    code, status = ("BlobAlreadyExists", _CONFLICT) if unwanted == "*" else ("ConditionNotMet", 412)
    raise Refusal(status, code)
