"""What a function app of ours on Flex Consumption is made from, in Azure's words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pulumi
from pulumi_azure_native import storage, web

from components.azure.app_identity import AppIdentity
from components.azure.app_logs import AppLogs
from components.azure.code_store import CodeStore
from signet.errors import RunFailed

_VARIABLE_BYTES: Final = 32 * 1024
"""Azure states no limit for one app setting; Linux ends at 128 KiB, and 32 KiB is what all three
clouds take."""


@dataclass(frozen=True, kw_only=True)
class FlexAppArgs:
    """What an app is made from."""

    environment: str
    service: str
    """What is unique of it in the environment: names are computed from it."""
    app_name: str
    identity: AppIdentity
    """What it runs as, and reads its code as."""
    logs: AppLogs
    resource_group: pulumi.Input[str]
    location: str
    python: str
    code: CodeStore
    bundle_sha256: str
    settings: pulumi.Output[str]
    """The settings artefact as a variable carries it."""
    settings_sha256: pulumi.Output[str]
    memory: int
    """MiB of one instance: 512, 2048 or 4096."""
    most_instances: int
    """At least 40, which is Flex Consumption's own least."""
    ready_instances: int
    """Instances that are always there; 0 lets it scale to none."""
    variables: Mapping[str, str]
    """Further app settings."""
    identities: Sequence[pulumi.Input[str]] = ()
    """Ids of further identities that it may take on."""
    own_client_variable: str = ""
    """Name of an app setting with its own identity's client id; needed where it has several."""


def function_config(
    args: FlexAppArgs, container: storage.BlobContainer
) -> web.FunctionAppConfigArgs:
    """What Flex Consumption wants to know when the app is made."""
    blobs = args.code.account.primary_endpoints.apply(_blob_endpoint)
    ready = web.FunctionsAlwaysReadyConfigArgs(name="http", instance_count=args.ready_instances)
    return web.FunctionAppConfigArgs(
        deployment=web.FunctionsDeploymentArgs(
            storage=web.FunctionsDeploymentStorageArgs(
                type=web.FunctionsDeploymentStorageType.BLOB_CONTAINER,
                value=pulumi.Output.concat(blobs, container.name),
                authentication=web.FunctionsDeploymentStorageAuthenticationArgs(
                    type=web.AuthenticationType.USER_ASSIGNED_IDENTITY,
                    user_assigned_identity_resource_id=args.identity.id,
                ),
            )
        ),
        runtime=web.FunctionsRuntimeArgs(name=web.RuntimeName.PYTHON, version=args.python),
        scale_and_concurrency=web.FunctionsScaleAndConcurrencyArgs(
            maximum_instance_count=args.most_instances,
            instance_memory_mb=args.memory,
            always_ready=[ready] if args.ready_instances else None,
        ),
    )


def _blob_endpoint(endpoints: Any) -> str:
    found = endpoints.get("blob") if isinstance(endpoints, dict) else endpoints.blob
    return str(found)


def one_deploy_template(location: str, app: pulumi.Output[str]) -> dict[str, Any]:
    """One Deploy as an Azure Resource Manager template, which the provider has no type for."""
    schema = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"
    return {
        "$schema": schema,
        "contentVersion": "1.0.0.0",
        "parameters": {"packageUri": {"type": "securestring"}},
        "resources": [
            {
                "type": "Microsoft.Web/sites/extensions",
                "apiVersion": "2022-09-01",
                "name": app.apply(lambda found: f"{found}/onedeploy"),
                "location": location,
                "properties": {
                    "packageUri": "[parameters('packageUri')]",
                    "remoteBuild": False,
                },
            }
        ],
    }


def fitting(text: str, whose: str, *, remedy: str) -> str:
    """Return settings as an app setting holds them. Raises RunFailed when they do not fit."""
    if len(text) > _VARIABLE_BYTES:
        raise RunFailed(
            f"the {whose}'s settings take {len(text)} bytes, and an app setting is to hold at most "
            f"{_VARIABLE_BYTES}",
            where="azure",
            remedy=remedy,
        )
    return text
