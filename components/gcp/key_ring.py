"""A key ring's generations on Google Cloud, and the one account that may sign with them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi
from pulumi_gcp import kms, serviceaccount

from components.gcp import names
from components.gcp.labels import ring_labels
from components.gcp.settings import GcpSettings
from components.gcp.signing_key import SigningKey, SigningKeyArgs, kms_algorithm
from signet.key_ring import Generation


@dataclass(frozen=True, kw_only=True)
class KeyRingArgs:
    """What a ring's part on Google Cloud is made from."""

    environment: str
    ring: str
    gcp: GcpSettings
    generations: Sequence[Generation]
    """Those of the ring whose cloud is Google's and whose version is to exist; at least one."""
    destruction_days: int
    """How long a version waits, restorable, before it is destroyed."""
    protect: bool
    google_ring: pulumi.Input[str]
    """Resource name of the key ring that holds the keys of all our rings."""
    exists: bool
    """Whether its key is there already."""
    adopt: Mapping[int, str] = field(default_factory=dict)
    """By generation number: the name of a version to adopt."""


class KeyRing(pulumi.ComponentResource):
    """A Cloud KMS key with a version for each generation, and a service account that signs.

    Google never deletes a key: one that is there already is taken over.
    """

    issuer_email: pulumi.Output[str]
    """The service account that issuers impersonate."""
    keys: Mapping[int, SigningKey]
    """The signing keys by generation number."""

    def __init__(
        self, name: str, args: KeyRingArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("signet:gcp:KeyRing", name, None, opts)
        own = pulumi.ResourceOptions(parent=self)
        key = self._key(name, args)
        issuer = serviceaccount.Account(
            f"{name}-issuer",
            account_id=names.account_id(args.environment, f"{args.ring}-issuer"),
            project=args.gcp.project,
            display_name=f"Signet {args.environment}: signs for the ring {args.ring}",
            opts=own,
        )
        for role in ("signer", "publicKeyViewer"):
            kms.CryptoKeyIAMMember(
                f"{name}-issuer-{role}",
                crypto_key_id=key.id,
                role=f"roles/cloudkms.{role}",
                member=issuer.member,
                opts=own,
            )
        for number, principal in enumerate(args.gcp.issuer_principals):
            serviceaccount.IAMMember(
                f"{name}-issuer-user-{number}",
                service_account_id=issuer.name,
                role="roles/iam.serviceAccountTokenCreator",
                member=principal,
                opts=own,
            )
        self.issuer_email = issuer.email
        self.keys = {
            generation.number: SigningKey(
                f"{name}-{generation.number}",
                SigningKeyArgs(
                    generation=generation,
                    crypto_key=key.id,
                    protect=args.protect,
                    adopt=args.adopt.get(generation.number),
                ),
                own,
            )
            for generation in args.generations
        }
        self.register_outputs({"issuerEmail": self.issuer_email})

    def _key(self, name: str, args: KeyRingArgs) -> kms.CryptoKey:
        gcp, newest = args.gcp, max(args.generations, key=lambda each: each.number)
        guarded = args.protect and any(each.published for each in args.generations)
        return kms.CryptoKey(
            f"{name}-crypto-key",
            name=args.ring,
            key_ring=args.google_ring,
            purpose="ASYMMETRIC_SIGN",
            version_template={
                "algorithm": kms_algorithm(newest.algorithm, newest.key_size),
                "protection_level": gcp.key_protection,
            },
            skip_initial_version_creation=True,
            destroy_scheduled_duration=f"{args.destruction_days * 86_400}s",
            deletion_policy="PREVENT" if args.protect else "DELETE",
            labels=ring_labels(args.environment, args.ring),
            opts=pulumi.ResourceOptions(
                parent=self,
                # Its last versions end with its service; the key itself Google keeps for good.
                protect=guarded,
                retain_on_delete=args.protect,
                import_=names.crypto_key(gcp.ring_name, args.ring) if args.exists else None,
                # They count when a key is made; one that is taken over is as it is.
                ignore_changes=["skipInitialVersionCreation", "destroyScheduledDuration"],
            ),
        )
