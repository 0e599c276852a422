"""A function app of ours on Flex Consumption: what validators and issuers share.

Order matters: the identity and its roles come before the app, and the app before the code. Both
the identity and the place for its lines may be other apps' too (`app_identity`, `app_logs`).
"""

from typing import Final

import pulumi
from pulumi_azure_native import resources, storage, web

from components.azure import names
from components.azure.flex_parts import FlexAppArgs, function_config, one_deploy_template
from components.azure.tags import SETTINGS, environment_tags
from components.guarded import ENVIRONMENT
from components.moved import once_called
from components.never_missing import never_missing
from components.validator_settings import HASH_VARIABLE

TEXT_VARIABLE: Final = "SIGNET_SETTINGS"


class FlexApp:
    """The resources of one app, declared below whatever component asks for them."""

    def __init__(self, name: str, args: FlexAppArgs, opts: pulumi.ResourceOptions) -> None:
        self._args = args
        self._opts = opts
        tags = environment_tags(args.environment)
        container = self._app_container(name)
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
            "app_settings": self._app_settings(),
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
                user_assigned_identities=[args.identity.id, *args.identities],
            ),
            site_config=site,
            function_app_config=function_config(args, container),
            tags=args.settings_sha256.apply(lambda digest: {**tags, SETTINGS: digest}),
            opts=never_missing(
                pulumi.ResourceOptions.merge(
                    opts, pulumi.ResourceOptions(depends_on=[*args.identity.granted, container])
                )
            ),
        )
        self.deployment = self._one_deploy(name)

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
        opts = self._opts
        if self._args.service == ENVIRONMENT:
            # It was declared beside the account that holds it.
            opts = once_called(opts, f"{name}-code-app")
        return storage.BlobContainer(
            f"{name}-container",
            resource_group_name=self._args.resource_group,
            account_name=self._args.code.account.name,
            container_name=names.app_container(self._args.service),
            public_access=storage.PublicAccess.NONE,
            opts=opts,
        )

    def _app_settings(self) -> list[web.NameValuePairArgsDict]:
        args = self._args
        settings: dict[str, pulumi.Input[str]] = {
            "AzureWebJobsStorage__accountName": args.code.account.name,
            "AzureWebJobsStorage__credential": "managedidentity",
            "AzureWebJobsStorage__clientId": args.identity.client_id,
            "APPLICATIONINSIGHTS_CONNECTION_STRING": args.logs.connection,
            TEXT_VARIABLE: args.settings,
            HASH_VARIABLE: args.settings_sha256,
            **args.variables,
        }
        if args.own_client_variable:
            settings[args.own_client_variable] = args.identity.client_id
        return [{"name": key, "value": value} for key, value in settings.items()]

    def _one_deploy(self, name: str) -> resources.Deployment:
        """Hand the bundle over. Its hash is in the name, so that another bundle goes again."""
        args = self._args
        return resources.Deployment(
            f"{name}-deployment",
            resource_group_name=args.resource_group,
            deployment_name=f"{args.service}-code-{args.bundle_sha256[:12]}",
            tags=environment_tags(args.environment),
            properties=resources.DeploymentPropertiesArgs(
                mode=resources.DeploymentMode.INCREMENTAL,
                template=one_deploy_template(args.location, self.app.name),
                parameters={
                    "packageUri": resources.DeploymentParameterArgs(value=args.code.address)
                },
            ),
            opts=pulumi.ResourceOptions.merge(
                self._opts,
                pulumi.ResourceOptions(
                    depends_on=[self.app, args.code.package, args.identity.in_force]
                ),
            ),
        )
