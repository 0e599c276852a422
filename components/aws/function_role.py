"""A Lambda function's own role, with the least rights, and its own log group."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.aws import policies
from components.aws.tags import environment_tags


@dataclass(frozen=True, kw_only=True)
class FunctionRoleArgs:
    """What a function's role and log group are made from."""

    environment: str
    function: str
    """The function's name; its log group is `/aws/lambda/<name>`, as Lambda names it itself."""
    log_days: int
    readable_objects: Sequence[str] = ()
    """S3 object ARNs that the function may read."""


class FunctionRole(pulumi.ComponentResource):
    """A role that may write to one log group and, if told so, read single S3 objects."""

    role_arn: pulumi.Output[str]
    """ARN of the role that the function runs as."""
    log_group_name: pulumi.Output[str]
    """The function's log group, made before its first start so that retention always holds."""

    def __init__(
        self, name: str, args: FunctionRoleArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("signet:aws:FunctionRole", name, None, opts)
        own = pulumi.ResourceOptions(parent=self)
        tags = environment_tags(args.environment)
        log_group = aws.cloudwatch.LogGroup(
            f"{name}-logs",
            name=f"/aws/lambda/{args.function}",
            retention_in_days=args.log_days,
            tags=tags,
            opts=own,
        )
        role = aws.iam.Role(
            f"{name}-role",
            name=args.function,
            description=f"Runs the function {args.function}",
            # A policy that a killed run put and did not record would keep it from going.
            force_detach_policies=True,
            assume_role_policy=policies.assumable_by_lambda(),
            tags=tags,
            opts=own,
        )
        objects = tuple(args.readable_objects)
        rights = aws.iam.RolePolicy(
            f"{name}-rights",
            name="run",
            role=role.name,
            policy=log_group.arn.apply(lambda arn: policies.function(arn, objects)),
            opts=own,
        )
        # A function that starts before its rights are there would lose its first log lines.
        self.role_arn = pulumi.Output.all(role.arn, rights.id).apply(lambda both: str(both[0]))
        self.log_group_name = log_group.name
        self.register_outputs({"roleArn": self.role_arn, "logGroupName": self.log_group_name})
