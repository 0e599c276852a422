"""Signing with a key that stays in a cloud's KMS: one small interface, one adapter a cloud.

An adapter knows its SDK and nothing else, is given its client, and is imported only when a key of
its cloud signs. The errors that it raises are those of `signet.issuing.errors`.
"""

import importlib
from typing import Final, Protocol, cast

from signet.errors import Fault, SettingsError
from signet.issuing.signature_format import ALGORITHMS

__all__ = ["CLOUDS", "Signer", "TokenSigner", "signer_for"]

CLOUDS: Final = ("aws", "azure", "gcp")


class TokenSigner(Protocol):
    """One KMS key that may be signed with, and the one algorithm that it does that with."""

    @property
    def algorithm(self) -> str:
        """The JWS `alg` value, for example `RS256`."""

    def sign(self, message: bytes) -> bytes:
        """Return the signature of `message` in JWS's form: r||s for ES256 and ES384."""


class Signer(TokenSigner, Protocol):
    """One KMS key that may be signed with and whose public half may be read."""

    def public_key_pem(self) -> str:
        """Return the public half as the KMS tells it, a SubjectPublicKeyInfo in PEM."""


class _Adapter(Protocol):
    def connect(self, key_reference: str, algorithm: str, identity: str | None) -> Signer:
        """Make the cloud's client from the caller's own credentials."""


def signer_for(
    cloud: str, key_reference: str, algorithm: str, *, identity: str | None = None
) -> Signer:
    """Return a signer for a KMS key, with the caller's own credentials for that cloud.

    `identity` is whom the key allows to sign, and whom the caller is to become: a role's ARN
    (AWS), a managed identity's client id (Azure), a service account's address (Google). None
    signs as the caller.

    `key_reference` is how that cloud names one key for good: a key ARN or id (AWS), a key
    identifier with its version (`https://VAULT/keys/NAME/VERSION`, Azure), or a key version's
    resource name (`projects/.../cryptoKeyVersions/N`, Google).

    Raises SettingsError for an unknown cloud or algorithm and for a malformed reference, and
    SigningDenied where the caller may not become `identity`. The key is not used yet.
    """
    faults = []
    if cloud not in CLOUDS:
        faults.append(_one_of("cloud", cloud, CLOUDS))
    if algorithm not in ALGORITHMS:
        faults.append(_one_of("algorithm", algorithm, tuple(ALGORITHMS)))
    if faults:
        raise SettingsError(faults)
    adapter = cast(_Adapter, importlib.import_module(f"{__name__}.{cloud}"))
    return adapter.connect(key_reference, algorithm, identity)


def _one_of(key: str, value: str, known: tuple[str, ...]) -> Fault:
    return Fault(
        key=key,
        value=value,
        problem="no signer for it",
        remedy=f"use one of: {', '.join(known)}",
    )
