"""What all kinds of gateway share: who guards, what is guarded, and who may call which function."""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.aws import names


@dataclass(frozen=True, kw_only=True)
class Guard:
    """The validator function that a gateway asks."""

    function_name: pulumi.Input[str]
    invoke_arn: pulumi.Input[str]
    result_cache: int = 0
    """Seconds that a gateway may keep an answer; 0 keeps none."""
    answers_simply: bool = True
    """Whether the function gives an HTTP API simple answers; otherwise IAM policies."""


@dataclass(frozen=True, kw_only=True)
class FunctionBackend:
    """A Lambda function behind a gateway; it reads identity from the event's context alone."""

    arn: pulumi.Input[str]


@dataclass(frozen=True, kw_only=True)
class UrlBackend:
    """An HTTPS service behind a gateway; it reads identity from headers (`passed_on`)."""

    url: str
    """Without a slash at its end."""


Target = FunctionBackend | UrlBackend


def allow_authorizer(
    name: str,
    guard: Guard,
    execution_arn: pulumi.Input[str],
    authorizer_id: pulumi.Input[str],
    opts: pulumi.ResourceOptions,
) -> pulumi.Output[str]:
    """Let exactly this authorizer of this API call the validator; return its id once it may.

    Routes wait for that: without the permission the gateway answers 500 to a good token.
    """
    permission = aws.lambda_.Permission(
        name,
        action="lambda:InvokeFunction",
        function=guard.function_name,
        principal="apigateway.amazonaws.com",
        source_arn=pulumi.Output.format("{0}/authorizers/{1}", execution_arn, authorizer_id),
        opts=opts,
    )
    return pulumi.Output.all(authorizer_id, permission.id).apply(lambda both: str(both[0]))


def allow_backend(
    name: str,
    backend: FunctionBackend,
    execution_arn: pulumi.Input[str],
    opts: pulumi.ResourceOptions,
) -> aws.lambda_.Permission:
    """Let this API, through any of its routes, call the backend function."""
    parts = pulumi.Output.from_input(backend.arn).apply(names.split_qualifier)
    return aws.lambda_.Permission(
        name,
        action="lambda:InvokeFunction",
        function=parts.apply(lambda both: both[0]),
        qualifier=parts.apply(lambda both: both[1]),
        principal="apigateway.amazonaws.com",
        source_arn=pulumi.Output.format("{0}/*/*", execution_arn),
        opts=opts,
    )
