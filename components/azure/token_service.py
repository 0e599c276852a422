"""The token service on Azure: a function app of its own, open to everybody.

Nothing guards its functions, because the platform's token in the form is what proves who asks.
It may do two things besides what its host needs: take on the issuer identity of each ring, and
write to a storage account that nobody else's identity is let into.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pulumi
import pulumi_azure_native as azure_native

from components.azure import names
from components.azure.app_identity import AppIdentity, AppIdentityArgs
from components.azure.app_logs import AppLogs, AppLogsArgs
from components.azure.code_store import CodeStore, CodeStoreArgs
from components.azure.flex_app import FlexApp
from components.azure.flex_parts import FlexAppArgs, fitting
from components.azure.monitoring import AlarmArgs, alarm
from components.azure.settings import AzureSettings
from components.azure.used_tokens import UsedTokens, UsedTokensArgs
from components.token_service_part import TokenServicePart
from components.validator_settings import settings_hash
from signet.signals import Signal
from signet.token_service import packed

SIGNATURES: Final[Mapping[str, int]] = {"standard": 200, "premium": 100}
"""Tokens a second of all instances, by the keys' kind: half of the operations with RSA-2048 or
P-256 keys that a vault takes (4,000 and 2,000 in ten seconds; "Azure Key Vault service limits")."""
LEAST_INSTANCES: Final = 40
"""Flex Consumption takes no lower bound than this."""
_SERVICE: Final = "token-service"


@dataclass(frozen=True, kw_only=True)
class TokenServiceArgs:
    """What a token service is made from."""

    environment: str
    azure: AzureSettings
    python: str
    bundle: Path
    bundle_sha256: str
    settings: pulumi.Output[str]
    """Text of the settings artefact, known once every validator is deployed."""
    rings: Sequence[str]
    """Rings whose keys are in this environment's vault."""
    instances: int
    log_days: int
    signals: Sequence[Signal]


class TokenService(TokenServicePart):
    """App, identities, storage account, and the container of used tokens in it."""

    def __init__(
        self, name: str, args: TokenServiceArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        azure = args.azure
        provider = azure_native.Provider(
            f"{name}-provider",
            subscription_id=azure.subscription,
            tenant_id=azure.tenant,
            opts=opts,
        )
        super().__init__("signet:azure:TokenService", name, provider, opts)
        own = pulumi.ResourceOptions(parent=self)
        code = CodeStore(
            f"{name}-code",
            CodeStoreArgs(
                environment=args.environment,
                resource_group=azure.resource_group,
                location=azure.location,
                account=names.token_service_account(azure.storage_account),
                bundle=args.bundle,
                bundle_sha256=args.bundle_sha256,
            ),
            own,
        )
        used = UsedTokens(
            f"{name}-used",
            UsedTokensArgs(resource_group=azure.resource_group, account=code.account.name),
            own,
        )
        watched = AlarmArgs(
            environment=args.environment,
            resource_group=azure.resource_group,
            scope=names.group_id(azure.subscription, azure.resource_group),
            location=azure.location,
            action_group=azure.action_group,
        )
        for signal in args.signals:
            alarm(f"{name}-{signal.name}", watched, signal, own)
        self.settings_sha256 = args.settings.apply(settings_hash)
        logs = AppLogs(
            name,
            AppLogsArgs(
                environment=args.environment,
                title=names.token_service(args.environment, azure.storage_account),
                resource_group=azure.resource_group,
                location=azure.location,
                days=args.log_days,
            ),
            own,
        )
        made = self._app(name, args, code, logs, used)
        self.url = made.url("http" if azure.endpoint is not None else "https", "/token")
        self.function_name = made.app.name
        self.log_group_name = logs.workspace_id
        self.reported_sha256 = made.reported_sha256
        self._finish()

    def _app(
        self,
        name: str,
        args: TokenServiceArgs,
        code: CodeStore,
        logs: AppLogs,
        used: UsedTokens,
    ) -> FlexApp:
        azure = args.azure
        identities = [
            names.identity_id(
                azure.subscription,
                azure.resource_group,
                names.issuer_identity(args.environment, ring),
            )
            for ring in args.rings
        ]
        return FlexApp(
            name,
            FlexAppArgs(
                environment=args.environment,
                service=_SERVICE,
                app_name=names.token_service(args.environment, azure.storage_account),
                identity=self._identity(name, args, code),
                logs=logs,
                resource_group=azure.resource_group,
                location=azure.location,
                python=args.python,
                code=code,
                bundle_sha256=args.bundle_sha256,
                settings=args.settings.apply(_encoded),
                settings_sha256=self.settings_sha256,
                memory=azure.function_memory,
                most_instances=max(LEAST_INSTANCES, args.instances),
                ready_instances=0,
                variables={"AzureWebJobsDisableHomepage": "true"},
                identities=identities,
                own_client_variable="AZURE_CLIENT_ID",
            ),
            pulumi.ResourceOptions(parent=self, depends_on=[used]),
        )

    def _identity(self, name: str, args: TokenServiceArgs, code: CodeStore) -> AppIdentity:
        azure = args.azure
        return AppIdentity(
            name,
            AppIdentityArgs(
                environment=args.environment,
                title=f"signet-{args.environment}-{_SERVICE}",
                whose=_SERVICE,
                resource_group=azure.resource_group,
                location=azure.location,
                subscription=azure.subscription,
                account=azure.storage_account,
                code=code,
                role_seconds=azure.role_seconds,
            ),
            pulumi.ResourceOptions(parent=self),
        )


def _encoded(settings: str) -> str:
    return fitting(packed(settings), "token service", remedy="onboard fewer callers, or shorter")
