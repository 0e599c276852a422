"""The validator of one service as a Lambda function."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pulumi
import pulumi_aws as aws

from components.aws import names
from components.aws.settings import HttpAnswers
from components.aws.settings_layer import reported_hash, settings_layer
from components.aws.tags import environment_tags
from components.never_missing import never_missing
from components.validator_settings import HASH_VARIABLE, settings_hash

HANDLER: Final = "validator_functions.aws_lambda.handler.handler"

HTTP_ANSWERS_VARIABLE: Final = "SIGNET_HTTP_API_ANSWER"
"""What tells the handler how HTTP APIs want their answers; without it, simply."""

_TIMEOUT_SECONDS: Final = 5
"""One fetch of at most 1 s on an instance's first decision, a cold start's imports, and room;
an HTTP API gives an authorizer 10 s ("Quotas for HTTP APIs")."""


@dataclass(frozen=True, kw_only=True)
class ValidatorArgs:
    """What a validator is made from."""

    environment: str
    service: str
    python: str
    """Version of the Python runtime, such as 3.12."""
    bundle: Path
    """The reproducible zip; equal bytes make no difference to a deployment."""
    settings: pulumi.Output[str]
    """Text of the settings artefact."""
    memory: int
    """MiB. Lambda gives CPU by memory, a whole CPU at 1,769; a verification needs little of it."""
    concurrency: int
    """Reserved concurrent executions; 0 reserves none."""
    http_answers: HttpAnswers
    role_arn: pulumi.Input[str]
    """What it runs as, with all validators of its key ring."""
    log_group: pulumi.Input[str]
    """Name of the group that its lines go to, with all validators' of the environment."""


class Validator(pulumi.ComponentResource):
    """The bundle as a function, and its settings as a layer beside it."""

    function_name: pulumi.Output[str]
    """The function's name."""
    function_arn: pulumi.Output[str]
    """The function's ARN."""
    invoke_arn: pulumi.Output[str]
    """The URI by which API Gateway calls it."""
    settings_sha256: pulumi.Output[str]
    """The settings hash that this run means it to have."""
    reported_sha256: pulumi.Output[str]
    """The settings hash that the function resource itself reports: an old one if it was skipped."""

    def __init__(
        self, name: str, args: ValidatorArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("signet:aws:Validator", name, None, opts)
        own = pulumi.ResourceOptions(parent=self)
        function_name = names.validator(args.environment, args.service)
        runtime = f"python{args.python}"
        layer = aws.lambda_.LayerVersion(
            f"{name}-settings",
            layer_name=f"{function_name}-settings",
            description="Settings of a Signet validator; its own hash is in the function",
            compatible_runtimes=[runtime],
            code=args.settings.apply(settings_layer),
            opts=own,
        )
        self.settings_sha256 = args.settings.apply(settings_hash)
        function = aws.lambda_.Function(
            f"{name}-function",
            name=function_name,
            description=f"Signet validator of {args.service} in {args.environment}",
            role=args.role_arn,
            runtime=runtime,
            architectures=["x86_64"],
            handler=HANDLER,
            code=pulumi.FileArchive(str(args.bundle)),
            layers=[layer.arn],
            environment={"variables": self._variables(args)},
            # As text, so that each line is the JSON that we wrote, and not that within Lambda's.
            logging_config={"log_format": "Text", "log_group": args.log_group},
            memory_size=args.memory,
            timeout=_TIMEOUT_SECONDS,
            reserved_concurrent_executions=args.concurrency or None,
            tags=environment_tags(args.environment),
            opts=never_missing(own),
        )
        self.function_name = function.name
        self.function_arn = function.arn
        self.invoke_arn = function.invoke_arn
        self.reported_sha256 = function.environment.apply(reported_hash)
        self.register_outputs(
            {
                "functionArn": self.function_arn,
                "settingsSha256": self.settings_sha256,
                "reportedSha256": self.reported_sha256,
            }
        )

    def _variables(self, args: ValidatorArgs) -> dict[str, pulumi.Input[str]]:
        told: dict[str, pulumi.Input[str]] = {HASH_VARIABLE: self.settings_sha256}
        if args.http_answers != "simple":
            told[HTTP_ANSWERS_VARIABLE] = args.http_answers
        return told
