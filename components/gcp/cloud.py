"""Google Cloud's part of an environment, under one provider."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_gcp as gcp
from pulumi_gcp import kms

from components.cloud import (
    CloudPart,
    Documents,
    KeyOrder,
    MadeKey,
    MadeKeys,
    MadeValidator,
    ValidatorOrder,
)
from components.gcp import key_census, names
from components.gcp.code_store import CodeStore, CodeStoreArgs
from components.gcp.gateway import Gateway, GatewayArgs
from components.gcp.jwks_store import JwksStore, JwksStoreArgs
from components.gcp.key_census import Existing
from components.gcp.key_ring import KeyRing, KeyRingArgs
from components.gcp.monitoring import Monitoring, MonitoringArgs
from components.gcp.settings import GcpSettings
from components.gcp.shared import Shared
from components.gcp.validator import Validator, ValidatorArgs
from components.rings import document_path
from components.settings import Settings
from signet.documents import JWKS_PATH
from signet.key_ring import ENVIRONMENT_RING
from signet.signals import Signal, WatchedService

Look = Callable[[GcpSettings, str, str], Existing]


@dataclass(frozen=True, kw_only=True)
class GcpCloudArgs:
    """What Google Cloud's part is made from."""

    settings: Settings
    gcp: GcpSettings
    after: pulumi.Resource
    """The journal: the provider waits for it, and so does everything that uses the provider."""
    look: Look | None = None
    """How it is found out what Google has already and never deletes; by default, by asking."""


class GcpCloud(CloudPart):
    """Keys, documents and validators in one Google Cloud project and region."""

    def __init__(
        self, name: str, args: GcpCloudArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        self._provider = gcp.Provider(
            f"{name}-provider",
            project=args.gcp.project,
            region=args.gcp.region,
            opts=pulumi.ResourceOptions.merge(
                opts, pulumi.ResourceOptions(depends_on=[args.after])
            ),
        )
        super().__init__(
            "signet:gcp:Cloud",
            name,
            self._provider,
            args.gcp.store_url,
            opts,
        )
        self._settings = args.settings
        self._gcp = args.gcp
        self._shared = Shared(args.settings, args.gcp, self)
        self._look = args.look or key_census.look
        self._code: CodeStore | None = None
        self._kms_ring: kms.KeyRing | None = None

    def make_keys(self, order: KeyOrder) -> MadeKeys:
        """Declare a ring's issuer account, key and versions, in the environment's key ring."""
        existing = self._look(self._gcp, self._settings.environment, order.ring)
        ring = KeyRing(
            f"gcp-{order.ring}",
            KeyRingArgs(
                environment=self._settings.environment,
                ring=order.ring,
                gcp=self._gcp,
                generations=order.generations,
                destruction_days=self._settings.kms_deletion_days,
                protect=self._settings.protect_keys,
                google_ring=self._google_ring(existing).id,
                exists=existing.key,
                adopt=order.adopt,
            ),
            self._child(),
        )
        return MadeKeys(
            keys={
                number: MadeKey(resource_id=key.version_name, jwk=key.jwk)
                for number, key in ring.keys.items()
            },
            issuer=ring.issuer_email,
        )

    def make_validator(self, order: ValidatorOrder) -> MadeValidator:
        """Declare a validator, and the configuration of gateways that ask it."""
        settings = self._settings
        validator = Validator(
            f"gcp-{order.service}-validator",
            ValidatorArgs(
                environment=settings.environment,
                service=order.service,
                account=self._shared.account(order.ring),
                gcp=self._gcp,
                python=settings.python,
                code=self._code_store(order),
                settings=order.settings,
            ),
            self._child(),
        )
        ours = order.gateway
        gateway = None
        if ours is None or ours.mode != "none":
            gateway = Gateway.of(
                GatewayArgs(
                    environment=settings.environment,
                    validator_url=validator.url,
                    issuer=order.issuer,
                    jwks_url=f"{self.store_url()}/{document_path(order.ring, JWKS_PATH)}",
                    audience=settings.audience if ours is None else ours.audience,
                    proxy=self._gcp.proxy,
                )
            )
        return MadeValidator(
            expected_sha256=validator.settings_sha256,
            reported_sha256=validator.reported_sha256,
            log_group=validator.log_name,
            function=validator.service_name,
            health=validator.url.apply(lambda url: f"{url}/health"),
            urls={} if gateway is None else gateway.urls,
            attached={} if gateway is None else gateway.configuration,
        )

    def _google_ring(self, existing: Existing) -> kms.KeyRing:
        """Return the key ring, as Google has them, of all our rings' keys."""
        if self._kms_ring is None:
            gcp, first = self._gcp, f"gcp-{ENVIRONMENT_RING}"
            before = pulumi.create_urn(first, "signet:gcp:KeyRing", parent=self)
            self._kms_ring = kms.KeyRing(
                f"{first}-key-ring",
                name=gcp.key_ring,
                location=gcp.region,
                project=gcp.project,
                opts=pulumi.ResourceOptions(
                    parent=self,
                    import_=gcp.ring_name if existing.ring else None,
                    # It stood below the environment's ring before services had their own.
                    aliases=[pulumi.Alias(parent=before)],
                ),
            )
        return self._kms_ring

    def _code_store(self, order: ValidatorOrder) -> CodeStore | None:
        """Return where all validators' code is; None where they are an image.

        The token service runs from source always, and its code is put there too.
        """
        wanted = self._gcp.keeps_source(token_service=self._settings.token_service)
        if self._code is None and wanted:
            self._code = CodeStore(
                "gcp-code",
                CodeStoreArgs(
                    environment=self._settings.environment,
                    gcp=self._gcp,
                    bundle=order.bundle,
                    force_destroy=self._settings.disposable,
                ),
                self._child(),
            )
        return None if self._gcp.image else self._code

    def watch(self, signals: Sequence[Signal], services: Sequence[WatchedService]) -> Sequence[str]:
        """Declare the metric, alert policies and the dashboard."""
        monitoring = Monitoring(
            "gcp-monitoring",
            MonitoringArgs(
                environment=self._settings.environment,
                project=self._gcp.project,
                signals=signals,
                services=services,
                channel=self._gcp.notification_channel,
            ),
            self._child(),
        )
        return monitoring.alarms

    def publish(self, documents: Sequence[Documents]) -> None:
        """Declare the bucket with every ring's two documents."""
        JwksStore(
            f"gcp-{ENVIRONMENT_RING}-store",
            JwksStoreArgs(
                environment=self._settings.environment,
                gcp=self._gcp,
                documents={f"gcp-{each.ring}-store": each for each in documents},
                max_age=self._settings.timings.jwks_max_age,
                publish=self._settings.publish,
                readers=self._shared.readers,
                force_destroy=self._settings.disposable,
            ),
            self._child(),
        )

    def private_store(self, ring: str) -> Mapping[str, str] | None:
        """Return a key set's own address, for a request with the validator's token."""
        if self._settings.publish == "public":
            return None
        path = document_path(ring, JWKS_PATH)
        return {"kind": "gcs", "url": names.object_url(self._gcp.store_url, path)}
