"""Signing with Google Cloud KMS.

Every answer is checked as Google's data integrity guidelines ask: the digest that arrived, the
signature that came back and the key's name; a broken answer is asked for again, at most twice.
ECDSA signatures come back in DER, JWS wants r||s (RFC 7518 section 3.4). A key version has one
algorithm for life, so PS256 needs a version made for PSS.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

import google.auth
import google_crc32c
import grpc
from google.api_core import exceptions as api
from google.api_core.retry import Retry, if_exception_type
from google.auth import exceptions as auth
from google.auth import impersonated_credentials
from google.cloud import kms_v1
from google.cloud.kms_v1.services.key_management_service.transports import (
    KeyManagementServiceGrpcTransport,
)

from signet.engine import sandbox_marker
from signet.errors import Fault, SettingsError
from signet.issuing.errors import KeyUnusable, KmsBusy, KmsUnreachable, SigningDenied
from signet.issuing.signature_format import ALGORITHMS, raw_from_der

_VERSION = re.compile(
    r"projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/]+/cryptoKeyVersions/[0-9]+"
)
_ATTEMPTS: Final = 3
_TIMEOUT: Final = 5.0
_SCOPE: Final = "https://www.googleapis.com/auth/cloudkms"
_IMPERSONATION_SECONDS: Final = 900
_RETRY: Final = Retry(
    predicate=if_exception_type(api.ServiceUnavailable, api.ResourceExhausted),
    initial=0.2,
    maximum=2.0,
    multiplier=2.0,
    timeout=10.0,
)
_FITTING: Final = {
    "RS256": re.compile(r"RSA_SIGN_PKCS1_[0-9]+_SHA256"),
    "PS256": re.compile(r"RSA_SIGN_PSS_[0-9]+_SHA256"),
    "ES256": re.compile(r"EC_SIGN_P256_SHA256"),
    "ES384": re.compile(r"EC_SIGN_P384_SHA384"),
}

T = TypeVar("T")


class GcpKmsSigner:
    """One version of one Cloud KMS key, reached through Google's own client."""

    def __init__(
        self,
        client: kms_v1.KeyManagementServiceClient,
        key_version: str,
        algorithm: str,
        *,
        retry: Retry = _RETRY,
    ) -> None:
        self._client = client
        self._key_version = key_version
        self._format = ALGORITHMS[algorithm]
        self._retry = retry

    @property
    def algorithm(self) -> str:
        """The JWS `alg` value."""
        return self._format.name

    def sign(self, message: bytes) -> bytes:
        """Sign the message's digest; see `Signer`. Needs `cloudkms.cryptoKeyVersions.useToSign`."""
        digest = self._format.digest(message)
        request = kms_v1.AsymmetricSignRequest(
            name=self._key_version,
            digest=kms_v1.Digest({self._format.hash_name: digest}),
            digest_crc32c=google_crc32c.value(digest),
        )
        answer = self._intact(
            "cloudkms.cryptoKeyVersions.useToSign",
            lambda: self._client.asymmetric_sign(
                request=request, retry=self._retry, timeout=_TIMEOUT
            ),
            lambda told: (
                told.verified_digest_crc32c
                and told.name == self._key_version
                and told.signature_crc32c == google_crc32c.value(told.signature)
            ),
        )
        if not self._format.coordinate_bytes:
            return answer.signature
        try:
            return raw_from_der(answer.signature, self._format.coordinate_bytes)
        except ValueError as error:
            raise KmsUnreachable(
                f"the KMS answered with a signature that is not one of {self.algorithm}: {error}",
                where=self._where,
            ) from error

    def public_key_pem(self) -> str:
        """Return the public half; see `Signer`. Needs `cloudkms.cryptoKeyVersions.viewPublicKey`.

        Raises KeyUnusable where the version was made for another algorithm.
        """
        key = self._intact(
            "cloudkms.cryptoKeyVersions.viewPublicKey",
            lambda: self._client.get_public_key(
                name=self._key_version, retry=self._retry, timeout=_TIMEOUT
            ),
            lambda told: (
                told.name == self._key_version
                and told.pem_crc32c == google_crc32c.value(told.pem.encode("ascii"))
            ),
        )
        made_for = kms_v1.CryptoKeyVersion.CryptoKeyVersionAlgorithm(key.algorithm).name
        if not _FITTING[self.algorithm].fullmatch(made_for):
            raise KeyUnusable(
                f"the key version signs with {made_for}, not with {self.algorithm}",
                where=self._where,
                remedy=f"make a key version for {self.algorithm}; an existing one cannot change",
            )
        return key.pem

    @property
    def _where(self) -> str:
        return f"Cloud KMS key version {self._key_version}"

    def _intact(self, action: str, call: Callable[[], T], is_intact: Callable[[T], bool]) -> T:
        for _ in range(_ATTEMPTS):
            answer = self._ask(action, call)
            if is_intact(answer):
                return answer
        raise KmsUnreachable(
            f"Cloud KMS answers arrived damaged {_ATTEMPTS} times (CRC32C or key name)",
            where=self._where,
            remedy="something between here and Cloud KMS changes data; check the proxy",
        )

    def _ask(self, action: str, call: Callable[[], T]) -> T:
        try:
            return call()
        except (api.FailedPrecondition, api.InvalidArgument, api.NotFound) as error:
            raise KeyUnusable(
                f"Cloud KMS will not sign with this key version ({error.message})",
                where=self._where,
                remedy="see its state with `signet keys status`; a tainted or retired key is "
                "disabled on purpose, and the next `signet up` puts its successor to work",
            ) from error
        except api.PermissionDenied as error:
            raise SigningDenied(
                f"Cloud KMS does not let you call {action}",
                where=self._where,
                remedy="use an identity with roles/cloudkms.signer and "
                "roles/cloudkms.publicKeyViewer on this key",
            ) from error
        except (api.Unauthenticated, auth.GoogleAuthError) as error:
            raise SigningDenied(
                "no usable Google credentials",
                where=self._where,
                remedy="sign in (`gcloud auth application-default login`, or the job's workload "
                "identity) and try again",
            ) from error
        except api.ResourceExhausted as error:
            raise self._busy() from error
        except api.RetryError as error:
            if isinstance(error.cause, api.ResourceExhausted):
                raise self._busy() from error
            raise self._unreachable(error) from error
        except api.GoogleAPICallError as error:
            raise self._unreachable(error) from error

    def _busy(self) -> KmsBusy:
        return KmsBusy(
            "Cloud KMS throttled every attempt",
            where=self._where,
            remedy="try again in a moment; if it stays, ask for a higher quota",
        )

    def _unreachable(self, error: api.GoogleAPIError) -> KmsUnreachable:
        return KmsUnreachable(
            f"Cloud KMS cannot be reached: {error}",
            where=self._where,
            remedy="check the network and the proxy, and try again",
        )


def connect(key_reference: str, algorithm: str, identity: str | None = None) -> GcpKmsSigner:
    """Make a signer from the caller's Application Default Credentials.

    With `identity`, a service account's address, the caller impersonates it, which takes
    `roles/iam.serviceAccountTokenCreator` on it.
    """
    if not _VERSION.fullmatch(key_reference):
        raise SettingsError(
            [
                Fault(
                    key="key",
                    value=key_reference,
                    problem="not one version of a Cloud KMS key",
                    remedy="give projects/P/locations/L/keyRings/R/cryptoKeys/K/"
                    "cryptoKeyVersions/N",
                )
            ]
        )
    if (marker := sandbox_marker.active()) is not None:
        return GcpKmsSigner(_sandbox_client(marker.folder), key_reference, algorithm)
    try:
        credentials, _ = google.auth.default(scopes=[_SCOPE])
        if identity is not None:
            credentials = impersonated_credentials.Credentials(  # type: ignore[no-untyped-call]
                source_credentials=credentials,
                target_principal=identity,
                target_scopes=[_SCOPE],
                lifetime=_IMPERSONATION_SECONDS,
            )
        client = kms_v1.KeyManagementServiceClient(credentials=credentials)
    except auth.GoogleAuthError as error:
        raise SigningDenied(
            "no Google credentials were found",
            where=f"Cloud KMS key version {key_reference}",
            remedy="run `gcloud auth application-default login`, or use a workload identity",
        ) from error
    return GcpKmsSigner(client, key_reference, algorithm)


def _sandbox_client(folder: Path) -> kms_v1.KeyManagementServiceClient:
    """Return a client of the sandbox's fake, which takes no credentials."""
    told = json.loads((folder / "sandbox.json").read_text(encoding="utf-8"))
    channel = grpc.insecure_channel(f"127.0.0.1:{told['ports']['gcp-kms']}")
    return kms_v1.KeyManagementServiceClient(
        transport=KeyManagementServiceGrpcTransport(channel=channel)
    )
