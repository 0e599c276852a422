"""The token service on AWS: a Lambda function behind an HTTP API of its own, open to everybody.

Nothing guards the route, because the platform's token in the form is what proves who asks. The
function may do three things: write its log, take on the issuer's role, and add a used token to a
bucket that only grows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pulumi
import pulumi_aws as aws

from components.aws import names, policies
from components.aws.function_role import FunctionRole, FunctionRoleArgs
from components.aws.http_stage import HttpStageArgs, http_stage
from components.aws.log_group import LogGroupArgs, log_group
from components.aws.monitoring import alarm, count_lines
from components.aws.settings_layer import reported_hash, settings_layer
from components.aws.tags import environment_tags
from components.aws.used_tokens import UsedTokens, UsedTokensArgs
from components.token_service_part import TokenServicePart
from components.validator_settings import settings_hash
from signet.signals import Signal
from signet.token_service import FILE_NAME, HASH_VARIABLE

HANDLER: Final = "signet.issuing.exchange.aws_lambda.handler"
ROUTE: Final = "POST /token"

SIGNATURES: Final = 200
"""Tokens a second of all instances: less than half of the RSA signatures that AWS KMS makes for an
account and region (500 to 1,000; unsure, see Service Quotas)."""
REQUESTS: Final = 10
"""Requests a second that Lambda gives one instance at most, those that are refused among them (AWS
Compute Blog, "Understanding AWS Lambda's invoke throttling limits")."""
TOKENS: Final = REQUESTS // 2
"""Tokens a second of one instance: so there is room to refuse as much again in our own words."""
_UNBOUNDED: Final = 1_000
"""Instances that an account has in a region, where none are reserved (Lambda quotas)."""
_TIMEOUT_SECONDS: Final = 10
"""The service gives up after 5 s; a cold start with AWS's SDK takes about one more."""
_MEMORY: Final = 512


@dataclass(frozen=True, kw_only=True)
class TokenServiceArgs:
    """What a token service is made from."""

    environment: str
    region: str
    account_id: str
    """The account that must be deployed to; empty: whichever the credentials belong to."""
    python: str
    bundle: Path
    settings: pulumi.Output[str]
    """Text of the settings artefact, known once every validator is deployed."""
    issuer_role_arns: pulumi.Output[list[str]]
    """The roles that it may take on to sign."""
    bucket: str
    """Where used tokens are remembered."""
    instances: int
    """Reserved concurrent executions; 0 reserves none and limits none."""
    log_days: int
    endpoint: str | None
    """The sandbox's address; None outside it."""
    signals: Sequence[Signal]
    topic: str
    """ARN of an SNS topic that alarms go to; empty: their state is all that there is."""


class TokenService(TokenServicePart):
    """Function, settings, role, API, and the bucket of used tokens."""

    def __init__(
        self, name: str, args: TokenServiceArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        provider = aws.Provider(
            f"{name}-provider",
            region=args.region,
            allowed_account_ids=[args.account_id] if args.account_id else None,
            opts=opts,
        )
        super().__init__("signet:aws:TokenService", name, provider, opts)
        function_name = names.token_service(args.environment)
        role = self._role(name, args, function_name)
        layer = aws.lambda_.LayerVersion(
            f"{name}-settings",
            layer_name=f"{function_name}-settings",
            description="Settings of a Signet token service; its own hash is in the function",
            compatible_runtimes=[f"python{args.python}"],
            code=args.settings.apply(lambda text: settings_layer(text, FILE_NAME)),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.settings_sha256 = args.settings.apply(settings_hash)
        function = aws.lambda_.Function(
            f"{name}-function",
            name=function_name,
            description=f"Signet token service of {args.environment}",
            role=role.role_arn,
            runtime=f"python{args.python}",
            architectures=["x86_64"],
            handler=HANDLER,
            code=pulumi.FileArchive(str(args.bundle)),
            layers=[layer.arn],
            environment={"variables": {HASH_VARIABLE: self.settings_sha256}},
            memory_size=_MEMORY,
            timeout=_TIMEOUT_SECONDS,
            reserved_concurrent_executions=args.instances or None,
            tags=environment_tags(args.environment),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[role]),
        )
        for signal in args.signals:
            what = f"{name}-{signal.name}"
            own = pulumi.ResourceOptions(parent=self)
            count_lines(what, args.environment, role.log_group_name, signal, own)
            alarm(what, args.environment, args.topic, signal, own)
        self.url = self._api(name, args, function)
        self.function_name = function.name
        self.log_group_name = role.log_group_name
        self.reported_sha256 = function.environment.apply(reported_hash)
        self._finish()

    def _role(self, name: str, args: TokenServiceArgs, function_name: str) -> FunctionRole:
        own = pulumi.ResourceOptions(parent=self)
        used = UsedTokens(
            f"{name}-used",
            UsedTokensArgs(
                environment=args.environment,
                bucket=args.bucket,
                region=args.region,
            ),
            own,
        )
        role = FunctionRole(
            f"{name}-run",
            FunctionRoleArgs(
                environment=args.environment,
                role=function_name,
                runs=f"the function {function_name}",
                log_days=args.log_days,
            ),
            own,
        )
        aws.iam.RolePolicy(
            f"{name}-exchange",
            name="exchange",
            role=role.role_arn.apply(lambda arn: arn.rpartition("/")[2]),
            policy=pulumi.Output.all(args.issuer_role_arns, used.objects_arn).apply(
                lambda both: policies.token_service(issuer_roles=both[0], used_tokens=both[1])
            ),
            opts=own,
        )
        return role

    def _api(
        self, name: str, args: TokenServiceArgs, function: aws.lambda_.Function
    ) -> pulumi.Output[str]:
        own = pulumi.ResourceOptions(parent=self)
        api = aws.apigatewayv2.Api(
            f"{name}-api",
            name=names.token_service(args.environment),
            protocol_type="HTTP",
            description=f"Signet token service of {args.environment}",
            tags=environment_tags(args.environment),
            opts=own,
        )
        permission = aws.lambda_.Permission(
            f"{name}-permission",
            action="lambda:InvokeFunction",
            function=function.name,
            principal="apigateway.amazonaws.com",
            source_arn=pulumi.Output.format("{0}/*/*/token", api.execution_arn),
            opts=own,
        )
        integration = aws.apigatewayv2.Integration(
            f"{name}-integration",
            api_id=api.id,
            integration_type="AWS_PROXY",
            integration_uri=function.arn.apply(lambda arn: names.invoke_uri(arn, args.region)),
            integration_method="POST",
            payload_format_version="2.0",
            opts=own,
        )
        route = aws.apigatewayv2.Route(
            f"{name}-route",
            api_id=api.id,
            route_key=ROUTE,
            authorization_type="NONE",
            target=integration.id.apply(lambda it: f"integrations/{it}"),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[permission]),
        )
        access = log_group(
            f"{name}-access",
            LogGroupArgs(
                environment=args.environment,
                name=names.access_log(args.environment, "token-service"),
                days=args.log_days,
            ),
            own,
        )
        http_stage(
            name,
            HttpStageArgs(
                environment=args.environment,
                api_id=api.id,
                access_log=access.arn,
                # Above this Lambda refuses, and an HTTP API makes that a 500 or 503.
                per_second=REQUESTS * (args.instances or _UNBOUNDED),
            ),
            pulumi.ResourceOptions(parent=self, depends_on=[route]),
        )
        url: pulumi.Output[str] = api.id.apply(
            lambda it: f"{names.http_api_url(it, args.region, args.endpoint)}/token"
        )
        return url
