"""The token service on Google Cloud: a Cloud Run service of its own, open to everybody.

Nothing guards it, because the platform's token in the form is what proves who asks. Its account
may do two things: sign with the rings' keys, and add a used token to a bucket that only grows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pulumi
import pulumi_gcp as gcp
from pulumi_gcp import kms, serviceaccount

from components.gcp import monitoring_documents as documents
from components.gcp import names
from components.gcp.code_store import source_object
from components.gcp.monitoring import AlarmArgs, LineMetricArgs, alarm, line_metric
from components.gcp.run_service import RunServiceArgs, fitting, reported_hash, run_service
from components.gcp.settings import GcpSettings
from components.gcp.used_tokens import UsedTokens, UsedTokensArgs
from components.token_service_part import TokenServicePart
from components.validator_settings import settings_hash
from signet.signals import Signal
from signet.token_service import HASH_VARIABLE, packed

COMMAND: Final = ("python3", "-m", "signet.issuing.exchange.cloud_run")
SETTINGS_VARIABLE: Final = "SIGNET_SETTINGS"
SIGNER: Final = "roles/cloudkms.signer"

SIGNATURES: Final[Mapping[str, int]] = {"SOFTWARE": 200, "HSM": 25}
"""Tokens a second of all instances, by the keys' protection: half of what a project may sign with
HSM keys (3,000 a minute; unsure), far below it with software keys (60,000; Cloud KMS, "Quotas")."""
_AT_ONCE: Final = 20
"""Requests for each instance; each is a thread that mostly waits for the KMS."""


@dataclass(frozen=True, kw_only=True)
class TokenServiceArgs:
    """What a token service is made from."""

    environment: str
    gcp: GcpSettings
    python: str
    bundle: Path
    settings: pulumi.Output[str]
    """Text of the settings artefact, known once every validator is deployed."""
    rings: Sequence[str]
    """Rings whose keys are in this project."""
    instances: int
    """The most instances; 0: as many as Cloud Run makes by itself."""
    signals: Sequence[Signal]


class TokenService(TokenServicePart):
    """Service, account, its rights, and the bucket of used tokens."""

    def __init__(
        self, name: str, args: TokenServiceArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        provider = gcp.Provider(
            f"{name}-provider", project=args.gcp.project, region=args.gcp.region, opts=opts
        )
        super().__init__("signet:gcp:TokenService", name, provider, opts)
        own = pulumi.ResourceOptions(parent=self)
        account = serviceaccount.Account(
            f"{name}-run",
            account_id=names.account_id(args.environment, "token-service"),
            project=args.gcp.project,
            display_name=f"Signet {args.environment}: the token service",
            opts=own,
        )
        rights = self._rights(name, args, account)
        self._watch(name, args)
        self.settings_sha256 = args.settings.apply(settings_hash)
        service = run_service(
            f"{name}-service",
            RunServiceArgs(
                environment=args.environment,
                gcp=args.gcp,
                title=names.token_service(args.environment),
                description=f"Signet token service of {args.environment}",
                ingress="INGRESS_TRAFFIC_ALL",
                account=account.email,
                code=source_object(
                    f"{name}-bundle", names.source_bucket(args.gcp.bucket), args.bundle, own
                ),
                python=args.python,
                command=COMMAND,
                variables={
                    SETTINGS_VARIABLE: args.settings.apply(_encoded),
                    HASH_VARIABLE: self.settings_sha256,
                },
                min_instances=0,
                max_instances=args.instances or None,
                concurrency=_AT_ONCE,
            ),
            pulumi.ResourceOptions(parent=self, depends_on=rights),
        )
        self.url = service.uri.apply(lambda uri: f"{uri}/token")
        self.function_name = service.name
        self.log_group_name = service.id
        self.reported_sha256 = service.template.apply(reported_hash)
        self._finish()

    def _watch(self, name: str, args: TokenServiceArgs) -> None:
        environment, project = args.environment, args.gcp.project
        metric = line_metric(
            f"{name}-lines",
            LineMetricArgs(
                name=documents.exchanges_name(environment),
                project=project,
                description=f"Exchanges of Signet {environment} that ended without a token",
                filter=documents.exchanges_filter(environment),
                labels=documents.EXCHANGE_LABELS,
            ),
            pulumi.ResourceOptions(parent=self),
        )
        watched = AlarmArgs(
            environment=environment, project=project, channel=args.gcp.notification_channel
        )
        for signal in args.signals:
            after = pulumi.ResourceOptions(parent=self, depends_on=[metric])
            alarm(f"{name}-{signal.name}", watched, signal, after)

    def _rights(
        self, name: str, args: TokenServiceArgs, account: serviceaccount.Account
    ) -> list[pulumi.Resource]:
        own = pulumi.ResourceOptions(parent=self)
        signs = [
            kms.CryptoKeyIAMMember(
                f"{name}-signs-{ring}",
                crypto_key_id=names.crypto_key(args.gcp.ring_name, ring),
                role=SIGNER,
                member=account.member,
                opts=own,
            )
            for ring in args.rings
        ]
        used = UsedTokens(
            f"{name}-used",
            UsedTokensArgs(
                environment=args.environment,
                gcp=args.gcp,
                adder=account.member,
            ),
            own,
        )
        return [*signs, used]


def _encoded(settings: str) -> str:
    return fitting(packed(settings), "token service", remedy="onboard fewer callers, or shorter")
