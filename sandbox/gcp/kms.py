"""A fake Cloud KMS: key versions that sign, over the real gRPC messages.

Written from the client's messages (`google-cloud-kms`) and the reference of
`projects.locations.keyRings.cryptoKeys.cryptoKeyVersions`. Keys are software, IAM is not enforced,
and a version is ready at once.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from concurrent import futures
from typing import Any

import google_crc32c
import grpc
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from google.cloud import kms_v1

from sandbox.gcp.http import Refusal
from sandbox.gcp.memory import Memory

SERVICE = "google.cloud.kms.v1.KeyManagementService"
ALGORITHMS = (
    *(f"RSA_SIGN_PKCS1_{bits}_SHA256" for bits in (2048, 3072, 4096)),
    *(f"RSA_SIGN_PSS_{bits}_SHA256" for bits in (2048, 3072, 4096)),
    "EC_SIGN_P256_SHA256",
)
_KINDS: Any = kms_v1.CryptoKeyVersion.CryptoKeyVersionAlgorithm
_STATES: Any = kms_v1.CryptoKeyVersion.CryptoKeyVersionState
_LEVELS: Any = kms_v1.ProtectionLevel
_DIGEST_BYTES = 32


class Kms:
    """Key rings, keys and versions of the fake, and signing with them."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    def make_version(self, resources: dict[str, Any], key: str) -> str:
        """Make the next version of a key: numbers are never used again."""
        found = resources.get(f"key:{key}")
        if found is None:
            raise Refusal(404, "NOT_FOUND", f"CryptoKey {key} not found.")
        template = found["inputs"].get("versionTemplate") or {}
        algorithm = template.get("algorithm", "")
        if algorithm not in ALGORITHMS:
            raise Refusal(400, "INVALID_ARGUMENT", f"the fake makes no keys for {algorithm!r}")
        number = int(found.get("versions", 0)) + 1
        name = f"{key}/cryptoKeyVersions/{number}"
        private: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey = (
            ec.generate_private_key(ec.SECP256R1())
            if algorithm.startswith("EC_")
            else rsa.generate_private_key(65537, int(algorithm.split("_")[3]))
        )
        self._memory.keep_key(
            name,
            private.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            ),
        )
        found["versions"] = number
        resources[f"version:{name}"] = {
            "inputs": {"cryptoKey": key},
            "algorithm": algorithm,
            "protectionLevel": template.get("protectionLevel", "SOFTWARE"),
            "state": "ENABLED",
            "created": int(time.time()),
            "pem": _public(private),
        }
        return name

    def version(self, name: str) -> dict[str, Any]:
        """Return one version; raises Refusal where it is none or destroyed."""
        found = self._memory.get(f"version:{name}")
        if found is None:
            raise Refusal(404, "NOT_FOUND", f"CryptoKeyVersion {name} not found.")
        return found

    def _enabled(self, name: str) -> dict[str, Any]:
        found = self.version(name)
        if found["state"] != "ENABLED":
            message = f"{name} is not enabled, current state is: {found['state']}."
            raise Refusal(400, "FAILED_PRECONDITION", message)
        return found

    def sign(self, request: Any) -> Any:
        """AsymmetricSign: a digest in, a signature out, both with their CRC32C."""
        found = self._enabled(request.name)
        digest = request.digest.sha256
        if len(digest) != _DIGEST_BYTES:
            raise Refusal(400, "INVALID_ARGUMENT", "the digest is not one of SHA-256")
        intact = request.digest_crc32c == google_crc32c.value(digest)
        if request.digest_crc32c and not intact:
            raise Refusal(400, "INVALID_ARGUMENT", "The checksum in field digest_crc32c is wrong.")
        signature = _sign(self._memory.key(request.name), found["algorithm"], digest)
        return kms_v1.AsymmetricSignResponse(
            name=request.name,
            signature=signature,
            signature_crc32c=google_crc32c.value(signature),
            verified_digest_crc32c=intact,
            protection_level=_LEVELS[found["protectionLevel"]],
        )

    def public_key(self, request: Any) -> Any:
        """GetPublicKey. A disabled version does not hand its public half out."""
        found = self._enabled(request.name)
        return kms_v1.PublicKey(
            name=request.name,
            pem=found["pem"],
            pem_crc32c=google_crc32c.value(found["pem"].encode()),
            algorithm=_KINDS[found["algorithm"]],
            protection_level=_LEVELS[found["protectionLevel"]],
        )

    def get_ring(self, request: Any) -> Any:
        """GetKeyRing."""
        if self._memory.get(f"ring:{request.name}") is None:
            raise Refusal(404, "NOT_FOUND", f"KeyRing {request.name} not found.")
        return kms_v1.KeyRing(name=request.name)

    def get_key(self, request: Any) -> Any:
        """GetCryptoKey."""
        found = self._memory.get(f"key:{request.name}")
        if found is None:
            raise Refusal(404, "NOT_FOUND", f"CryptoKey {request.name} not found.")
        template = found["inputs"].get("versionTemplate") or {}
        return kms_v1.CryptoKey(
            name=request.name,
            purpose=kms_v1.CryptoKey.CryptoKeyPurpose.ASYMMETRIC_SIGN,
            labels=found["inputs"].get("labels") or {},
            version_template=kms_v1.CryptoKeyVersionTemplate(
                algorithm=_KINDS[template["algorithm"]],
                protection_level=_LEVELS[template.get("protectionLevel", "SOFTWARE")],
            ),
        )

    def list_versions(self, request: Any) -> Any:
        """ListCryptoKeyVersions, on one page."""
        found = self._memory.below(f"version:{request.parent}/cryptoKeyVersions/")
        return kms_v1.ListCryptoKeyVersionsResponse(
            crypto_key_versions=[
                _told(place.removeprefix("version:"), each) for place, each in found.items()
            ],
            total_size=len(found),
        )

    def update_version(self, request: Any) -> Any:
        """UpdateCryptoKeyVersion: enable or disable."""
        name = request.crypto_key_version.name
        self.set_state(name, _STATES(request.crypto_key_version.state).name)
        return _told(name, self.version(name))

    def set_state(self, name: str, state: str) -> None:
        """Enable, disable or schedule the destruction of a version."""
        with self._memory.change() as resources:
            found = resources.get(f"version:{name}")
            if found is None:
                raise Refusal(404, "NOT_FOUND", f"CryptoKeyVersion {name} not found.")
            if found["state"] == "DESTROY_SCHEDULED":
                raise Refusal(400, "FAILED_PRECONDITION", f"{name} is scheduled for destruction")
            found["state"] = state


def serve(kms: Kms, port: int) -> grpc.Server:
    """Serve on a loopback port."""
    server = grpc.server(futures.ThreadPoolExecutor(4))
    methods: Mapping[str, tuple[Callable[[Any], Any], Any, Any]] = {
        "AsymmetricSign": (kms.sign, kms_v1.AsymmetricSignRequest, kms_v1.AsymmetricSignResponse),
        "GetPublicKey": (kms.public_key, kms_v1.GetPublicKeyRequest, kms_v1.PublicKey),
        "GetKeyRing": (kms.get_ring, kms_v1.GetKeyRingRequest, kms_v1.KeyRing),
        "GetCryptoKey": (kms.get_key, kms_v1.GetCryptoKeyRequest, kms_v1.CryptoKey),
        "ListCryptoKeyVersions": (
            kms.list_versions,
            kms_v1.ListCryptoKeyVersionsRequest,
            kms_v1.ListCryptoKeyVersionsResponse,
        ),
        "UpdateCryptoKeyVersion": (
            kms.update_version,
            kms_v1.UpdateCryptoKeyVersionRequest,
            kms_v1.CryptoKeyVersion,
        ),
    }
    handlers = {
        name: grpc.unary_unary_rpc_method_handler(
            _answering(method),
            request_deserializer=request.deserialize,
            response_serializer=answer.serialize,
        )
        for name, (method, request, answer) in methods.items()
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
    if server.add_insecure_port(f"127.0.0.1:{port}") != port:
        msg = f"port {port} is taken"
        raise OSError(msg)
    server.start()
    return server


def _answering(method: Callable[[Any], Any]) -> Callable[[Any, grpc.ServicerContext], Any]:
    def answer(request: Any, context: grpc.ServicerContext) -> Any:
        try:
            return method(request)
        except Refusal as refusal:
            code = getattr(grpc.StatusCode, refusal.code, grpc.StatusCode.UNKNOWN)
            context.abort(code, refusal.message)

    return answer


def _told(name: str, found: Mapping[str, Any]) -> Any:
    return kms_v1.CryptoKeyVersion(
        name=name,
        state=_STATES[found["state"]],
        algorithm=_KINDS[found["algorithm"]],
        protection_level=_LEVELS[found["protectionLevel"]],
        create_time={"seconds": found["created"]},
    )


def _public(private: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> str:
    return (
        private.public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode()
    )


def _sign(pem: bytes, algorithm: str, digest: bytes) -> bytes:
    private = serialization.load_pem_private_key(pem, None)
    hashed = utils.Prehashed(hashes.SHA256())
    if isinstance(private, ec.EllipticCurvePrivateKey):
        return private.sign(digest, ec.ECDSA(hashed))
    if not isinstance(private, rsa.RSAPrivateKey):
        raise Refusal(500, "INTERNAL", "a key of another kind")
    if "_PSS_" in algorithm:
        pss = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH)
        return private.sign(digest, pss, hashed)
    return private.sign(digest, padding.PKCS1v15(), hashed)
