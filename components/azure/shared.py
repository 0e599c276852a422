"""What all services of an environment share on Azure, each made when it is first asked for."""

from functools import cached_property

import pulumi

from components.azure import names
from components.azure.app_identity import AppIdentity, AppIdentityArgs
from components.azure.app_logs import AppLogs, AppLogsArgs
from components.azure.code_store import CodeStore
from components.azure.settings import AzureSettings
from components.readers import Reader, first_of_each
from components.settings import Settings
from signet.key_ring import ENVIRONMENT_RING as ENVIRONMENT


class Shared:
    """The place for lines and the validators' identities, below the cloud's component.

    Names and fixed ids are those of the one validator that had each before services shared them.
    """

    def __init__(
        self,
        settings: Settings,
        of_azure: AzureSettings,
        group: pulumi.Input[str],
        cloud: pulumi.Resource,
    ) -> None:
        self._settings = settings
        self._azure = of_azure
        self._group = group
        self._cloud = cloud
        self._identities: dict[str, AppIdentity] = {}
        self._asked: list[str] = []
        """The ring of each validator, in their order."""

    @cached_property
    def logs(self) -> AppLogs:
        """Where all validators' lines go."""
        environment, azure = self._settings.environment, self._azure
        return AppLogs(
            _validator(ENVIRONMENT),
            AppLogsArgs(
                environment=environment,
                title=names.function_app(environment, ENVIRONMENT, azure.storage_account),
                resource_group=self._group,
                location=azure.location,
                days=self._settings.log_days,
            ),
            self._once_below(ENVIRONMENT),
        )

    def identity(self, ring: str, code: CodeStore) -> AppIdentity:
        """Return what all validators of a ring run as: they may do the same."""
        self._asked.append(ring)
        if ring not in self._identities:
            self._identities[ring] = self._make_identity(ring, code)
        return self._identities[ring]

    @property
    def readers(self) -> list[Reader]:
        """Object ids of the identities that read private documents."""
        if self._settings.publish == "public":
            return []
        return [
            Reader(ring=ring, who=self._identities[ring].principal_id, counted=number)
            for ring, number in first_of_each(self._asked).items()
        ]

    def _make_identity(self, ring: str, code: CodeStore) -> AppIdentity:
        azure, environment = self._azure, self._settings.environment
        return AppIdentity(
            _validator(ring),
            AppIdentityArgs(
                environment=environment,
                title=names.validator_identity(environment, ring),
                whose=ring,
                resource_group=self._group,
                location=azure.location,
                subscription=azure.subscription,
                account=azure.storage_account,
                code=code,
                role_seconds=azure.role_seconds,
            ),
            self._once_below(ring),
        )

    def _once_below(self, name: str) -> pulumi.ResourceOptions:
        """Return the options of what stood below one validator, by the same name."""
        before = pulumi.create_urn(_validator(name), "signet:azure:Validator", parent=self._cloud)
        return pulumi.ResourceOptions(parent=self._cloud, aliases=[pulumi.Alias(parent=before)])


def _validator(name: str) -> str:
    return f"{name}-azure-validator"
