"""A loopback Cloud KMS for Google's own client: its messages over real gRPC.

Written from the client's messages; it shows that our adapter drives the real client, not that
Cloud KMS behaves this way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent import futures
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import google_crc32c
import grpc
from google.cloud import kms_v1
from google.cloud.kms_v1.services.key_management_service.transports import (
    KeyManagementServiceGrpcTransport,
)

from tests.unit.issuing.local_keys import public_pem, shared_key, sign_digest

KINDS = kms_v1.CryptoKeyVersion.CryptoKeyVersionAlgorithm
MADE_FOR = {
    "RS256": KINDS.RSA_SIGN_PKCS1_2048_SHA256,
    "PS256": KINDS.RSA_SIGN_PSS_2048_SHA256,
    "ES256": KINDS.EC_SIGN_P256_SHA256,
    "ES384": KINDS.EC_SIGN_P384_SHA384,
}
Damage = Callable[[Any], None]


def version(algorithm: str) -> str:
    """Return the resource name of the fake's key for an algorithm."""
    return f"projects/p/locations/l/keyRings/r/cryptoKeys/{algorithm}/cryptoKeyVersions/1"


@dataclass
class FakeCloudKms:
    """What the server will answer, and what it was asked. `damage` spoils that many answers."""

    client: kms_v1.KeyManagementServiceClient
    faults: list[grpc.StatusCode] = field(default_factory=list)
    damage: list[Damage] = field(default_factory=list)
    asked: list[kms_v1.AsymmetricSignRequest] = field(default_factory=list)
    calls: int = 0

    def sign(self, request: Any, context: grpc.ServicerContext) -> Any:
        self.asked.append(request)
        self._fail(context)
        algorithm = request.name.split("/")[-3]
        digest = request.digest.sha384 if algorithm == "ES384" else request.digest.sha256
        signature = sign_digest(shared_key(algorithm), algorithm, digest)
        told = kms_v1.AsymmetricSignResponse(
            name=request.name,
            signature=signature,
            signature_crc32c=google_crc32c.value(signature),
            verified_digest_crc32c=request.digest_crc32c == google_crc32c.value(digest),
        )
        return self._spoil(told)

    def public_key(self, request: Any, context: grpc.ServicerContext) -> Any:
        self._fail(context)
        algorithm = request.name.split("/")[-3]
        pem = public_pem(shared_key(algorithm))
        crc = google_crc32c.value(pem.encode())
        told = kms_v1.PublicKey(
            name=request.name, pem=pem, pem_crc32c=crc, algorithm=MADE_FOR[algorithm]
        )
        return self._spoil(told)

    def _fail(self, context: grpc.ServicerContext) -> None:
        self.calls += 1
        if self.faults:
            context.abort(self.faults.pop(0), "as told by the test")

    def _spoil(self, told: Any) -> Any:
        if self.damage:
            self.damage.pop(0)(told)
        return told


@contextmanager
def running() -> Iterator[FakeCloudKms]:
    """Serve a fresh fake on a free loopback port, with Google's client connected to it."""
    server = grpc.server(futures.ThreadPoolExecutor(2))
    port = server.add_insecure_port("127.0.0.1:0")
    channel = grpc.insecure_channel(f"127.0.0.1:{port}")
    transport = KeyManagementServiceGrpcTransport(channel=channel)
    fake = FakeCloudKms(kms_v1.KeyManagementServiceClient(transport=transport))
    methods = {
        "AsymmetricSign": (
            fake.sign,
            kms_v1.AsymmetricSignRequest.deserialize,
            kms_v1.AsymmetricSignResponse.serialize,
        ),
        "GetPublicKey": (
            fake.public_key,
            kms_v1.GetPublicKeyRequest.deserialize,
            kms_v1.PublicKey.serialize,
        ),
    }
    handlers = {
        name: grpc.unary_unary_rpc_method_handler(
            answer, request_deserializer=read, response_serializer=write
        )
        for name, (answer, read, write) in methods.items()
    }
    service = "google.cloud.kms.v1.KeyManagementService"
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))
    server.start()
    try:
        yield fake
    finally:
        channel.close()
        server.stop(None).wait()
