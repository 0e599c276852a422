"""The settings that concern AWS alone: ARNs, the bucket, the gateways and what is behind them.

Pure: `components.settings` hands over the reader, which collects the faults of all clouds.
"""

from dataclasses import dataclass, replace
from typing import Final, Literal

from components.aws import names
from components.cloud import GatewayOrder
from components.setting_values import SettingReader
from components.surroundings import Surroundings

LONGEST_RESULT_CACHE: Final = 60
"""Seconds. So long may an answer that a gateway keeps outlive its token and a withdrawn key."""

_ROLE_OR_USER: Final = r"arn:aws[a-z-]*:iam::\d{12}:(root|(role|user)/[\w+=,.@/-]{1,512})"
_FUNCTION: Final = r"arn:aws[a-z-]*:lambda:[a-z0-9-]+:\d{12}:function:[\w-]{1,64}(:[\w$-]{1,128})?"

_TOPIC: Final = r"arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:[\w-]{1,256}"


HttpAnswers = Literal["simple", "iam"]
"""What an HTTP API's authorizer is answered with: allowed or not, or a policy for the method."""


@dataclass(frozen=True, kw_only=True)
class ApiChoice:
    """Whether a gateway is created, left out, or one that exists is attached to."""

    mode: Literal["create", "attach", "none"]
    api_id: str = ""


@dataclass(frozen=True, kw_only=True)
class Backend:
    """What stands behind a gateway that we create: `target` is an ARN or a URL."""

    kind: Literal["echo", "lambda", "url"]
    target: str = ""


@dataclass(frozen=True, kw_only=True)
class AwsSettings:
    """Everything that concerns AWS alone."""

    region: str
    account_id: str
    """The account that must be deployed to; empty: whichever the credentials belong to."""
    bucket: str
    key_administrators: tuple[str, ...]
    issuer_principals: tuple[str, ...]
    http_api: ApiChoice
    http_answers: HttpAnswers
    rest_api: ApiChoice
    rest_access_logs: bool
    backend: Backend
    validator_memory: int
    validator_concurrency: int
    """Reserved concurrent executions; 0 reserves none and limits none."""
    result_cache: int
    """Seconds that a gateway may keep a validator's answer; 0 keeps none."""
    alarm_topic: str
    """ARN of an SNS topic; empty: nobody is told."""
    endpoint: str | None
    """The sandbox's address; None outside it."""

    @property
    def store_url(self) -> str:
        """Address below which the published documents are read."""
        return names.store_url(self.bucket, self.region, self.endpoint)


def read_aws(read: SettingReader, surroundings: Surroundings) -> AwsSettings:
    """Return AWS's settings; faults are left in the reader."""
    region = read.text("awsRegion", r"[a-z]{2}(-[a-z]+)+-\d", "write a region such as eu-central-1")
    if not region:
        read.fault("awsRegion", "it is missing", "write a region such as eu-central-1")
    bucket = read.text(
        "awsBucket",
        names.BUCKET_PATTERN,
        "use 3 to 63 lower-case letters, digits and hyphens; no dots, which break TLS",
    )
    if not bucket:
        remedy = "name a bucket of its own; the name is part of the default issuer and stays"
        read.fault("awsBucket", "it is missing", remedy)
    arns = "write ARNs such as arn:aws:iam::111122223333:role/name"
    principals = read.strings("awsIssuerPrincipals", _ROLE_OR_USER, arns)
    if not principals and read.known(["awsIssuerPrincipals"]):
        read.fault("awsIssuerPrincipals", "nobody could issue tokens", arns)
    return AwsSettings(
        region=region,
        account_id=read.text("awsAccountId", r"\d{12}", "write the 12 digits, in quotes"),
        bucket=bucket,
        key_administrators=read.strings("awsKeyAdministrators", _ROLE_OR_USER, arns),
        issuer_principals=principals,
        http_api=_api(read, "awsHttpApi"),
        http_answers="iam"
        if read.choice("awsHttpAnswers", ("simple", "iam")) == "iam"
        else "simple",
        rest_api=_api(read, "awsRestApi"),
        rest_access_logs=read.flag("awsRestAccessLogs"),
        backend=_backend(read),
        validator_memory=read.integer("awsValidatorMemory", 128, 10_240),
        validator_concurrency=read.integer("awsValidatorConcurrency", 0, 1_000),
        result_cache=read.duration("awsResultCache", most=LONGEST_RESULT_CACHE),
        alarm_topic=read.text(
            "awsAlarmTopic", _TOPIC, "write the ARN of an SNS topic of this region"
        ),
        endpoint=surroundings.aws_endpoint,
    )


def of_service(environment: AwsSettings, order: GatewayOrder) -> AwsSettings:
    """Return the settings for one service's gateway: an HTTP API, or what it attaches to."""
    rest, _, api_id = order.target.rpartition("/")
    attached = ApiChoice(mode="attach", api_id=api_id)
    created = ApiChoice(mode="create" if order.mode == "create" else "none")
    return replace(
        environment,
        http_api=attached if order.mode == "attach" and not rest else created,
        rest_api=attached if order.mode == "attach" and rest else ApiChoice(mode="none"),
        backend=_backend_of(order.backend),
    )


def _api(read: SettingReader, key: str) -> ApiChoice:
    remedy = "write create, none, or attach: and the id of an API that exists"
    value = read.text(key, r"create|none|attach:[a-z0-9]{4,32}", remedy)
    mode, _, api_id = value.partition(":")
    if mode == "attach":
        return ApiChoice(mode="attach", api_id=api_id)
    return ApiChoice(mode="none" if mode == "none" else "create")


def _backend(read: SettingReader) -> Backend:
    remedy = "write echo, the ARN of a Lambda function, or an https URL without a query"
    value = read.text("awsBackend", rf"echo|{_FUNCTION}|https://[^\s?#@/]+(/[^\s?#]*)?", remedy)
    return _backend_of(value)


def _backend_of(value: str) -> Backend:
    if value.startswith("arn:"):
        return Backend(kind="lambda", target=value)
    if value.startswith("https://"):
        return Backend(kind="url", target=value.rstrip("/"))
    return Backend(kind="echo")
