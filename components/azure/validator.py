"""The validator of one service as a Function App on Flex Consumption."""

import base64
from dataclasses import dataclass

import pulumi

from components.azure import names
from components.azure.app_identity import AppIdentity
from components.azure.app_logs import AppLogs
from components.azure.code_store import CodeStore
from components.azure.flex_app import FlexApp
from components.azure.flex_parts import FlexAppArgs, fitting
from components.validator_settings import settings_hash


@dataclass(frozen=True, kw_only=True)
class ValidatorArgs:
    """What a validator is made from."""

    environment: str
    service: str
    identity: AppIdentity
    """The ring's, which every validator of its tokens runs as."""
    logs: AppLogs
    """The environment's."""
    resource_group: pulumi.Input[str]
    location: str
    account: str
    """Name of the documents' storage account, from which the app's is computed."""
    python: str
    code: CodeStore
    bundle_sha256: str
    settings: pulumi.Output[str]
    """Text of the settings artefact."""
    memory: int
    """MiB of one instance: 512, 2048 or 4096."""
    most_instances: int
    """At least 40, which is Flex Consumption's own least."""
    ready_instances: int
    """Instances that are always there; 0 lets it scale to none."""
    scheme: str
    """`https`, and in the sandbox `http`."""


class Validator(pulumi.ComponentResource):
    """The bundle as a function app of its own; its identity may reach code and nothing else."""

    function_name: pulumi.Output[str]
    """The app's name."""
    url: pulumi.Output[str]
    """Address of the function that decides."""
    settings_sha256: pulumi.Output[str]
    """The settings hash that this run means it to have."""
    reported_sha256: pulumi.Output[str]
    """The settings hash that the app itself reports: an old one if it was skipped."""

    def __init__(
        self, name: str, args: ValidatorArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("signet:azure:Validator", name, None, opts)
        self.settings_sha256 = args.settings.apply(settings_hash)
        made = FlexApp(
            name,
            FlexAppArgs(
                environment=args.environment,
                service=args.service,
                app_name=names.function_app(args.environment, args.service, args.account),
                identity=args.identity,
                logs=args.logs,
                resource_group=args.resource_group,
                location=args.location,
                python=args.python,
                code=args.code,
                bundle_sha256=args.bundle_sha256,
                settings=args.settings.apply(_encoded),
                settings_sha256=self.settings_sha256,
                memory=args.memory,
                most_instances=args.most_instances,
                ready_instances=args.ready_instances,
                variables={},
            ),
            pulumi.ResourceOptions(parent=self),
        )
        self.function_name = made.app.name
        self.url = made.url(args.scheme, "/api/authorize")
        self.reported_sha256 = made.reported_sha256
        self.register_outputs(
            {
                "url": self.url,
                "settingsSha256": self.settings_sha256,
                "reportedSha256": self.reported_sha256,
            }
        )


def _encoded(settings: str) -> str:
    """Return the artefact as an app setting carries it. Raises RunFailed if it is too big."""
    text = base64.b64encode(settings.encode()).decode()
    remedy = "trust fewer issuers or write fewer route rules in one validator"
    return fitting(text, "validator", remedy=remedy)
