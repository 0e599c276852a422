"""A function app of ours on Flex Consumption: what validators and issuers share.

Order matters: the identity and its roles come before the app, and the app before the code.
"""

from collections.abc import Mapping, Sequence
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
from components.azure.in_force import InForce
from components.azure.tags import SETTINGS, environment_tags
from components.never_missing import never_missing
from components.validator_settings import HASH_VARIABLE
from signet.errors import RunFailed

TEXT_VARIABLE: Final = "SIGNET_SETTINGS"
_VARIABLE_BYTES: Final = 32 * 1024
"""Azure states no limit for one app setting; Linux ends at 128 KiB, and 32 KiB is what all three
clouds take."""


@dataclass(frozen=True, kw_only=True)
class FlexAppArgs:
    """What an app is made from."""

    environment: str
    service: str
    """What is unique of it in the environment: names and fixed ids are computed from it."""
    app_name: str
    identity_name: str
    resource_group: pulumi.Input[str]
    location: str
    subscription: str
    account: str
    """Name of the documents' storage account, from which fixed ids are computed."""
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
    log_days: int
    role_seconds: int
    """How long new roles are waited for; 0 in the sandbox, which enforces none."""
    variables: Mapping[str, str]
    """Further app settings."""
    identities: Sequence[pulumi.Input[str]] = ()
    """Ids of further identities that it may take on."""
    own_client_variable: str = ""
    """Name of an app setting with its own identity's client id; needed where it has several."""


class FlexApp:
    """The resources of one app, declared below whatever component asks for them."""

    def __init__(self, name: str, args: FlexAppArgs, opts: pulumi.ResourceOptions) -> None:
        self._args = args
        self._opts = opts
        tags = environment_tags(args.environment)
        self.identity = managedidentity.UserAssignedIdentity(
            f"{name}-identity",
            resource_group_name=args.resource_group,
            resource_name_=args.identity_name,
            location=args.location,
            tags=tags,
            opts=opts,
        )
        container = self._app_container(name)
        granted = self._grants(name)
        self.workspace, insights = self._logs(name)
        plan = web.AppServicePlan(
            f"{name}-plan",
            resource_group_name=args.resource_group,
            name=f"{args.app_name}-plan",
            location=args.location,
            kind="functionapp",
            reserved=True,
            sku={"name": "FC1", "tier": "FlexConsumption"},
            tags=tags,
            opts=never_missing(opts),
        )
        # Not `SiteConfigArgs`, which adds `netFrameworkVersion`: Flex Consumption refuses that
        # (error 51021).
        site: web.SiteConfigArgsDict = {
            "app_settings": self._app_settings(insights),
            "min_tls_version": "1.2",
            "ftps_state": "Disabled",
        }
        self.app = web.WebApp(
            f"{name}-app",
            resource_group_name=args.resource_group,
            name=args.app_name,
            location=args.location,
            kind="functionapp,linux",
            server_farm_id=plan.id,
            https_only=True,
            client_affinity_enabled=False,
            identity=web.ManagedServiceIdentityArgs(
                type=web.ManagedServiceIdentityType.USER_ASSIGNED,
                user_assigned_identities=[self.identity.id, *args.identities],
            ),
            site_config=site,
            function_app_config=_flex(args, container, self.identity),
            tags=args.settings_sha256.apply(lambda digest: {**tags, SETTINGS: digest}),
            opts=never_missing(
                pulumi.ResourceOptions.merge(
                    opts, pulumi.ResourceOptions(depends_on=[*granted, container])
                )
            ),
        )
        in_force = InForce(
            f"{name}-in-force",
            roles=[each.id for each in granted],
            seconds=args.role_seconds,
            opts=opts,
        )
        self.deployment = self._one_deploy(name, in_force)

    @property
    def reported_sha256(self) -> pulumi.Output[str]:
        """The settings hash in the app's own tags, which are written in one request with its
        settings: an old one if it was skipped."""
        told: pulumi.Output[str] = self.app.tags.apply(
            lambda found: str((found or {}).get(SETTINGS, ""))
        )
        return told

    def url(self, scheme: str, path: str) -> pulumi.Output[str]:
        """Return the address of one function."""
        told: pulumi.Output[str] = self.app.default_host_name.apply(
            lambda host: f"{scheme}://{host}{path}"
        )
        return told

    def _app_container(self, name: str) -> storage.BlobContainer:
        """Where the host keeps what One Deploy gave it: each app a container of its own."""
        return storage.BlobContainer(
            f"{name}-container",
            resource_group_name=self._args.resource_group,
            account_name=self._args.code.account.name,
            container_name=names.app_container(self._args.service),
            public_access=storage.PublicAccess.NONE,
            opts=self._opts,
        )

    def _grants(self, name: str) -> list[authorization.RoleAssignment]:
        """What the host needs of its own account (Microsoft's Flex Consumption sample)."""
        args = self._args
        return [
            authorization.RoleAssignment(
                f"{name}-{what}",
                scope=args.code.account.id,
                role_assignment_name=names.guid(args.account, args.service, what),
                role_definition_id=roles.built_in(args.subscription, role),
                principal_id=self.identity.principal_id,
                principal_type="ServicePrincipal",
                opts=self._opts,
            )
            for what, role in (
                ("blobs", roles.BLOB_OWNER),
                ("queues", roles.QUEUE_CONTRIBUTOR),
                ("tables", roles.TABLE_CONTRIBUTOR),
            )
        ]

    def _logs(
        self, name: str
    ) -> tuple[operationalinsights.Workspace, applicationinsights.Component]:
        args = self._args
        tags = environment_tags(args.environment)
        workspace = operationalinsights.Workspace(
            f"{name}-workspace",
            resource_group_name=args.resource_group,
            workspace_name=f"{args.app_name}-logs",
            location=args.location,
            sku={"name": "PerGB2018"},
            retention_in_days=args.log_days,
            tags=tags,
            opts=self._opts,
        )
        insights = applicationinsights.Component(
            f"{name}-insights",
            resource_group_name=args.resource_group,
            resource_name_=f"{args.app_name}-insights",
            location=args.location,
            kind="web",
            application_type="web",
            workspace_resource_id=workspace.id,
            tags=tags,
            opts=self._opts,
        )
        return workspace, insights

    def _app_settings(
        self, insights: applicationinsights.Component
    ) -> list[web.NameValuePairArgsDict]:
        args = self._args
        settings: dict[str, pulumi.Input[str]] = {
            "AzureWebJobsStorage__accountName": args.code.account.name,
            "AzureWebJobsStorage__credential": "managedidentity",
            "AzureWebJobsStorage__clientId": self.identity.client_id,
            "APPLICATIONINSIGHTS_CONNECTION_STRING": insights.connection_string,
            TEXT_VARIABLE: args.settings,
            HASH_VARIABLE: args.settings_sha256,
            **args.variables,
        }
        if args.own_client_variable:
            settings[args.own_client_variable] = self.identity.client_id
        return [{"name": key, "value": value} for key, value in settings.items()]

    def _one_deploy(self, name: str, in_force: InForce) -> resources.Deployment:
        """Hand the bundle over. Its hash is in the name, so that another bundle goes again."""
        args = self._args
        return resources.Deployment(
            f"{name}-deployment",
            resource_group_name=args.resource_group,
            deployment_name=f"{args.service}-code-{args.bundle_sha256[:12]}",
            tags=environment_tags(args.environment),
            properties=resources.DeploymentPropertiesArgs(
                mode=resources.DeploymentMode.INCREMENTAL,
                template=_template(args.location, self.app.name),
                parameters={
                    "packageUri": resources.DeploymentParameterArgs(value=args.code.address)
                },
            ),
            opts=pulumi.ResourceOptions.merge(
                self._opts,
                pulumi.ResourceOptions(depends_on=[self.app, args.code.package, in_force]),
            ),
        )


def _flex(
    args: FlexAppArgs,
    container: storage.BlobContainer,
    identity: managedidentity.UserAssignedIdentity,
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
