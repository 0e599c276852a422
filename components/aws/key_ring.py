"""A key ring's generations on AWS, and the one role that may sign with them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi
import pulumi_aws as aws

from components.aws import names, policies
from components.aws.signing_key import SigningKey, SigningKeyArgs
from components.aws.tags import environment_tags
from signet.key_ring import Generation


@dataclass(frozen=True, kw_only=True)
class KeyRingArgs:
    """What a ring's part on AWS is made from."""

    environment: str
    ring: str
    generations: Sequence[Generation]
    """Those of the ring whose cloud is AWS and whose KMS key is to exist; at least one."""
    administrators: Sequence[pulumi.Input[str]]
    """ARNs that manage the keys; none of them may sign."""
    issuer_principals: Sequence[str]
    """ARNs that may assume the issuer role."""
    account_root: pulumi.Input[str]
    """The account's own principal."""
    service_role: pulumi.Input[str] = ""
    """ARN of the token service's role, which may assume it too; empty where there is none."""
    deletion_days: int
    protect: bool
    adopt: Mapping[int, str] = field(default_factory=dict)
    """By generation number: the id of a KMS key to adopt."""


class KeyRing(pulumi.ComponentResource):
    """An issuer role, a KMS key for each generation, and the right to sign with just those."""

    issuer_role_arn: pulumi.Output[str]
    """The role that issuers assume."""
    keys: Mapping[int, SigningKey]
    """The signing keys by generation number."""

    def __init__(
        self, name: str, args: KeyRingArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("signet:aws:KeyRing", name, None, opts)
        own = pulumi.ResourceOptions(parent=self)
        role = aws.iam.Role(
            f"{name}-issuer",
            name=names.issuer_role(args.environment, args.ring),
            description=f"Signs tokens of the key ring {args.ring} through KMS, and nothing else",
            # A policy that a killed run put and did not record would keep it from going.
            force_detach_policies=True,
            assume_role_policy=pulumi.Output.all(args.account_root, args.service_role).apply(
                lambda both: policies.assumable_by_principals(
                    args.issuer_principals, account_root=both[0], role=both[1]
                )
            ),
            tags=environment_tags(args.environment),
            opts=own,
        )
        key_policy = pulumi.Output.all(role.arn, *args.administrators).apply(
            lambda arns: policies.signing_key(administrators=arns[1:], signers=arns[:1])
        )
        self.issuer_role_arn = role.arn
        self.keys = {
            generation.number: SigningKey(
                f"{name}-{generation.number}",
                SigningKeyArgs(
                    environment=args.environment,
                    ring=args.ring,
                    generation=generation,
                    policy=key_policy,
                    deletion_days=args.deletion_days,
                    protect=args.protect,
                    adopt=args.adopt.get(generation.number),
                ),
                own,
            )
            for generation in args.generations
        }
        aws.iam.RolePolicy(
            f"{name}-issuer-rights",
            name="sign",
            role=role.name,
            policy=pulumi.Output.all(*(key.arn for key in self.keys.values())).apply(
                policies.issuer
            ),
            opts=own,
        )
        self.register_outputs({"issuerRoleArn": self.issuer_role_arn})
