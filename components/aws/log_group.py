"""A log group of an environment: its retention holds from its first line on."""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.aws.tags import environment_tags


@dataclass(frozen=True, kw_only=True)
class LogGroupArgs:
    """What a log group is made from."""

    environment: str
    name: str
    days: int
    """How long a line is kept."""


def log_group(
    name: str, args: LogGroupArgs, opts: pulumi.ResourceOptions
) -> aws.cloudwatch.LogGroup:
    """Declare it."""
    return aws.cloudwatch.LogGroup(
        name,
        name=args.name,
        retention_in_days=args.days,
        tags=environment_tags(args.environment),
        opts=opts,
    )
