"""The validator of one service as a Function App on Flex Consumption.

Order matters: the identity and its roles come before the app, and the app before the code.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import pulumi
from pulumi_azure_native import (
    applicationinsights,
    authorization,
    managedidentity,
    operationalinsights,
    resources,
    storage,
    web,
)

from components.azure import names, roles
from components.azure.code_store import CodeStore
from components.azure.tags import SETTINGS, environment_tags
from components.validator_settings import HASH_VARIABLE, settings_hash
from signet.errors import RunFailed

TEXT_VARIABLE: Final = "SIGNET_SETTINGS"
LARGEST_SETTINGS: Final = 24 * 1024
"""Bytes of a settings artefact: with base64 a third more, in one environment variable. Azure states
no limit for one app setting; Linux ends at 128 KiB, and 32 KiB is what all three clouds take."""


@dataclass(frozen=True, kw_only=True)
class ValidatorArgs:
    """What a validator is made from."""

    environment: str
    service: str
    resource_group: pulumi.Input[str]
    location: str
    subscription: str
    account: str
    """Name of the documents' storage account, from which the others are computed."""
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
    log_days: int
    scheme: str
    """`https`, and in the sandbox `http`."""


class Validator(pulumi.ComponentResource):
    """The bundle as a function app of its own, with an identity that may read its code alone."""

    function_name: pulumi.Output[str]
    """The app's name."""
    url: pulumi.Output[str]
    """Address of the function that decides."""
    principal_id: pulumi.Output[str]
    """Object id of the identity that it runs as."""
    client_id: pulumi.Output[str]
    """Client id of that identity."""
    log_group_name: pulumi.Output[str]
    """Id of the workspace that its decisions are logged to."""
    settings_sha256: pulumi.Output[str]
    """The settings hash that this run means it to have."""
    reported_sha256: pulumi.Output[str]
    """The settings hash in the app's own tags, which are written in one request with its settings:
    an old one if it was skipped."""

    def __init__(
        self, name: str, args: ValidatorArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("signet:azure:Validator", name, None, opts)
        own = pulumi.ResourceOptions(parent=self)
        app_name = names.function_app(args.environment, args.service, args.account)
        tags = environment_tags(args.environment)
        identity = managedidentity.UserAssignedIdentity(
            f"{name}-identity",
            resource_group_name=args.resource_group,
            resource_name_=f"signet-{args.environment}-{args.service}-validator",
            location=args.location,
            tags=tags,
            opts=own,
        )
        account, container = args.code.account, self._app_container(name, args)
        granted = self._grants(name, args, account, identity)
        workspace, insights = self._logs(name, args)
        plan = web.AppServicePlan(
            f"{name}-plan",
            resource_group_name=args.resource_group,
            name=f"{app_name}-plan",
            location=args.location,
            kind="functionapp",
            reserved=True,
            sku={"name": "FC1", "tier": "FlexConsumption"},
            tags=tags,
            opts=own,
        )
        self.settings_sha256 = args.settings.apply(settings_hash)
        # Not `SiteConfigArgs`, which adds `netFrameworkVersion`: Flex Consumption refuses that
        # (error 51021).
        site: web.SiteConfigArgsDict = {
            "app_settings": self._app_settings(args, account, identity, insights),
            "min_tls_version": "1.2",
            "ftps_state": "Disabled",
        }
        app = web.WebApp(
            f"{name}-app",
            resource_group_name=args.resource_group,
            name=app_name,
            location=args.location,
            kind="functionapp,linux",
            server_farm_id=plan.id,
            https_only=True,
            client_affinity_enabled=False,
            identity=web.ManagedServiceIdentityArgs(
                type=web.ManagedServiceIdentityType.USER_ASSIGNED,
                user_assigned_identities=[identity.id],
            ),
            site_config=site,
            function_app_config=_flex(args, account, container, identity),
            tags=self.settings_sha256.apply(lambda digest: {**tags, SETTINGS: digest}),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[*granted, container]),
        )
        self._one_deploy(name, args, app)
        self.function_name = app.name
        self.url = app.default_host_name.apply(lambda host: f"{args.scheme}://{host}/api/authorize")
        self.principal_id = identity.principal_id
        self.client_id = identity.client_id
        self.log_group_name = workspace.id
        self.reported_sha256 = app.tags.apply(lambda found: str((found or {}).get(SETTINGS, "")))
        self.register_outputs(
            {
                "url": self.url,
                "settingsSha256": self.settings_sha256,
                "reportedSha256": self.reported_sha256,
            }
        )

    def _app_container(self, name: str, args: ValidatorArgs) -> storage.BlobContainer:
        """Where the host keeps what One Deploy gave it: each app a container of its own."""
        return storage.BlobContainer(
            f"{name}-container",
            resource_group_name=args.resource_group,
            account_name=args.code.account.name,
            container_name=names.app_container(args.service),
            public_access=storage.PublicAccess.NONE,
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _grants(
        self,
        name: str,
        args: ValidatorArgs,
        account: storage.StorageAccount,
        identity: managedidentity.UserAssignedIdentity,
    ) -> list[pulumi.Resource]:
        """What the host needs of its own account (Microsoft's Flex Consumption sample)."""
        return [
            authorization.RoleAssignment(
                f"{name}-{what}",
                scope=account.id,
                role_assignment_name=names.guid(args.account, args.service, what),
                role_definition_id=roles.built_in(args.subscription, role),
                principal_id=identity.principal_id,
                principal_type="ServicePrincipal",
                opts=pulumi.ResourceOptions(parent=self),
            )
            for what, role in (
                ("blobs", roles.BLOB_OWNER),
                ("queues", roles.QUEUE_CONTRIBUTOR),
                ("tables", roles.TABLE_CONTRIBUTOR),
            )
        ]

    def _logs(
        self, name: str, args: ValidatorArgs
    ) -> tuple[operationalinsights.Workspace, applicationinsights.Component]:
        own = pulumi.ResourceOptions(parent=self)
        tags = environment_tags(args.environment)
        app_name = names.function_app(args.environment, args.service, args.account)
        workspace = operationalinsights.Workspace(
            f"{name}-workspace",
            resource_group_name=args.resource_group,
            workspace_name=f"{app_name}-logs",
            location=args.location,
            sku={"name": "PerGB2018"},
            retention_in_days=args.log_days,
            tags=tags,
            opts=own,
        )
        insights = applicationinsights.Component(
            f"{name}-insights",
            resource_group_name=args.resource_group,
            resource_name_=f"{app_name}-insights",
            location=args.location,
            kind="web",
            application_type="web",
            workspace_resource_id=workspace.id,
            tags=tags,
            opts=own,
        )
        return workspace, insights

    def _app_settings(
        self,
        args: ValidatorArgs,
        account: storage.StorageAccount,
        identity: managedidentity.UserAssignedIdentity,
        insights: applicationinsights.Component,
    ) -> list[web.NameValuePairArgsDict]:
        settings: Mapping[str, pulumi.Input[str]] = {
            "AzureWebJobsStorage__accountName": account.name,
            "AzureWebJobsStorage__credential": "managedidentity",
            "AzureWebJobsStorage__clientId": identity.client_id,
            "APPLICATIONINSIGHTS_CONNECTION_STRING": insights.connection_string,
            TEXT_VARIABLE: args.settings.apply(_encoded),
            HASH_VARIABLE: self.settings_sha256,
        }
        return [{"name": key, "value": value} for key, value in settings.items()]

    def _one_deploy(self, name: str, args: ValidatorArgs, app: web.WebApp) -> None:
        """Hand the bundle over. Its hash is in the name, so that another bundle goes again."""
        resources.Deployment(
            f"{name}-deployment",
            resource_group_name=args.resource_group,
            deployment_name=f"{args.service}-code-{args.bundle_sha256[:12]}",
            properties=resources.DeploymentPropertiesArgs(
                mode=resources.DeploymentMode.INCREMENTAL,
                template=_template(args.location, app.name),
                parameters={
                    "packageUri": resources.DeploymentParameterArgs(value=args.code.address)
                },
            ),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[app, args.code.package]),
        )


def _flex(
    args: ValidatorArgs,
    account: storage.StorageAccount,
    container: storage.BlobContainer,
    identity: managedidentity.UserAssignedIdentity,
) -> web.FunctionAppConfigArgs:
    """What Flex Consumption wants to know when the app is made."""
    where = pulumi.Output.concat(account.primary_endpoints.apply(_blob_endpoint), container.name)
    ready = web.FunctionsAlwaysReadyConfigArgs(name="http", instance_count=args.ready_instances)
    return web.FunctionAppConfigArgs(
        deployment=web.FunctionsDeploymentArgs(
            storage=web.FunctionsDeploymentStorageArgs(
                type=web.FunctionsDeploymentStorageType.BLOB_CONTAINER,
                value=where,
                authentication=web.FunctionsDeploymentStorageAuthenticationArgs(
                    type=web.AuthenticationType.USER_ASSIGNED_IDENTITY,
                    user_assigned_identity_resource_id=identity.id,
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


def _template(location: str, app: pulumi.Output[str]) -> dict[str, Any]:
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


def _encoded(settings: str) -> str:
    """Return the artefact as an app setting carries it. Raises RunFailed if it is too big."""
    data = settings.encode()
    if len(data) > LARGEST_SETTINGS:
        raise RunFailed(
            f"the validator's settings are {len(data)} bytes, and an app setting is to hold at "
            f"most {LARGEST_SETTINGS}",
            where="azure",
            remedy="trust fewer issuers or write fewer route rules in one validator",
        )
    return base64.b64encode(data).decode()
