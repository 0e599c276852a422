"""Signing with Google Cloud KMS by REST, for a deployed token service.

Source: Cloud KMS REST API, `cryptoKeyVersions.asymmetricSign` (a digest in, DER for ECDSA out, both
in base64). Google's CRC32C is left out: the whole token is checked before it leaves.
"""

from __future__ import annotations

import base64
from typing import Final

from signet.issuing.cloud_api import CloudApi
from signet.issuing.errors import KmsUnreachable
from signet.issuing.signature_format import ALGORITHMS, raw_from_der
from signet.issuing.signers import rest

SCOPE: Final = "https://www.googleapis.com/auth/cloudkms"
_ENDPOINT: Final = "https://cloudkms.googleapis.com"


class CloudKmsRestSigner:
    """One version of one Cloud KMS key."""

    def __init__(
        self, api: CloudApi, key_version: str, algorithm: str, endpoint: str | None = None
    ) -> None:
        """`endpoint` is the sandbox's, in place of Google's own address."""
        self._api = api
        self._key_version = key_version
        self._format = ALGORITHMS[algorithm]
        self._url = f"{endpoint or _ENDPOINT}/v1/{key_version}:asymmetricSign"

    @property
    def algorithm(self) -> str:
        """The JWS `alg` value."""
        return self._format.name

    def sign(self, message: bytes) -> bytes:
        """Sign the message's digest; see `TokenSigner`.

        Needs `cloudkms.cryptoKeyVersions.useToSign`.
        """
        digest = base64.b64encode(self._format.digest(message)).decode()
        where = f"Cloud KMS key version {self._key_version}"
        told = {"digest": {self._format.hash_name: digest}}
        answer = rest.asked(lambda: self._api.post(self._url, told), where)
        if answer.status != rest.OK:
            rest.refused(answer, where, disabled=False)
        signature = rest.signature_of(answer, "signature", where, urlsafe=False)
        if not self._format.coordinate_bytes:
            return signature
        try:
            return raw_from_der(signature, self._format.coordinate_bytes)
        except ValueError as error:
            raise KmsUnreachable("the KMS answered with no such signature", where=where) from error
