"""Azure's part of an environment, under one provider."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_azure_native as azure_native
from pulumi_azure_native import resources

from components.azure import names
from components.azure.code_store import CodeStore, CodeStoreArgs
from components.azure.gateway import Gateway, GatewayArgs
from components.azure.jwks_store import JwksStore, JwksStoreArgs
from components.azure.key_ring import KeyRing, KeyRingArgs
from components.azure.key_vault import KeyVault, KeyVaultArgs
from components.azure.monitoring import Monitoring, MonitoringArgs
from components.azure.settings import AzureSettings
from components.azure.shared import Shared
from components.azure.tags import environment_tags
from components.azure.validator import Validator, ValidatorArgs
from components.cloud import (
    CloudPart,
    Documents,
    KeyOrder,
    MadeKey,
    MadeKeys,
    MadeValidator,
    ValidatorOrder,
)
from components.rings import document_path
from components.settings import Settings
from signet.documents import JWKS_PATH
from signet.key_ring import ENVIRONMENT_RING
from signet.signals import Signal, WatchedService


@dataclass(frozen=True, kw_only=True)
class AzureCloudArgs:
    """What Azure's part is made from."""

    settings: Settings
    azure: AzureSettings
    after: pulumi.Resource
    """The journal: the provider waits for it, and so does everything that uses the provider."""


class AzureCloud(CloudPart):
    """Keys, documents, validators and gateways in one resource group of one subscription."""

    def __init__(
        self, name: str, args: AzureCloudArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        after = pulumi.ResourceOptions(depends_on=[args.after])
        self._provider = azure_native.Provider(
            f"{name}-provider",
            subscription_id=args.azure.subscription,
            tenant_id=args.azure.tenant,
            opts=pulumi.ResourceOptions.merge(opts, after),
        )
        # Dynamic resources have a provider of their own: they too wait for the journal.
        super().__init__(
            "signet:azure:Cloud",
            name,
            self._provider,
            args.azure.store_url,
            pulumi.ResourceOptions.merge(opts, after),
        )
        self._settings = args.settings
        self._azure = args.azure
        self._code: CodeStore | None = None
        self._vault: KeyVault | None = None
        self._group = resources.ResourceGroup(
            f"{name}-group",
            resource_group_name=args.azure.resource_group,
            location=args.azure.location,
            tags=environment_tags(args.settings.environment),
            opts=self._child(),
        )
        self._shared = Shared(args.settings, args.azure, self._group.name, self)

    def make_keys(self, order: KeyOrder) -> MadeKeys:
        """Declare a ring's issuer identity and keys, in the environment's vault."""
        azure = self._azure
        ring = KeyRing(
            order.ring,
            KeyRingArgs(
                environment=self._settings.environment,
                ring=order.ring,
                generations=order.generations,
                resource_group=self._group.name,
                location=azure.location,
                vault=self._key_vault(),
                sku=azure.key_sku,
                issuer_principals=azure.issuer_principals,
                protect=self._settings.protect_keys,
                adopt={
                    number: names.key_id(
                        azure.subscription,
                        azure.resource_group,
                        azure.vault,
                        names.key_name(self._settings.environment, order.ring, number),
                    )
                    for number in order.adopt
                },
            ),
            self._child(),
        )
        return MadeKeys(
            keys={
                number: MadeKey(resource_id=key.key_uri, jwk=key.jwk)
                for number, key in ring.keys.items()
            },
            issuer=ring.issuer_client_id,
        )

    def make_validator(self, order: ValidatorOrder) -> MadeValidator:
        """Declare a validator, and the gateways with it as their guard."""
        azure, settings = self._azure, self._settings
        code = self._code_store(order)
        validator = Validator(
            f"{order.service}-azure-validator",
            ValidatorArgs(
                environment=settings.environment,
                service=order.service,
                identity=self._shared.identity(order.ring, code),
                logs=self._shared.logs,
                resource_group=self._group.name,
                location=azure.location,
                account=azure.storage_account,
                python=settings.python,
                code=code,
                bundle_sha256=order.bundle_sha256,
                settings=order.settings,
                memory=azure.function_memory,
                most_instances=azure.function_most_instances,
                ready_instances=azure.function_ready_instances,
                scheme="http" if azure.endpoint is not None else "https",
            ),
            self._child(),
        )
        called = order.gateway is None or order.gateway.mode != "none"
        return MadeValidator(
            expected_sha256=validator.settings_sha256,
            reported_sha256=validator.reported_sha256,
            log_group=self._shared.logs.workspace_id,
            function=validator.function_name,
            health=validator.url.apply(lambda url: f"{url.removesuffix('/authorize')}/health"),
            urls={"function": validator.url} if called else {},
            attached=self._attached(order, validator.url),
        )

    def _key_vault(self) -> KeyVault:
        """Return the vault of all rings' keys."""
        if self._vault is None:
            azure = self._azure
            self._vault = KeyVault(
                ENVIRONMENT_RING,
                KeyVaultArgs(
                    environment=self._settings.environment,
                    resource_group=self._group.name,
                    scope=self._group.id,
                    location=azure.location,
                    tenant=azure.tenant,
                    vault=azure.vault,
                    sku=azure.key_sku,
                    retention_days=self._settings.kms_deletion_days,
                    administrators=azure.key_administrators,
                    protect=self._settings.protect_keys,
                ),
                self._child(),
            )
        return self._vault

    def _code_store(self, order: ValidatorOrder) -> CodeStore:
        """Return where all validators' code is."""
        if self._code is None:
            self._code = CodeStore(
                "azure-code",
                CodeStoreArgs(
                    environment=self._settings.environment,
                    resource_group=self._group.name,
                    location=self._azure.location,
                    account=names.code_account(self._azure.storage_account),
                    bundle=order.bundle,
                    bundle_sha256=order.bundle_sha256,
                ),
                self._child(),
            )
        return self._code

    def _attached(self, order: ValidatorOrder, url: pulumi.Output[str]) -> Mapping[str, Any]:
        """Declare the fragments of the API Management service that is asked for, if any: by the
        settings, or by a service's manifest."""
        azure, settings, ours = self._azure, self._settings, order.gateway
        group, service = azure.api_management_group, azure.api_management
        if ours is not None:
            group, _, service = ours.target.rpartition("/")
        if not service:
            return {}
        gateway = Gateway(
            f"{order.service}-azure-gateway",
            GatewayArgs(
                environment=settings.environment,
                title=names.gateway(settings.environment, "" if ours is None else order.service),
                validator_url=url,
                issuer=order.issuer,
                audience=settings.audience if ours is None else ours.audience,
                required_scope=settings.required_scope if ours is None else ours.scope,
                service=service,
                service_group=group or azure.resource_group,
            ),
            self._child(),
        )
        return gateway.attached

    def watch(self, signals: Sequence[Signal], services: Sequence[WatchedService]) -> Sequence[str]:
        """Declare alarms and the workbook."""
        monitoring = Monitoring(
            "azure-monitoring",
            MonitoringArgs(
                environment=self._settings.environment,
                resource_group=self._group.name,
                scope=self._group.id,
                location=self._azure.location,
                account=self._azure.storage_account,
                workspace=self._shared.logs.workspace_id,
                signals=signals,
                services=services,
                action_group=self._azure.action_group,
            ),
            self._child(),
        )
        return monitoring.alarms

    def publish(self, documents: Sequence[Documents]) -> None:
        """Declare the storage account with every ring's two documents."""
        JwksStore(
            f"{ENVIRONMENT_RING}-azure-store",
            JwksStoreArgs(
                environment=self._settings.environment,
                resource_group=self._group.name,
                location=self._azure.location,
                subscription=self._azure.subscription,
                account=self._azure.storage_account,
                account_url=self._azure.account_url,
                documents={f"{each.ring}-azure-store": each for each in documents},
                max_age=self._settings.timings.jwks_max_age,
                publish=self._settings.publish,
                writers=self._azure.key_administrators,
                readers=self._shared.readers,
            ),
            self._child(),
        )

    def private_store(self, ring: str) -> Mapping[str, str] | None:
        """Return a key set's own address, for a request with the validator's identity.

        The identity is the app's only one; the platform's endpoint needs no name for it.
        """
        if self._settings.publish == "public":
            return None
        url = f"{self._azure.store_url}/{document_path(ring, JWKS_PATH)}"
        return {"kind": "azure_blob", "url": url}
