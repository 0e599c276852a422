"""A REST API that asks the validator, by a TOKEN authorizer on one path and a REQUEST one on
another."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

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
from components.aws.http_stage import ACCESS_LOG_FORMAT
from components.aws.tags import environment_tags
from components.moved import moved_from
from components.passed_on import IDENTITY_HEADERS
from signet.documents import canonical

AuthorizerKind = Literal["TOKEN", "REQUEST"]

KINDS: Final[tuple[AuthorizerKind, ...]] = ("TOKEN", "REQUEST")
STAGE: Final = "live"

_REST_LOG_FORMAT: Final = ACCESS_LOG_FORMAT.replace(
    "$context.integrationStatus", "$context.integration.status"
)


@dataclass(frozen=True, kw_only=True)
class RestGatewayArgs:
    """What a REST API is made from."""

    environment: str
    region: str
    guard: Guard
    backend: Target
    access_log: pulumi.Input[str] | None
    """ARN of the log group that tells who asked for what; None for no such log. It needs the
    account's CloudWatch role, which is one setting for a whole account and region."""
    endpoint: str | None
    """The sandbox's address; None outside it."""


@dataclass(frozen=True, kw_only=True)
class RestAuthorizerArgs:
    """What an authorizer on a REST API is made from."""

    api_id: pulumi.Input[str]
    execution_arn: pulumi.Input[str]
    guard: Guard
    kind: AuthorizerKind


def rest_authorizer(
    name: str, args: RestAuthorizerArgs, opts: pulumi.ResourceOptions
) -> pulumi.Output[str]:
    """Declare a Lambda authorizer with the right to call the validator; return its id.

    Answers are kept only where settings say so, and never those of a TOKEN authorizer: the token is
    their only key, and a policy for one method would refuse a good token at the next.
    """
    before = pulumi.create_urn(name, "signet:aws:RestAuthorizer", parent=opts.parent)
    cached = args.guard.result_cache if args.kind == "REQUEST" else 0
    authorizer = aws.apigateway.Authorizer(
        f"{name}-authorizer",
        rest_api=args.api_id,
        name=f"signet-{args.kind.lower()}",
        type=args.kind,
        authorizer_uri=args.guard.invoke_arn,
        authorizer_result_ttl_in_seconds=cached,
        identity_source=",".join(
            [
                "method.request.header.Authorization",
                *(["context.httpMethod", "context.path"] if cached else ()),
            ]
        ),
        opts=moved_from(opts, before, f"{name}-authorizer"),
    )
    return allow_authorizer(
        f"{name}-permission",
        args.guard,
        args.execution_arn,
        authorizer.id,
        moved_from(opts, before, f"{name}-permission"),
    )


class RestGateway(pulumi.ComponentResource):
    """A REST API of our own: `/token` and `/request`, each with everything below it, guarded.

    What is outside the two paths does not exist, and the gateway answers 403 to it.
    """

    urls: Mapping[AuthorizerKind, pulumi.Output[str]]
    """Address of the path that each kind of authorizer guards."""
    authorizer_ids: Mapping[AuthorizerKind, pulumi.Output[str]]
    """Ids of the authorizers."""

    def __init__(
        self, name: str, args: RestGatewayArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("signet:aws:RestGateway", name, None, opts)
        own = pulumi.ResourceOptions(parent=self)
        api = aws.apigateway.RestApi(
            f"{name}-api",
            name=f"signet-{args.environment}",
            description=f"Guarded by Signet ({args.environment})",
            endpoint_configuration={"types": "REGIONAL"},
            tags=environment_tags(args.environment),
            opts=own,
        )
        if isinstance(args.backend, FunctionBackend):
            allow_backend(f"{name}-backend-permission", args.backend, api.execution_arn, own)
        self.authorizer_ids = {}
        self.urls = {}
        guarded: list[_Guarded] = []
        for kind in KINDS:
            authorizer_id = rest_authorizer(
                f"{name}-{kind.lower()}",
                RestAuthorizerArgs(
                    api_id=api.id,
                    execution_arn=api.execution_arn,
                    guard=args.guard,
                    kind=kind,
                ),
                own,
            )
            self.authorizer_ids[kind] = authorizer_id
            guarded += self._path(name, args, api, kind, authorizer_id)
            self.urls[kind] = pulumi.Output.all(api.id, kind.lower()).apply(
                lambda both: _url(both[0], both[1], args)
            )
        self._deploy(name, args, api, guarded)
        self.register_outputs({"urls": self.urls, "authorizerIds": self.authorizer_ids})

    def _path(
        self,
        name: str,
        args: RestGatewayArgs,
        api: aws.apigateway.RestApi,
        kind: AuthorizerKind,
        authorizer_id: pulumi.Output[str],
    ) -> list["_Guarded"]:
        own = pulumi.ResourceOptions(parent=self)
        path = kind.lower()
        top = aws.apigateway.Resource(
            f"{name}-{path}-top",
            rest_api=api.id,
            parent_id=api.root_resource_id,
            path_part=path,
            opts=own,
        )
        below = aws.apigateway.Resource(
            f"{name}-{path}-below",
            rest_api=api.id,
            parent_id=top.id,
            path_part="{proxy+}",
            opts=own,
        )
        return [
            self._guarded(f"{name}-{path}-top", args, api, top, authorizer_id, proxy=False),
            self._guarded(f"{name}-{path}-below", args, api, below, authorizer_id, proxy=True),
        ]

    def _guarded(
        self,
        name: str,
        args: RestGatewayArgs,
        api: aws.apigateway.RestApi,
        resource: aws.apigateway.Resource,
        authorizer_id: pulumi.Output[str],
        *,
        proxy: bool,
    ) -> "_Guarded":
        passes_path = proxy and isinstance(args.backend, UrlBackend)
        method = aws.apigateway.Method(
            f"{name}-method",
            rest_api=api.id,
            resource_id=resource.id,
            http_method="ANY",
            authorization="CUSTOM",
            authorizer_id=authorizer_id,
            request_parameters={"method.request.path.proxy": True} if passes_path else None,
            opts=pulumi.ResourceOptions(parent=self),
        )
        definition = _integration(args, proxy=proxy)
        integration = aws.apigateway.Integration(
            f"{name}-integration",
            rest_api=api.id,
            resource_id=resource.id,
            http_method=method.http_method,
            **definition,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[method]),
        )
        said = pulumi.Output.all(resource.id, authorizer_id, method.id, integration.id, definition)
        return _Guarded(integration, said)

    def _deploy(
        self,
        name: str,
        args: RestGatewayArgs,
        api: aws.apigateway.RestApi,
        guarded: list["_Guarded"],
    ) -> None:
        """A deployment is a snapshot: it is made anew whenever what it shows has changed."""
        definition = pulumi.Output.all(*(part.said for part in guarded)).apply(_digest)
        deployment = aws.apigateway.Deployment(
            f"{name}-deployment",
            rest_api=api.id,
            triggers={"definition": definition},
            opts=pulumi.ResourceOptions(
                parent=self, depends_on=[part.integration for part in guarded]
            ),
        )
        aws.apigateway.Stage(
            f"{name}-stage",
            rest_api=api.id,
            deployment=deployment.id,
            stage_name=STAGE,
            access_log_settings=None
            if args.access_log is None
            else {"destination_arn": args.access_log, "format": _REST_LOG_FORMAT},
            tags=environment_tags(args.environment),
            opts=pulumi.ResourceOptions(parent=self),
        )


@dataclass(frozen=True)
class _Guarded:
    """One guarded method, and everything that a deployment's snapshot holds of it."""

    integration: aws.apigateway.Integration
    said: pulumi.Output[list[Any]]


def _url(api_id: str, path: str, args: RestGatewayArgs) -> str:
    return names.rest_api_url(api_id, args.region, STAGE, path, args.endpoint)


def _digest(parts: list[Any]) -> str:
    return hashlib.sha256(canonical(parts).encode()).hexdigest()


def _integration(args: RestGatewayArgs, *, proxy: bool) -> dict[str, Any]:
    if isinstance(args.backend, UrlBackend):
        path = {"integration.request.path.proxy": "method.request.path.proxy"} if proxy else {}
        return {
            "type": "HTTP_PROXY",
            "integration_http_method": "ANY",
            "uri": f"{args.backend.url}/{{proxy}}" if proxy else args.backend.url,
            "request_parameters": {**identity_parameters(), **path},
        }
    return {
        "type": "AWS_PROXY",
        "integration_http_method": "POST",
        "uri": pulumi.Output.from_input(args.backend.arn).apply(
            lambda arn: names.invoke_uri(arn, args.region)
        ),
    }


def identity_parameters() -> dict[str, str]:
    """Return the mapping that sets every identity header from the authorizer's context (AWS, "API
    Gateway API request and response data mapping reference")."""
    return {
        f"integration.request.header.{header}": f"context.authorizer.{key}"
        for header, key in IDENTITY_HEADERS.items()
    }
