"""Signing with Azure Key Vault by REST, for a deployed token service.

Source: Key Vault REST API, "Sign" (a digest in, ECDSA as r||s out, both in base64url).
"""

from __future__ import annotations

import base64
import urllib.parse
from typing import Final

from signet.issuing.cloud_api import CloudApi
from signet.issuing.errors import KmsUnreachable
from signet.issuing.signature_format import ALGORITHMS
from signet.issuing.signers import rest

RESOURCE: Final = "https://vault.azure.net"
"""What Entra's tokens for a vault are made out to."""
_VERSION: Final = "7.4"
_FORBIDDEN: Final = 403


class KeyVaultRestSigner:
    """One version of one Key Vault key."""

    def __init__(
        self, api: CloudApi, key_id: str, algorithm: str, endpoint: str | None = None
    ) -> None:
        """`endpoint` is the sandbox's, in place of the vault's own address."""
        self._api = api
        self._key_id = key_id
        self._format = ALGORITHMS[algorithm]
        path = urllib.parse.urlsplit(key_id).path
        key = key_id if endpoint is None else f"{endpoint}{path}"
        self._url = f"{key}/sign?api-version={_VERSION}"

    @property
    def algorithm(self) -> str:
        """The JWS `alg` value."""
        return self._format.name

    def sign(self, message: bytes) -> bytes:
        """Sign the message's digest; see `TokenSigner`. Needs the data action `keys/sign`."""
        digest = base64.urlsafe_b64encode(self._format.digest(message)).rstrip(b"=").decode()
        where = f"Key Vault key {self._key_id}"
        told = {"alg": self.algorithm, "value": digest}
        answer = rest.asked(lambda: self._api.post(self._url, told), where)
        if answer.status != rest.OK:
            # A disabled key answers 403 with the inner code KeyDisabled (azure-sdk-for-python
            # #45342).
            disabled = answer.status == _FORBIDDEN and b"disabled" in answer.body.lower()
            rest.refused(answer, where, disabled=disabled)
        signature = rest.signature_of(answer, "value", where, urlsafe=True)
        width = self._format.coordinate_bytes
        if width and len(signature) != 2 * width:
            raise KmsUnreachable(f"Key Vault answered {len(signature)} bytes", where=where)
        return signature
