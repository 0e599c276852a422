"""The validator of one service on Cloud Run, from source without a build or from an image."""

import base64
from dataclasses import dataclass
from typing import Final

import pulumi

from components.gcp import names
from components.gcp.code_store import CodeStore
from components.gcp.run_service import RunServiceArgs, fitting, reported_hash, run_service
from components.gcp.settings import GcpSettings
from components.validator_image import COMMAND
from components.validator_settings import HASH_VARIABLE, settings_hash

SETTINGS_VARIABLE: Final = "SIGNET_SETTINGS"
PROXY_VARIABLE: Final = "SIGNET_PROXY"


@dataclass(frozen=True, kw_only=True)
class ValidatorArgs:
    """What a validator is made from."""

    environment: str
    service: str
    account: pulumi.Input[str]
    """Address of the ring's service account, which every validator of its tokens runs as."""
    gcp: GcpSettings
    python: str
    """Version of the Python that the base image is to bring, such as 3.12."""
    code: CodeStore | None
    """Where the source is; None where `gcp` names an image."""
    settings: pulumi.Output[str]
    """Text of the settings artefact."""


class Validator(pulumi.ComponentResource):
    """The bundle as a service, its settings in a variable, and an account without rights.

    The invoker check is off: it takes the `Authorization` header, which is the caller's token here.
    What guards the service is its ingress; what it gives away is only whether a token is good.
    """

    service_name: pulumi.Output[str]
    """The service's name."""
    url: pulumi.Output[str]
    """The service's address."""
    log_name: pulumi.Output[str]
    """Where its decisions are logged."""
    settings_sha256: pulumi.Output[str]
    """The settings hash that this run means it to have."""
    reported_sha256: pulumi.Output[str]
    """The settings hash that the service resource itself reports: an old one if it was skipped."""

    def __init__(
        self, name: str, args: ValidatorArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("signet:gcp:Validator", name, None, opts)
        own = pulumi.ResourceOptions(parent=self)
        self.settings_sha256 = args.settings.apply(settings_hash)
        service = run_service(
            f"{name}-service",
            RunServiceArgs(
                environment=args.environment,
                gcp=args.gcp,
                title=names.service(args.environment, args.service),
                description=f"Signet validator of {args.service} in {args.environment}",
                ingress=args.gcp.ingress,
                account=args.account,
                code=args.code.source if args.code else args.gcp.image,
                python=args.python,
                command=COMMAND,
                variables={
                    SETTINGS_VARIABLE: args.settings.apply(encoded),
                    HASH_VARIABLE: self.settings_sha256,
                    PROXY_VARIABLE: args.gcp.proxy,
                },
                min_instances=args.gcp.min_instances,
                max_instances=args.gcp.max_instances,
                concurrency=args.gcp.concurrency,
            ),
            own,
        )
        self.service_name = service.name
        self.url = service.uri
        self.log_name = service.id
        self.reported_sha256 = service.template.apply(reported_hash)
        self.register_outputs(
            {
                "url": self.url,
                "settingsSha256": self.settings_sha256,
                "reportedSha256": self.reported_sha256,
            }
        )


def encoded(settings: str) -> str:
    """Return the settings as the variable holds them. Raises RunFailed when they do not fit."""
    text = base64.b64encode(settings.encode()).decode()
    return fitting(text, "validator", remedy="shorten the routes, or split the service")
