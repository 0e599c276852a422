"""Signing with Azure Key Vault.

Key Vault takes a digest and answers ECDSA with r||s already. Only the service signs: the SDK's
local cryptography works on private JWKs alone, and none ever reaches this machine.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, TypeVar

from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    HttpResponseError,
    ResourceNotFoundError,
)
from azure.identity import DefaultAzureCredential
from azure.keyvault.keys import JsonWebKey, KeyClient
from azure.keyvault.keys.crypto import CryptographyClient
from azure.keyvault.keys.crypto import SignatureAlgorithm as KeyVaultAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from signet.errors import Fault, SettingsError
from signet.issuing.errors import KeyUnusable, KmsBusy, KmsUnreachable, SigningDenied
from signet.issuing.signature_format import ALGORITHMS

_KEY = re.compile(
    r"(?P<vault>https://[A-Za-z0-9.-]+(?::[0-9]+)?)/keys/(?P<name>[A-Za-z0-9-]{1,127})"
    r"/(?P<version>[0-9a-f]{32})"
)
_CLIENT_SETTINGS: Final = {
    "retry_total": 2,
    "retry_backoff_max": 4,
    "connection_timeout": 3,
    "read_timeout": 5,
}
_CURVES: Final[dict[str, type[ec.EllipticCurve]]] = {"P-256": ec.SECP256R1, "P-384": ec.SECP384R1}
_FORBIDDEN: Final = 403
_THROTTLED: Final = 429
_SERVER_FAULT: Final = 500

T = TypeVar("T")


class AzureKeyVaultSigner:
    """One version of one Key Vault key, reached through Microsoft's own clients."""

    def __init__(
        self, keys: KeyClient, cryptography: CryptographyClient, key_id: str, algorithm: str
    ) -> None:
        self._keys = keys
        self._cryptography = cryptography
        self._key_id = key_id
        self._format = ALGORITHMS[algorithm]

    @property
    def algorithm(self) -> str:
        """The JWS `alg` value."""
        return self._format.name

    def sign(self, message: bytes) -> bytes:
        """Sign the message's digest; see `Signer`. Needs the data action `keys/sign`."""
        digest = self._format.digest(message)
        signature = self._ask(
            "keys/sign",
            lambda: self._cryptography.sign(KeyVaultAlgorithm(self.algorithm), digest).signature,
        )
        width = self._format.coordinate_bytes
        if width and len(signature) != 2 * width:
            raise KmsUnreachable(
                f"Key Vault answered {len(signature)} bytes where {self.algorithm} has {2 * width}",
                where=self._where,
            )
        return signature

    def public_key_pem(self) -> str:
        """Return the public half; see `Signer`. Needs the data action `keys/read`."""
        parts = _parts(self._key_id)
        key = self._ask(
            "keys/read", lambda: self._keys.get_key(parts["name"], parts["version"]).key
        )
        try:
            public = _public_key(key)
        except (KeyError, TypeError, ValueError) as error:
            raise KeyUnusable(
                f"the key is not one that {self.algorithm} signs with", where=self._where
            ) from error
        return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode("ascii")

    @property
    def _where(self) -> str:
        return f"Key Vault key {self._key_id}"

    def _ask(self, action: str, call: Callable[[], T]) -> T:
        try:
            return call()
        except ClientAuthenticationError as error:
            raise SigningDenied(
                "no usable Azure credentials",
                where=self._where,
                remedy="sign in (`az login`, or the job's federated identity) and try again",
            ) from error
        except HttpResponseError as error:
            raise self._answered(action, error) from error
        except AzureError as error:
            raise KmsUnreachable(
                f"Key Vault cannot be reached: {error.message}",
                where=self._where,
                remedy="check the network, the proxy and the vault's firewall, and try again",
            ) from error

    def _answered(
        self, action: str, error: HttpResponseError
    ) -> KeyUnusable | SigningDenied | KmsBusy | KmsUnreachable:
        status = error.status_code or 0
        # A disabled key answers 403 with the inner code KeyDisabled (azure-sdk-for-python #45342).
        disabled = status == _FORBIDDEN and "disabled" in str(error).lower()
        if disabled or isinstance(error, ResourceNotFoundError):
            state = "disabled" if disabled else "not found"
            return KeyUnusable(
                f"Key Vault will not sign with this key ({state})",
                where=self._where,
                remedy="see its state with `signet keys status`; a tainted or retired key is "
                "disabled on purpose, and the next `signet up` puts its successor to work",
            )
        if status == _FORBIDDEN:
            return SigningDenied(
                f"Key Vault does not let you call {action}",
                where=self._where,
                remedy="use an identity that holds the issuer role on this key, from a network "
                "that the vault's firewall admits",
            )
        if status == _THROTTLED:
            return KmsBusy(
                "Key Vault throttled this call, and its retries where it had said when",
                where=self._where,
                remedy="try again in a moment; the vault's limit counts all of its keys",
            )
        if status >= _SERVER_FAULT:
            return KmsUnreachable(
                f"Key Vault failed ({status})", where=self._where, remedy="try again in a moment"
            )
        return KeyUnusable(
            f"Key Vault refused to sign with this key ({status})",
            where=self._where,
            remedy=f"check that the key is made for {self.algorithm}",
        )


def connect(key_reference: str, algorithm: str, identity: str | None = None) -> AzureKeyVaultSigner:
    """Make a signer from the caller's own Entra identity.

    `identity` is the client id of the managed identity to use where several are assigned.
    """
    parts = _parts(key_reference)
    credential = DefaultAzureCredential(managed_identity_client_id=identity)
    return AzureKeyVaultSigner(
        KeyClient(vault_url=parts["vault"], credential=credential, **_CLIENT_SETTINGS),
        CryptographyClient(key_reference, credential, **_CLIENT_SETTINGS),
        key_reference,
        algorithm,
    )


def _parts(key_id: str) -> dict[str, str]:
    found = _KEY.fullmatch(key_id)
    if found is None:
        raise SettingsError(
            [
                Fault(
                    key="key",
                    value=key_id,
                    problem="not one version of a Key Vault key",
                    remedy="give https://VAULT.vault.azure.net/keys/NAME/VERSION; without its "
                    "version a name can come to mean another key",
                )
            ]
        )
    return found.groupdict()


def _public_key(key: JsonWebKey) -> rsa.RSAPublicKey | ec.EllipticCurvePublicKey:
    numbers = {
        name: int.from_bytes(value, "big")
        for name in ("n", "e", "x", "y")
        if (value := getattr(key, name, None)) is not None
    }
    if "n" in numbers:
        return rsa.RSAPublicNumbers(numbers["e"], numbers["n"]).public_key()
    named = getattr(key, "crv", None)
    curve = _CURVES[str(getattr(named, "value", named))]()
    return ec.EllipticCurvePublicNumbers(numbers["x"], numbers["y"], curve).public_key()
