"""One conditional write of an object to Cloud Storage, as the JSON API takes it. Pure.

Source: Cloud Storage, "Objects: insert", "JSON API multipart upload", "Request preconditions".
"""

import hashlib
import json
import urllib.parse
from dataclasses import dataclass

from components.gcp.rest import STORAGE


@dataclass(frozen=True, kw_only=True)
class Upload:
    """An object with its headers: all of it is written at once, or nothing."""

    bucket: str
    name: str
    content: bytes
    content_type: str
    cache_control: str

    def url(self, endpoint: str | None, generation: str) -> str:
        """Return where it is posted; `generation` is what it may replace, "0" for nothing yet."""
        query = urllib.parse.urlencode({"uploadType": "multipart", "ifGenerationMatch": generation})
        return f"{uploads_url(self.bucket, endpoint)}?{query}"

    @property
    def form(self) -> str:
        """The request's content type."""
        return f"multipart/related; boundary={self._boundary}"

    @property
    def body(self) -> bytes:
        """The request's body: what is said of the object, then its bytes (RFC 2387)."""
        told = {
            "name": self.name,
            "contentType": self.content_type,
            "cacheControl": self.cache_control,
        }
        parts = (
            ("application/json; charset=UTF-8", json.dumps(told).encode()),
            (self.content_type, self.content),
        )
        edge = f"--{self._boundary}".encode()
        written = (
            edge + f"\r\nContent-Type: {kind}\r\n\r\n".encode() + part + b"\r\n"
            for kind, part in parts
        )
        return b"".join(written) + edge + b"--\r\n"

    @property
    def _boundary(self) -> str:
        """A line that no content holds: it would have to hold its own hash."""
        return hashlib.sha256(self.content).hexdigest()


def uploads_url(bucket: str, endpoint: str | None) -> str:
    """Return where a bucket's objects are posted; `endpoint` is the sandbox's."""
    return f"{endpoint or STORAGE}/upload/storage/v1/b/{bucket}/o"
