"""The validator of one service on Cloud Run, from source without a build."""

import base64
from dataclasses import dataclass
from typing import Final

import pulumi
from pulumi_gcp import cloudrunv2, serviceaccount

from components.gcp import names
from components.gcp.code_store import CodeStore
from components.gcp.labels import environment_labels
from components.gcp.settings import GcpSettings
from components.validator_settings import HASH_VARIABLE, settings_hash
from signet.errors import RunFailed

COMMAND: Final = ("python3", "-m", "validator_functions.cloud_run")
SETTINGS_VARIABLE: Final = "SIGNET_SETTINGS"
PROXY_VARIABLE: Final = "SIGNET_PROXY"

_ENVIRONMENT_BYTES: Final = 32 * 1024
"""Cloud Run, "Environment variables": of one variable."""
_TIMEOUT: Final = "10s"
_MEMORY: Final = "512Mi"


@dataclass(frozen=True, kw_only=True)
class ValidatorArgs:
    """What a validator is made from."""

    environment: str
    service: str
    gcp: GcpSettings
    python: str
    """Version of the Python that the base image is to bring, such as 3.12."""
    code: CodeStore
    settings: pulumi.Output[str]
    """Text of the settings artefact."""


class Validator(pulumi.ComponentResource):
    """The bundle as a service, its settings in a variable, and an account without any right.

    The invoker check is off: it takes the `Authorization` header, which is the caller's token here.
    What guards the service is its ingress; what it gives away is only whether a token is good.
    """

    service_name: pulumi.Output[str]
    """The service's name."""
    url: pulumi.Output[str]
    """The service's address."""
    member: pulumi.Output[str]
    """The account that it runs as, as IAM names it."""
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
        account = serviceaccount.Account(
            f"{name}-run",
            account_id=names.account_id(args.environment, f"{args.service}-run"),
            project=args.gcp.project,
            display_name=f"Signet {args.environment}: the validator of {args.service}",
            opts=own,
        )
        self.settings_sha256 = args.settings.apply(settings_hash)
        service = cloudrunv2.Service(
            f"{name}-service",
            name=names.service(args.environment, args.service),
            project=args.gcp.project,
            location=args.gcp.region,
            description=f"Signet validator of {args.service} in {args.environment}",
            ingress=args.gcp.ingress,
            invoker_iam_disabled=True,
            deletion_protection=False,
            labels=environment_labels(args.environment),
            template=self._template(args, account),
            opts=own,
        )
        self.service_name = service.name
        self.url = service.uri
        self.member = account.member
        self.log_name = service.id
        self.reported_sha256 = service.template.apply(_reported)
        self.register_outputs(
            {
                "url": self.url,
                "settingsSha256": self.settings_sha256,
                "reportedSha256": self.reported_sha256,
            }
        )

    def _template(
        self,
        args: ValidatorArgs,
        account: serviceaccount.Account,
    ) -> cloudrunv2.ServiceTemplateArgsDict:
        gcp, source = args.gcp, args.code.source
        return {
            "service_account": account.email,
            "timeout": _TIMEOUT,
            "max_instance_request_concurrency": gcp.concurrency,
            "scaling": {
                "min_instance_count": gcp.min_instances,
                "max_instance_count": gcp.max_instances,
            },
            "containers": [
                {
                    "image": "scratch",
                    "base_image_uri": f"{gcp.base_image}{args.python.replace('.', '')}",
                    "commands": [COMMAND[0]],
                    "args": list(COMMAND[1:]),
                    "source_code": {
                        "cloud_storage_source": {
                            "bucket": source.bucket,
                            "object": source.name,
                            "generation": source.generation.apply(str),
                        }
                    },
                    "envs": [
                        {"name": SETTINGS_VARIABLE, "value": args.settings.apply(encoded)},
                        {"name": HASH_VARIABLE, "value": self.settings_sha256},
                        {"name": PROXY_VARIABLE, "value": gcp.proxy},
                    ],
                    "resources": {
                        "limits": {"cpu": gcp.cpu, "memory": _MEMORY},
                        # A decision starts with a request and ends with it.
                        "cpu_idle": True,
                        "startup_cpu_boost": True,
                    },
                }
            ],
        }


def encoded(settings: str) -> str:
    """Return the settings as the variable holds them. Raises RunFailed when they do not fit."""
    text = base64.b64encode(settings.encode()).decode()
    if len(text) > _ENVIRONMENT_BYTES:
        raise RunFailed(
            f"the validator's settings take {len(text)} bytes, and a variable of Cloud Run holds "
            f"{_ENVIRONMENT_BYTES}",
            where="gcp",
            remedy="shorten the routes, or split the service",
        )
    return text


def _reported(template: cloudrunv2.outputs.ServiceTemplate) -> str:
    for container in template.containers or ():
        for variable in container.envs or ():
            if variable.name == HASH_VARIABLE:
                return str(variable.value or "")
    return ""
