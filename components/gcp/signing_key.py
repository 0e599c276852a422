"""One generation of a key ring as a version of a Cloud KMS key."""

import asyncio
from dataclasses import dataclass
from typing import Final

import pulumi
from pulumi_gcp import kms

from signet.documents import jwk_from_pem
from signet.errors import RunFailed
from signet.key_ring import Generation

_RSA: Final = {"RS256": "RSA_SIGN_PKCS1_{}_SHA256", "PS256": "RSA_SIGN_PSS_{}_SHA256"}

_PENDING: Final = "PENDING_GENERATION"
_PATIENCE: Final = 120.0
_PAUSE = 2.0
"""Seconds; software keys take a few, RSA in hardware the longest (unsure: not tried)."""


def kms_algorithm(algorithm: str, key_size: int) -> str:
    """Return Cloud KMS's algorithm for a JWS algorithm and a key size in bits."""
    return _RSA[algorithm].format(key_size) if algorithm in _RSA else "EC_SIGN_P256_SHA256"


@dataclass(frozen=True, kw_only=True)
class SigningKeyArgs:
    """What a signing key is made from."""

    generation: Generation
    crypto_key: pulumi.Input[str]
    """Resource name of the key whose version it is to be."""
    protect: bool
    """Guard the version, for as long as it is published, from destruction and replacement."""
    adopt: str | None = None
    """Name of a version that an interrupted run made and did not record."""


class SigningKey(pulumi.ComponentResource):
    """One version; Google numbers versions, so the record tells which generation it is."""

    version_name: pulumi.Output[str]
    """The version's resource name, by which issuers sign."""
    jwk: pulumi.Output[dict[str, str]] | None
    """The public half with its `kid`; None once the generation is disabled."""

    def __init__(
        self, name: str, args: SigningKeyArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("signet:gcp:SigningKey", name, None, opts)
        generation = args.generation
        guarded = args.protect and generation.published
        version = kms.CryptoKeyVersion(
            f"{name}-key",
            crypto_key=args.crypto_key,
            state="ENABLED" if generation.enabled else "DISABLED",
            deletion_policy="PREVENT" if guarded else "DELETE",
            opts=pulumi.ResourceOptions(
                parent=self, protect=guarded, retain_on_delete=guarded, import_=args.adopt
            ),
        )
        self.version_name = version.name
        self.jwk = self._public_half(version, generation.algorithm) if generation.enabled else None
        self.register_outputs({"versionName": self.version_name, "jwk": self.jwk})

    def _public_half(
        self, version: kms.CryptoKeyVersion, algorithm: str
    ) -> pulumi.Output[dict[str, str]]:
        pem = _public_key(version, pulumi.InvokeOutputOptions(parent=self))
        jwk: pulumi.Output[dict[str, str]] = pem.apply(lambda text: jwk_from_pem(text, algorithm))
        return jwk


def _public_key(
    version: kms.CryptoKeyVersion, opts: pulumi.InvokeOutputOptions, waited: float = 0.0
) -> pulumi.Output[str]:
    """Return a version's public key in PEM, asked for again while it is still being generated.

    A version is made at once and its key some seconds later; until then it tells none
    (terraform-provider-google, issue 5895).
    """

    def told(found: kms.GetKMSCryptoKeyVersionResult) -> str | pulumi.Output[str]:
        if found.public_keys:
            return str(found.public_keys[0].pem)
        if found.state != _PENDING or waited >= _PATIENCE:
            raise RunFailed(
                f"Cloud KMS tells no public key of {found.name}, which is {found.state}",
                where="gcp",
                remedy="run `signet up` again, which goes on from here"
                if found.state == _PENDING
                else "look at it in the console; `signet keys status` tells what it is meant to be",
            )
        pause: pulumi.Output[float] = pulumi.Output.from_input(_slept(_PAUSE))
        return pause.apply(lambda seconds: _public_key(version, opts, waited + seconds))

    looked_up = kms.get_kms_crypto_key_version_output(
        crypto_key=version.crypto_key,
        version=version.name.apply(lambda name: int(name.rpartition("/")[2])),
        opts=opts,
    )
    pem: pulumi.Output[str] = looked_up.apply(told)
    return pem


async def _slept(seconds: float) -> float:
    await asyncio.sleep(seconds)
    return seconds
