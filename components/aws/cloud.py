"""AWS's part of an environment, under one provider."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.aws import names
from components.aws.gateway import Gateway, GatewayArgs
from components.aws.guard import Guard
from components.aws.jwks_store import JwksStore, JwksStoreArgs
from components.aws.key_ring import KeyRing, KeyRingArgs
from components.aws.monitoring import Monitoring, MonitoringArgs
from components.aws.settings import AwsSettings, of_service
from components.aws.shared import Shared
from components.aws.validator import Validator, ValidatorArgs
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
from signet.key_ring import ENVIRONMENT_RING as ENVIRONMENT
from signet.signals import Signal, WatchedService


@dataclass(frozen=True, kw_only=True)
class AwsCloudArgs:
    """What AWS's part is made from."""

    settings: Settings
    aws: AwsSettings
    after: pulumi.Resource
    """The journal: the provider waits for it, and so does everything that uses the provider."""


class AwsCloud(CloudPart):
    """Keys, documents, validators and gateways in one AWS account and region."""

    def __init__(
        self, name: str, args: AwsCloudArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        self._provider = aws.Provider(
            f"{name}-provider",
            region=args.aws.region,
            allowed_account_ids=[args.aws.account_id] if args.aws.account_id else None,
            opts=pulumi.ResourceOptions.merge(
                opts, pulumi.ResourceOptions(depends_on=[args.after])
            ),
        )
        super().__init__(
            "signet:aws:Cloud",
            name,
            self._provider,
            args.aws.store_url,
            opts,
        )
        self._settings = args.settings
        self._aws = args.aws
        self._shared = Shared(args.settings, args.aws, self)
        identity = aws.get_caller_identity_output(opts=pulumi.InvokeOutputOptions(parent=self))
        self._account: pulumi.Output[str] = identity.account_id

    def make_keys(self, order: KeyOrder) -> MadeKeys:
        """Declare a ring's issuer role and KMS keys."""
        root = self._account.apply(
            lambda account: names.account_root_arn(account, self._aws.region)
        )
        ring = KeyRing(
            order.ring,
            KeyRingArgs(
                environment=self._settings.environment,
                ring=order.ring,
                generations=order.generations,
                administrators=self._aws.key_administrators or [root],
                issuer_principals=self._aws.issuer_principals,
                account_root=root,
                service_role=self._service_role(),
                deletion_days=self._settings.kms_deletion_days,
                protect=self._settings.protect_keys,
                adopt=order.adopt,
            ),
            self._child(),
        )
        return MadeKeys(
            keys={
                number: MadeKey(resource_id=key.arn, jwk=key.jwk)
                for number, key in ring.keys.items()
            },
            issuer=ring.issuer_role_arn,
        )

    def make_validator(self, order: ValidatorOrder) -> MadeValidator:
        """Declare a validator, and the gateways with it as their guard."""
        validator = Validator(
            f"{order.service}-validator",
            ValidatorArgs(
                environment=self._settings.environment,
                service=order.service,
                python=self._settings.python,
                bundle=order.bundle,
                settings=order.settings,
                memory=self._aws.validator_memory,
                concurrency=self._aws.validator_concurrency,
                http_answers=self._aws.http_answers,
                role_arn=self._shared.role(order.ring),
                log_group=self._shared.validators_log.name,
            ),
            self._child(),
        )
        ours = order.gateway
        gateway = Gateway(
            f"{order.service}-gateway",
            GatewayArgs(
                environment=self._settings.environment,
                service="" if ours is None else order.service,
                aws=self._aws if ours is None else of_service(self._aws, ours),
                account_id=self._account,
                shared=self._shared,
                guard=Guard(
                    function_name=validator.function_name,
                    invoke_arn=validator.invoke_arn,
                    result_cache=self._aws.result_cache,
                    answers_simply=self._aws.http_answers == "simple",
                ),
            ),
            self._child(),
        )
        return MadeValidator(
            expected_sha256=validator.settings_sha256,
            reported_sha256=validator.reported_sha256,
            log_group=self._shared.validators_log.name,
            function=validator.function_name,
            urls=gateway.urls,
            attached=gateway.attached,
        )

    def watch(self, signals: Sequence[Signal], services: Sequence[WatchedService]) -> Sequence[str]:
        """Declare metrics, alarms and the dashboard."""
        monitoring = Monitoring(
            "aws-monitoring",
            MonitoringArgs(
                environment=self._settings.environment,
                region=self._aws.region,
                log_group=self._shared.validators_log.name,
                signals=signals,
                services=services,
                topic=self._aws.alarm_topic,
            ),
            self._child(),
        )
        return monitoring.alarms

    def publish(self, documents: Sequence[Documents]) -> None:
        """Declare the bucket with every ring's two documents."""
        JwksStore(
            f"{ENVIRONMENT}-store",
            JwksStoreArgs(
                environment=self._settings.environment,
                bucket=self._aws.bucket,
                region=self._aws.region,
                documents={f"{each.ring}-store": each for each in documents},
                max_age=self._settings.timings.jwks_max_age,
                publish=self._settings.publish,
                readers=self._shared.readers,
                force_destroy=self._settings.disposable,
            ),
            self._child(),
        )

    def private_store(self, ring: str) -> Mapping[str, str] | None:
        """Return the key set's own address, for a request signed with the validator's role."""
        if self._settings.publish == "public":
            return None
        url = f"{self._aws.store_url}/{document_path(ring, JWKS_PATH)}"
        return {"kind": "aws_s3", "url": url, "region": self._aws.region}

    def _service_role(self) -> pulumi.Input[str]:
        if not self._settings.token_service:
            return ""
        role = names.token_service(self._settings.environment)
        return self._account.apply(lambda account: names.role_arn(role, account, self._aws.region))
