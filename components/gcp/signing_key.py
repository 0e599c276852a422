"""One generation of a key ring as a version of a Cloud KMS key."""

from dataclasses import dataclass
from typing import Final

import pulumi
from pulumi_gcp import kms

from signet.documents import jwk_from_pem
from signet.key_ring import Generation

_RSA: Final = {"RS256": "RSA_SIGN_PKCS1_{}_SHA256", "PS256": "RSA_SIGN_PSS_{}_SHA256"}


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
        told = kms.get_kms_crypto_key_version_output(
            crypto_key=version.crypto_key,
            version=version.name.apply(lambda name: int(name.rpartition("/")[2])),
            opts=pulumi.InvokeOutputOptions(parent=self),
        )
        jwk: pulumi.Output[dict[str, str]] = told.public_keys.apply(
            lambda keys: jwk_from_pem(keys[0].pem, algorithm)
        )
        return jwk
