"""One generation of a key ring as an AWS KMS key."""

from dataclasses import dataclass
from typing import Final

import pulumi
import pulumi_aws as aws

from components.aws.tags import key_tags
from signet.documents import jwk_from_pem
from signet.key_ring import Generation

_EC_SPECS: Final = {"ES256": "ECC_NIST_P256"}


def key_spec(algorithm: str, key_size: int) -> str:
    """Return the KMS key spec for a JWS algorithm and a key size in bits.

    The size counts for RSA alone; an elliptic curve is given by the algorithm (RFC 7518 section
    3.4).
    """
    return _EC_SPECS.get(algorithm) or f"RSA_{key_size}"


@dataclass(frozen=True, kw_only=True)
class SigningKeyArgs:
    """What a signing key is made from."""

    environment: str
    ring: str
    generation: Generation
    policy: pulumi.Input[str]
    """The key policy (`components.aws.policies.signing_key`)."""
    deletion_days: int
    """KMS's own waiting time, 7 to 30 days, after the key is given up."""
    protect: bool
    """Guard the key, for as long as it is published, from deletion and replacement."""
    adopt: str | None = None
    """Id of a key that an interrupted run made for this generation and did not record."""


class SigningKey(pulumi.ComponentResource):
    """One asymmetric KMS key, named by its generation's number, which is never reused."""

    key_id: pulumi.Output[str]
    """KMS's id of the key."""
    arn: pulumi.Output[str]
    """The key's ARN, which is also how issuers name it."""
    jwk: pulumi.Output[dict[str, str]] | None
    """The public half with its `kid`; None once the generation is no longer published, because
    KMS hands out no public key of a disabled key (API reference of GetPublicKey)."""

    def __init__(
        self, name: str, args: SigningKeyArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("signet:aws:SigningKey", name, None, opts)
        generation = args.generation
        guarded = args.protect and generation.published
        key = aws.kms.Key(
            f"{name}-key",
            description=f"Signet {args.environment}: key ring {args.ring}, "
            f"generation {generation.number}",
            customer_master_key_spec=key_spec(generation.algorithm, generation.key_size),
            key_usage="SIGN_VERIFY",
            is_enabled=generation.enabled,
            deletion_window_in_days=args.deletion_days,
            policy=args.policy,
            tags=key_tags(args.environment, args.ring, generation.number),
            opts=pulumi.ResourceOptions(
                parent=self, protect=guarded, retain_on_delete=guarded, import_=args.adopt
            ),
        )
        self.key_id = key.key_id
        self.arn = key.arn
        self.jwk = self._public_half(key, generation.algorithm) if generation.enabled else None
        self.register_outputs({"keyId": self.key_id, "arn": self.arn, "jwk": self.jwk})

    def _public_half(self, key: aws.kms.Key, algorithm: str) -> pulumi.Output[dict[str, str]]:
        public = aws.kms.get_public_key_output(
            key_id=key.key_id, opts=pulumi.InvokeOutputOptions(parent=self)
        )
        jwk: pulumi.Output[dict[str, str]] = public.public_key_pem.apply(
            lambda pem: jwk_from_pem(pem, algorithm)
        )
        return jwk
