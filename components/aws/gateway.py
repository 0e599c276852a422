"""Gateways on AWS, an environment's or a service's: made anew, attached to, or none."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi

from components.aws import names
from components.aws.guard import FunctionBackend, Guard, Target, UrlBackend
from components.aws.http_gateway import (
    HttpAuthorizerArgs,
    HttpGateway,
    HttpGatewayArgs,
    http_authorizer,
)
from components.aws.rest_gateway import (
    KINDS,
    RestAuthorizerArgs,
    RestGateway,
    RestGatewayArgs,
    rest_authorizer,
)
from components.aws.settings import ApiChoice, AwsSettings
from components.aws.shared import Shared


@dataclass(frozen=True, kw_only=True)
class GatewayArgs:
    """What gateways are made from."""

    environment: str
    service: str
    """Empty for the environment's own."""
    aws: AwsSettings
    account_id: pulumi.Input[str]
    guard: Guard
    shared: Shared

    @property
    def title(self) -> str:
        """What the APIs are called."""
        return names.gateway(self.environment, self.service)


class Gateway(pulumi.ComponentResource):
    """The HTTP API and the REST API as the settings ask for them, with their backend."""

    urls: Mapping[str, pulumi.Output[str]]
    """Addresses to call: `http`, `rest-token`, `rest-request`, as far as they are ours."""
    attached: Mapping[str, Any]
    """For each API that was attached to: its authorizers' ids and what its owner has to do."""

    def __init__(
        self, name: str, args: GatewayArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("signet:aws:Gateway", name, None, opts)
        choices = (args.aws.http_api, args.aws.rest_api)
        created = any(choice.mode == "create" for choice in choices)
        backend = _backend(args) if created else None
        self.urls = {
            **self._created_http(name, args, backend),
            **self._created_rest(name, args, backend),
        }
        self.attached = {
            **self._attached_http(name, args),
            **self._attached_rest(name, args),
        }
        self.register_outputs({"urls": self.urls, "attached": self.attached})

    def _created_http(
        self, name: str, args: GatewayArgs, backend: Target | None
    ) -> dict[str, pulumi.Output[str]]:
        if backend is None or args.aws.http_api.mode != "create":
            return {}
        gateway = HttpGateway(
            f"{name}-http",
            HttpGatewayArgs(
                environment=args.environment,
                title=args.title,
                region=args.aws.region,
                guard=args.guard,
                backend=backend,
                access_log=args.shared.access_log.arn,
                endpoint=args.aws.endpoint,
            ),
            pulumi.ResourceOptions(parent=self),
        )
        return {"http": gateway.url}

    def _created_rest(
        self, name: str, args: GatewayArgs, backend: Target | None
    ) -> dict[str, pulumi.Output[str]]:
        if backend is None or args.aws.rest_api.mode != "create":
            return {}
        gateway = RestGateway(
            f"{name}-rest",
            RestGatewayArgs(
                environment=args.environment,
                region=args.aws.region,
                guard=args.guard,
                backend=backend,
                access_log=args.shared.access_log.arn if args.aws.rest_access_logs else None,
                endpoint=args.aws.endpoint,
            ),
            pulumi.ResourceOptions(parent=self),
        )
        return {f"rest-{kind.lower()}": url for kind, url in gateway.urls.items()}

    def _attached_http(self, name: str, args: GatewayArgs) -> dict[str, Any]:
        choice = args.aws.http_api
        if choice.mode != "attach":
            return {}
        authorizer_id = http_authorizer(
            f"{name}-http",
            HttpAuthorizerArgs(
                api_id=choice.api_id,
                execution_arn=_execution_arn(args, choice),
                guard=args.guard,
            ),
            pulumi.ResourceOptions(parent=self),
        )
        return {
            "http": {
                "apiId": choice.api_id,
                "authorizers": {"http": authorizer_id},
                "instructions": "Set authorizationType CUSTOM and this authorizerId on every "
                "route, $default included; a route without it is open.",
            }
        }

    def _attached_rest(self, name: str, args: GatewayArgs) -> dict[str, Any]:
        choice = args.aws.rest_api
        if choice.mode != "attach":
            return {}
        authorizers = {
            f"rest-{kind.lower()}": rest_authorizer(
                f"{name}-rest-{kind.lower()}",
                RestAuthorizerArgs(
                    api_id=choice.api_id,
                    execution_arn=_execution_arn(args, choice),
                    guard=args.guard,
                    kind=kind,
                ),
                pulumi.ResourceOptions(parent=self),
            )
            for kind in KINDS
        }
        return {
            "rest": {
                "apiId": choice.api_id,
                "authorizers": authorizers,
                "instructions": "Set authorizationType CUSTOM and one of these authorizerIds on "
                "every method, then deploy the stage again; a method without it is open.",
            }
        }


def _backend(args: GatewayArgs) -> Target:
    chosen = args.aws.backend
    if chosen.kind == "url":
        return UrlBackend(url=chosen.target)
    return FunctionBackend(
        arn=chosen.target if chosen.kind == "lambda" else args.shared.demo_backend
    )


def _execution_arn(args: GatewayArgs, choice: ApiChoice) -> pulumi.Output[str]:
    return pulumi.Output.from_input(args.account_id).apply(
        lambda account: names.execution_arn(choice.api_id, account, args.aws.region)
    )
