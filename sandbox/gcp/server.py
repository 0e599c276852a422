"""A fake Google Cloud: HTTP on one loopback port, Cloud KMS (gRPC) on another, services on theirs.

Addresses: `/sandbox/...` for the sandbox's plugin, `/computeMetadata/...` a metadata server,
`/storage/v1/...` and `/<bucket>/<object>` Cloud Storage, `/v1/projects/...` IAM and
`/v2/projects/...` Cloud Run for whoever looks, `/v2/<repository>/...` a registry of images,
`/v1/<key version>:asymmetricSign` Cloud KMS by REST.
"""

from __future__ import annotations

import hmac
import json
import logging
import os
import sys
from pathlib import Path

from sandbox.fakes import server as serving
from sandbox.fakes.faults import Faults
from sandbox.fakes.http import Asked, Said, said_json
from sandbox.gcp import kms, kms_rest
from sandbox.gcp.admin import PREFIX, Admin
from sandbox.gcp.http import Refusal
from sandbox.gcp.memory import Memory
from sandbox.gcp.reading import BUCKETS, PREFIXES, Reading
from sandbox.gcp.registry import Registry
from sandbox.gcp.run import Services
from sandbox.gcp.service import KMS, NAME
from sandbox.gcp.storage import Storage
from sandbox.processes import MARK

_METADATA = "/computeMetadata/v1/instance/service-accounts/default/token"
_TOKEN_SECONDS = 3599

log = logging.getLogger("sandbox.gcp")


class Fake:
    """The services of the fake, and which of them answers what."""

    def __init__(self, folder: Path, port: int, secret: str) -> None:
        self.memory = Memory(folder)
        self._faults = Faults(folder)
        self._token = hmac.new(secret.encode(), b"access token", "sha256").hexdigest()
        self.storage = Storage(self.memory, self._trusted)
        self.kms = kms.Kms(self.memory)
        environment = {
            MARK: secret,
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "GCE_METADATA_HOST": f"127.0.0.1:{port}",
        }
        self.registry = Registry(self.memory)
        self.services = Services(self.memory, self.registry, environment)
        self.reading = Reading(self.memory)
        self.admin = Admin(self.memory, self.kms, self.services)

    def answer(self, asked: Asked) -> Said:
        """Answer any request. Never raises."""
        try:
            return self._faults.hit(asked) or self._answer(asked)
        except Refusal as refusal:
            return refusal.said()
        except Exception:
            log.exception("%s %s", asked.method, asked.path)
            return Refusal(500, "INTERNAL", "see the log of the fake").said()

    def _answer(self, asked: Asked) -> Said:
        if asked.raw_path == serving.HEALTH:
            return said_json(200, {"signet": NAME})
        if asked.raw_path.startswith(PREFIX):
            return self.admin.answer(asked)
        if asked.raw_path == _METADATA:
            if asked.headers.get("metadata-flavor") != "Google":
                raise Refusal(403, "FORBIDDEN", "Metadata-Flavor: Google is missing")
            told = {"access_token": self._token, "expires_in": _TOKEN_SECONDS}
            return said_json(200, {**told, "token_type": "Bearer"})
        bucket = asked.raw_path.removeprefix(BUCKETS) if asked.raw_path.startswith(BUCKETS) else ""
        if asked.raw_path.startswith(PREFIXES) or (bucket and "/" not in bucket):
            if not self._trusted(asked):
                raise Refusal(403, "FORBIDDEN", "the caller has no right to this")
            if asked.method == "POST" and asked.raw_path.endswith(kms_rest.SUFFIX):
                return kms_rest.answer(self.kms, asked)
            if asked.method != "GET":
                raise Refusal(405, "METHOD_NOT_ALLOWED", asked.method)
            return self.reading.bucket(bucket) if bucket else self.reading.resource(asked.raw_path)
        pulled = self.registry.takes(asked.raw_path)
        return self.registry.answer(asked) if pulled else self.storage.answer(asked)

    def _trusted(self, asked: Asked) -> bool:
        given = asked.headers.get("authorization", "")
        return hmac.compare_digest(given.encode(), f"Bearer {self._token}".encode())


def main(folder: str, port: str, secret: str) -> None:
    """Serve until told to end."""
    logging.basicConfig(stream=sys.stderr, level=logging.INFO)
    fake = Fake(Path(folder), int(port), secret)
    rpc = kms.serve(fake.kms, _kms_port(Path(folder)))
    fake.services.resume()
    try:
        serving.serve_until_told(serving.Server(int(port), fake.answer))
    finally:
        rpc.stop(1).wait()
        fake.services.end()


def _kms_port(folder: Path) -> int:
    told = json.loads((folder.parent / "sandbox.json").read_text(encoding="utf-8"))
    return int(told["ports"][KMS])


if __name__ == "__main__":
    main(*(os.environ[name] for name in ("GCP_FOLDER", "GCP_PORT", MARK)))
