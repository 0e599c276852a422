"""The stage of an HTTP API of ours, and what is logged of who asked for what."""

import json
from dataclasses import dataclass
from typing import Final

import pulumi
import pulumi_aws as aws

from components.aws.tags import environment_tags

ACCESS_LOG_FORMAT: Final = json.dumps(
    {
        "apiId": "$context.apiId",
        "stage": "$context.stage",
        "requestId": "$context.requestId",
        "time": "$context.requestTime",
        "ip": "$context.identity.sourceIp",
        "method": "$context.httpMethod",
        "path": "$context.path",
        "status": "$context.status",
        "authorizerStatus": "$context.authorizer.status",
        "authorizerError": "$context.authorizer.error",
        "integrationStatus": "$context.integrationStatus",
        "latency": "$context.responseLatency",
    },
    sort_keys=True,
)
"""What a gateway logs of each request, in one place with others: nothing that a token or a query
string is part of."""


@dataclass(frozen=True, kw_only=True)
class HttpStageArgs:
    """What a stage is made from."""

    environment: str
    api_id: pulumi.Input[str]
    access_log: pulumi.Input[str]
    """ARN of the log group that tells who asked for what."""
    per_second: int | None = None
    """Requests that are let through in all, as many at once; None: the account's own limit."""


def http_stage(name: str, args: HttpStageArgs, opts: pulumi.ResourceOptions) -> None:
    """Declare it: every change of the API counts at once. `opts` name the routes to wait for."""
    aws.apigatewayv2.Stage(
        f"{name}-stage",
        api_id=args.api_id,
        name="$default",
        auto_deploy=True,
        access_log_settings={"destination_arn": args.access_log, "format": ACCESS_LOG_FORMAT},
        default_route_settings=None
        if args.per_second is None
        else {
            "throttling_rate_limit": float(args.per_second),
            "throttling_burst_limit": args.per_second,
        },
        tags=environment_tags(args.environment),
        opts=opts,
    )
