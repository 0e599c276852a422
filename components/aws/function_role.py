"""What Lambda functions run as: a role with the least rights, and where they log."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import pulumi
import pulumi_aws as aws

from components.aws import policies
from components.aws.log_group import LogGroupArgs, log_group
from components.aws.tags import environment_tags
from components.moved import once_called

OWN_LOG: Final = "run"
"""What the rights of a function with a log group of its own are called."""


@dataclass(frozen=True, kw_only=True)
class FunctionRoleArgs:
    """What a role and, if none is given, its log group are made from."""

    environment: str
    role: str
    """The role's name; a log group of its own is `/aws/lambda/<name>`, as Lambda names it."""
    runs: str
    """What runs as it, in words."""
    log_days: int
    """How long a log group of its own keeps a line."""
    log_group: aws.cloudwatch.LogGroup | None = None
    """Where lines go; None: to a group of its own."""
    rights: str = OWN_LOG
    """What its rights are called."""
    readable_objects: Sequence[str] = ()
    """S3 object ARNs that may be read."""
    formerly: str = ""
    """Name that the component once had, if another; what is below it bore that name too."""


class FunctionRole(pulumi.ComponentResource):
    """A role that may write to one log group and, if told so, read single S3 objects."""

    role_arn: pulumi.Output[str]
    """ARN of the role, once it has its rights."""
    log_group_name: pulumi.Output[str]
    """The log group, made before the first start so that retention always holds."""

    def __init__(
        self, name: str, args: FunctionRoleArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("signet:aws:FunctionRole", name, None, opts)
        own = pulumi.ResourceOptions(parent=self)

        def part(what: str) -> pulumi.ResourceOptions:
            return once_called(own, f"{args.formerly}-{what}") if args.formerly else own

        group = args.log_group or log_group(
            f"{name}-logs",
            LogGroupArgs(
                environment=args.environment, name=f"/aws/lambda/{args.role}", days=args.log_days
            ),
            own,
        )
        role = aws.iam.Role(
            f"{name}-role",
            name=args.role,
            description=f"Runs {args.runs}",
            # A policy that a killed run put and did not record would keep it from going.
            force_detach_policies=True,
            assume_role_policy=policies.assumable_by_lambda(),
            tags=environment_tags(args.environment),
            opts=part("role"),
        )
        objects = tuple(args.readable_objects)
        rights = aws.iam.RolePolicy(
            f"{name}-rights",
            name=args.rights,
            role=role.name,
            policy=group.arn.apply(lambda arn: policies.function(arn, objects)),
            opts=part("rights"),
        )
        # A function that starts before its rights are there would lose its first log lines.
        self.role_arn = pulumi.Output.all(role.arn, rights.id).apply(lambda both: str(both[0]))
        self.log_group_name = group.name
        self.register_outputs({"roleArn": self.role_arn, "logGroupName": self.log_group_name})
