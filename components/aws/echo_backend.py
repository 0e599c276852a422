"""The demo backend behind a gateway, where an environment names no backend of its own."""

from dataclasses import dataclass
from pathlib import Path

import pulumi
import pulumi_aws as aws

from components.aws.function_role import FunctionRole, FunctionRoleArgs
from components.aws.tags import environment_tags

_SOURCE = Path(__file__).with_name("echo_function.py")


@dataclass(frozen=True, kw_only=True)
class EchoBackendArgs:
    """What the demo backend is made from."""

    environment: str
    python: str
    log_days: int


class EchoBackend(pulumi.ComponentResource):
    """A tiny function that answers which identity it was given."""

    function_arn: pulumi.Output[str]
    """The function's ARN."""

    def __init__(
        self, name: str, args: EchoBackendArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("signet:aws:EchoBackend", name, None, opts)
        function_name = f"signet-{args.environment}-echo"
        role = FunctionRole(
            f"{name}-run",
            FunctionRoleArgs(
                environment=args.environment,
                role=function_name,
                runs=f"the function {function_name}",
                log_days=args.log_days,
            ),
            pulumi.ResourceOptions(parent=self),
        )
        function = aws.lambda_.Function(
            f"{name}-function",
            name=function_name,
            description="Answers which identity the gateway passed on",
            role=role.role_arn,
            runtime=f"python{args.python}",
            architectures=["x86_64"],
            handler=f"{_SOURCE.stem}.handler",
            code=pulumi.AssetArchive({_SOURCE.name: pulumi.FileAsset(str(_SOURCE))}),
            memory_size=128,
            timeout=3,
            tags=environment_tags(args.environment),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[role]),
        )
        self.function_arn = function.arn
        self.register_outputs({"functionArn": self.function_arn})
