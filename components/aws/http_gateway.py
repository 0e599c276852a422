"""An HTTP API that asks the validator about every request, whatever its route."""

from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from components.aws import names
from components.aws.guard import (
    FunctionBackend,
    Guard,
    Target,
    UrlBackend,
    allow_authorizer,
    allow_backend,
)
from components.aws.http_stage import HttpStageArgs, http_stage
from components.aws.tags import environment_tags
from components.moved import moved_from
from components.passed_on import IDENTITY_HEADERS


@dataclass(frozen=True, kw_only=True)
class HttpGatewayArgs:
    """What an HTTP API is made from."""

    environment: str
    title: str
    """What the API is called."""
    region: str
    guard: Guard
    backend: Target
    access_log: pulumi.Input[str]
    """ARN of the log group that tells who asked for what."""
    endpoint: str | None
    """The sandbox's address; None outside it."""


@dataclass(frozen=True, kw_only=True)
class HttpAuthorizerArgs:
    """What an authorizer on an HTTP API is made from."""

    api_id: pulumi.Input[str]
    execution_arn: pulumi.Input[str]
    guard: Guard


def http_authorizer(
    name: str, args: HttpAuthorizerArgs, opts: pulumi.ResourceOptions
) -> pulumi.Output[str]:
    """Declare a Lambda authorizer, format 2.0, with the right to call the validator; return its id.

    Answers are not kept unless settings say so: an allowed one outlives its token and a withdrawn
    key. One that is kept counts for its own method and path alone, because a simple answer names
    neither, and a policy kept for another path would refuse it (AWS, "Control access to HTTP APIs
    with AWS Lambda authorizers", caching).
    """
    before = pulumi.create_urn(name, "signet:aws:HttpAuthorizer", parent=opts.parent)
    authorizer = aws.apigatewayv2.Authorizer(
        f"{name}-authorizer",
        api_id=args.api_id,
        name="signet",
        authorizer_type="REQUEST",
        authorizer_uri=args.guard.invoke_arn,
        authorizer_payload_format_version="2.0",
        enable_simple_responses=args.guard.answers_simply,
        authorizer_result_ttl_in_seconds=args.guard.result_cache,
        identity_sources=[
            "$request.header.Authorization",
            *(["$context.httpMethod", "$context.path"] if args.guard.result_cache else ()),
        ],
        opts=moved_from(opts, before, f"{name}-authorizer"),
    )
    return allow_authorizer(
        f"{name}-permission",
        args.guard,
        args.execution_arn,
        authorizer.id,
        moved_from(opts, before, f"{name}-permission"),
    )


class HttpGateway(pulumi.ComponentResource):
    """An HTTP API of our own: every route, `$default` included, is guarded."""

    url: pulumi.Output[str]
    """Address of the API."""
    authorizer_id: pulumi.Output[str]
    """Id of its authorizer."""

    def __init__(
        self, name: str, args: HttpGatewayArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("signet:aws:HttpGateway", name, None, opts)
        own = pulumi.ResourceOptions(parent=self)
        tags = environment_tags(args.environment)
        api = aws.apigatewayv2.Api(
            f"{name}-api",
            name=args.title,
            protocol_type="HTTP",
            description=f"Guarded by Signet ({args.environment})",
            tags=tags,
            opts=own,
        )
        self.authorizer_id = http_authorizer(
            name,
            HttpAuthorizerArgs(api_id=api.id, execution_arn=api.execution_arn, guard=args.guard),
            own,
        )
        routes = self._routes(name, args, api, self.authorizer_id)
        http_stage(
            name,
            HttpStageArgs(
                environment=args.environment,
                api_id=api.id,
                access_log=args.access_log,
            ),
            pulumi.ResourceOptions(parent=self, depends_on=routes),
        )
        self.url = api.id.apply(lambda it: names.http_api_url(it, args.region, args.endpoint))
        self.register_outputs({"url": self.url, "authorizerId": self.authorizer_id})

    def _routes(
        self,
        name: str,
        args: HttpGatewayArgs,
        api: aws.apigatewayv2.Api,
        authorizer_id: pulumi.Output[str],
    ) -> list[pulumi.Resource]:
        own = pulumi.ResourceOptions(parent=self)
        if isinstance(args.backend, FunctionBackend):
            allow_backend(f"{name}-backend-permission", args.backend, api.execution_arn, own)
        made: list[pulumi.Resource] = []
        for suffix, route_key, definition in _integrations(args):
            integration = aws.apigatewayv2.Integration(
                f"{name}-{suffix}-integration", api_id=api.id, **definition, opts=own
            )
            made.append(
                aws.apigatewayv2.Route(
                    f"{name}-{suffix}-route",
                    api_id=api.id,
                    route_key=route_key,
                    authorization_type="CUSTOM",
                    authorizer_id=authorizer_id,
                    target=integration.id.apply(lambda it: f"integrations/{it}"),
                    opts=own,
                )
            )
        return made


def _integrations(args: HttpGatewayArgs) -> list[tuple[str, str, dict[str, Any]]]:
    """Return name, route key and definition of each integration; the last route takes the rest."""
    if isinstance(args.backend, UrlBackend):
        common = {
            "integration_type": "HTTP_PROXY",
            "integration_method": "ANY",
            "payload_format_version": "1.0",
            "request_parameters": identity_parameters(),
        }
        path = {**common, "integration_uri": f"{args.backend.url}/{{proxy}}"}
        root = {**common, "integration_uri": args.backend.url}
        return [("path", "ANY /{proxy+}", path), ("default", "$default", root)]
    function = {
        "integration_type": "AWS_PROXY",
        "integration_uri": pulumi.Output.from_input(args.backend.arn).apply(
            lambda arn: names.invoke_uri(arn, args.region)
        ),
        "integration_method": "POST",
        "payload_format_version": "2.0",
    }
    return [("default", "$default", function)]


def identity_parameters() -> dict[str, str]:
    """Return the parameter mapping that overwrites every identity header (AWS, "Transforming API
    requests and responses for HTTP APIs")."""
    return {
        f"overwrite:header.{header}": f"$context.authorizer.{key}"
        for header, key in IDENTITY_HEADERS.items()
    }
