"""A Cloud Run service of ours, from source without a build or from a container image."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pulumi
from pulumi_gcp import cloudrunv2, storage

from components.gcp.labels import environment_labels
from components.gcp.settings import GcpSettings
from components.never_missing import never_missing
from components.validator_settings import HASH_VARIABLE
from signet.errors import RunFailed

_VARIABLE_BYTES: Final = 32 * 1024
"""Cloud Run, "Environment variables": of one variable."""
_TIMEOUT: Final = "10s"
_MEMORY: Final = "512Mi"


@dataclass(frozen=True, kw_only=True)
class RunServiceArgs:
    """What a service is made from."""

    environment: str
    gcp: GcpSettings
    title: str
    """What it is called."""
    description: str
    ingress: str
    """Cloud Run's own word for who reaches it."""
    account: pulumi.Input[str]
    """Address of the service account that it runs as."""
    code: storage.BucketObject | str
    """Source, or the reference of an image, whose own command is then run."""
    python: str
    """Version of the Python that the base image is to bring, such as 3.12."""
    command: Sequence[str]
    variables: Mapping[str, pulumi.Input[str]]
    min_instances: int
    max_instances: int | None
    """None: as many as Cloud Run makes by itself."""
    concurrency: int
    """Requests at once for each instance."""


def run_service(
    name: str, args: RunServiceArgs, opts: pulumi.ResourceOptions
) -> cloudrunv2.Service:
    """Declare a service that anybody may invoke, as far as its ingress lets him.

    Cloud Run's own check is off: it takes the `Authorization` header, which is a caller's token for
    us, and forbids what checks the caller better.
    """
    return cloudrunv2.Service(
        name,
        name=args.title,
        project=args.gcp.project,
        location=args.gcp.region,
        description=args.description,
        ingress=args.ingress,
        invoker_iam_disabled=True,
        deletion_protection=False,
        labels=environment_labels(args.environment),
        template=_template(args),
        opts=never_missing(opts),
    )


def _template(args: RunServiceArgs) -> cloudrunv2.ServiceTemplateArgsDict:
    gcp = args.gcp
    scaling: cloudrunv2.ServiceTemplateScalingArgsDict = {"min_instance_count": args.min_instances}
    if args.max_instances is not None:
        scaling["max_instance_count"] = args.max_instances
    return {
        "service_account": args.account,
        "timeout": _TIMEOUT,
        "max_instance_request_concurrency": args.concurrency,
        "scaling": scaling,
        "containers": [
            {
                **_code(args),
                "envs": [{"name": key, "value": value} for key, value in args.variables.items()],
                "resources": {
                    "limits": {"cpu": gcp.cpu, "memory": _MEMORY},
                    # What it does starts with a request and ends with it.
                    "cpu_idle": True,
                    "startup_cpu_boost": True,
                },
            }
        ],
    }


def _code(args: RunServiceArgs) -> cloudrunv2.ServiceTemplateContainerArgsDict:
    """Return what a container runs. Another digest or object makes another revision."""
    if isinstance(args.code, str):
        return {"image": args.code}
    return {
        "image": "scratch",
        "base_image_uri": f"{args.gcp.base_image}{args.python.replace('.', '')}",
        "commands": [args.command[0]],
        "args": list(args.command[1:]),
        "source_code": {
            "cloud_storage_source": {
                "bucket": args.code.bucket,
                "object": args.code.name,
                "generation": args.code.generation.apply(str),
            }
        },
    }


def fitting(text: str, whose: str, *, remedy: str) -> str:
    """Return settings as a variable holds them. Raises RunFailed when they do not fit."""
    if len(text) > _VARIABLE_BYTES:
        raise RunFailed(
            f"the {whose}'s settings take {len(text)} bytes, and a variable of Cloud Run holds "
            f"{_VARIABLE_BYTES}",
            where="gcp",
            remedy=remedy,
        )
    return text


def reported_hash(template: cloudrunv2.outputs.ServiceTemplate) -> str:
    """Return the settings hash that a service's resource itself reports."""
    for container in template.containers or ():
        for variable in container.envs or ():
            if variable.name == HASH_VARIABLE:
                return str(variable.value or "")
    return ""
