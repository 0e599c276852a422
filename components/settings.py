"""The only reader of `pulumi.Config`: settings, parsed once into one frozen object.

Every fault is reported at once, each with its key, its value and what to write instead, before
anything is created. `Pulumi.yaml` declares the same settings; a test holds the two together.
"""

import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from components.aws.settings import AwsSettings, read_aws
from components.azure.settings import AzureSettings, read_azure
from components.gcp.settings import GcpSettings, read_gcp
from components.setting_values import NAMESPACE, Setting, SettingReader
from components.surroundings import Surroundings
from signet.callers import Caller
from signet.callers_file import callers_of
from signet.errors import Fault, SettingsError
from signet.key_ring import ENVIRONMENT_RING
from signet.paths import repo_root
from signet.rotation_policy import KEY_SIZES, PolicyFault, RingSpec, RotationPolicy, check_policy
from signet.timings import Timings

CLOUDS: Final = ("aws", "azure", "gcp")
"""Clouds that this version can deploy to."""

ALGORITHMS: Final = ("RS256", "PS256", "ES256")

RUNNING_PYTHON: Final = "running"

_PYTHONS: Final = ("3.12", "3.13", RUNNING_PYTHON)

_LOG_DAYS: Final = (
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922,
    3288, 3653,
)  # fmt: skip
"""Retentions that CloudWatch Logs takes (API reference of PutRetentionPolicy)."""

_PROVIDERS: Final = ("aws", "aws-native", "azure", "azure-native", "gcp", "google-native")

_MOST_ALARMED: Final = 1_000_000
_MOST_REMEMBERED: Final = 20_000
_DAY: Final = 86_400
_SCOPE: Final = r"[\x21\x23-\x5B\x5D-\x7E]+"  # RFC 6749 section 3.3

DECLARED: Final[Mapping[str, Setting]] = {
    "environment": Setting(kind="string", default=""),
    "clouds": Setting(kind="array", default=("aws",)),
    "home": Setting(kind="string", default="aws"),
    "issuer": Setting(kind="string", default=""),
    "algorithm": Setting(kind="string", default="RS256"),
    "keySize": Setting(kind="integer", default=0),
    "publish": Setting(kind="string", default="public"),
    "protectKeys": Setting(kind="boolean", default=True),
    "audience": Setting(kind="string", default=""),
    "requiredScope": Setting(kind="string", default=""),
    "python": Setting(kind="string", default="3.12"),
    "rotationPeriod": Setting(kind="string", default="30d"),
    "upInterval": Setting(kind="string", default="1d"),
    "tokenLifetime": Setting(kind="string", default="15m"),
    "jwksMaxAge": Setting(kind="string", default="300s"),
    "cacheCeiling": Setting(kind="string", default="300s"),
    "staleIfError": Setting(kind="string", default="6h"),
    "foreignCacheAge": Setting(kind="string", default="24h"),
    "clockSkew": Setting(kind="string", default="60s"),
    "issuerLag": Setting(kind="string", default="60s"),
    "retention": Setting(kind="string", default="24h"),
    "keyHold": Setting(kind="string", default="30d"),
    "kmsDeletionWindow": Setting(kind="string", default="30d"),
    "logRetention": Setting(kind="string", default="90d"),
    "tokenService": Setting(kind="string", default="none"),
    "services": Setting(kind="string", default="services"),
    "environmentCallers": Setting(kind="string", default=""),
    "tokenServiceInstances": Setting(kind="integer", default=10),
    "tokenCache": Setting(kind="integer", default=0),
    "auditPasses": Setting(kind="boolean", default=False),
    "auditSubject": Setting(kind="string", default="plain"),
    "alarmRefusals": Setting(kind="integer", default=100),
    "alarmUnknownKeys": Setting(kind="integer", default=50),
    "awsRegion": Setting(kind="string", default=""),
    "awsAccountId": Setting(kind="string", default=""),
    "awsBucket": Setting(kind="string", default=""),
    "awsKeyAdministrators": Setting(kind="array", default=()),
    "awsIssuerPrincipals": Setting(kind="array", default=()),
    "awsHttpApi": Setting(kind="string", default="create"),
    "awsHttpAnswers": Setting(kind="string", default="simple"),
    "awsRestApi": Setting(kind="string", default="create"),
    "awsRestAccessLogs": Setting(kind="boolean", default=False),
    "awsBackend": Setting(kind="string", default="echo"),
    "awsValidatorMemory": Setting(kind="integer", default=512),
    "awsValidatorConcurrency": Setting(kind="integer", default=0),
    "awsResultCache": Setting(kind="string", default="0s"),
    "awsAlarmTopic": Setting(kind="string", default=""),
    "azureLocation": Setting(kind="string", default=""),
    "azureSubscriptionId": Setting(kind="string", default=""),
    "azureTenantId": Setting(kind="string", default=""),
    "azureResourceGroup": Setting(kind="string", default=""),
    "azureVault": Setting(kind="string", default=""),
    "azureKeySku": Setting(kind="string", default="standard"),
    "azureStorageAccount": Setting(kind="string", default=""),
    "azureKeyAdministrators": Setting(kind="array", default=()),
    "azureIssuerPrincipals": Setting(kind="array", default=()),
    "azureFunctionMemory": Setting(kind="integer", default=512),
    "azureFunctionMostInstances": Setting(kind="integer", default=100),
    "azureFunctionReadyInstances": Setting(kind="integer", default=0),
    "azureApiManagement": Setting(kind="string", default="none"),
    "azureActionGroup": Setting(kind="string", default=""),
    "gcpProject": Setting(kind="string", default=""),
    "gcpRegion": Setting(kind="string", default=""),
    "gcpKeyRing": Setting(kind="string", default=""),
    "gcpKeyProtection": Setting(kind="string", default="SOFTWARE"),
    "gcpBucket": Setting(kind="string", default=""),
    "gcpIssuerPrincipals": Setting(kind="array", default=()),
    "gcpIngress": Setting(kind="string", default="internal"),
    "gcpProxy": Setting(kind="string", default="envoy"),
    "gcpMinInstances": Setting(kind="integer", default=0),
    "gcpMaxInstances": Setting(kind="integer", default=10),
    "gcpConcurrency": Setting(kind="integer", default=80),
    "gcpCpu": Setting(kind="string", default="1"),
    "gcpBaseImage": Setting(kind="string", default="python"),
    "gcpImage": Setting(kind="string", default=""),
    "gcpNotificationChannel": Setting(kind="string", default=""),
}
"""Every setting, with the type and the default that `Pulumi.yaml` gives it."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """One environment's settings, checked. Durations are whole seconds."""

    environment: str
    in_sandbox: bool
    clouds: tuple[str, ...]
    home: str
    issuer: str
    issuer_is_default: bool
    publish: Literal["public", "private"]
    protect_keys: bool
    """Off, outside the sandbox, only where the environment is to end; each run warns of it."""
    audience: str
    required_scope: str
    python: str
    rotation: RotationPolicy
    kms_deletion_days: int
    log_days: int
    token_service: bool
    """Whether the home cloud runs a token service."""
    services: Path
    """Folder of the service manifests."""
    callers: tuple[Caller, ...]
    """Who may exchange an identity for a token of the environment's own audience."""
    token_service_instances: int
    """How many of it may run at once; 0 sets no bound, and so none on its use of the KMS."""
    token_cache: int
    """Verified tokens that one validator instance remembers."""
    audit_passes: bool
    audit_subject: str
    alarm_refusals: int
    """Refusals in five minutes that are too many."""
    alarm_unknown_keys: int
    """Tokens with a key that nobody published, in five minutes, that are too many."""
    aws: AwsSettings | None
    azure: AzureSettings | None = None
    gcp: GcpSettings | None = None

    @property
    def disposable(self) -> bool:
        """Whether buckets may be destroyed with the earlier documents that they keep."""
        return self.in_sandbox or not self.protect_keys

    @property
    def timings(self) -> Timings:
        """The timings that settings ask for (the journal may hold higher ones still in force)."""
        return self.rotation.timings


def load(surroundings: Surroundings) -> Settings:
    """Read this stack's configuration. Raises SettingsError with every fault."""
    return parse(_raw(), surroundings)


def parse(raw: Mapping[str, str], surroundings: Surroundings) -> Settings:
    """Check raw values (`key` or, for a provider's, `namespace:key`) and return the settings.

    Raises SettingsError with every fault that was found.
    """
    own = {key: value for key, value in raw.items() if ":" not in key}
    read = SettingReader(own, DECLARED)
    read.unknown()
    _refuse_provider_settings(read, raw)
    clouds = _clouds(read)
    aws = read_aws(read, surroundings) if "aws" in clouds else None
    environment = read.text(
        "environment",
        r"[a-z][a-z0-9-]{0,18}[a-z0-9]",
        "use 2 to 20 lower-case letters, digits and hyphens, a letter first",
    )
    named = environment or surroundings.stack
    azure = read_azure(read, surroundings, named) if "azure" in clouds else None
    gcp = read_gcp(read, surroundings) if "gcp" in clouds else None
    stores = {"aws": aws, "azure": azure, "gcp": gcp}
    first = next((store for cloud in clouds if (store := stores.get(cloud))), None)
    issuer = _issuer(read, first.store_url if first else None, in_sandbox=surroundings.in_sandbox)
    rotation = _rotation(read, named, clouds, issuer)
    settings = Settings(
        environment=rotation.environment,
        in_sandbox=surroundings.in_sandbox,
        clouds=clouds,
        home=rotation.home,
        issuer=issuer,
        issuer_is_default=not own.get("issuer"),
        publish="private"
        if read.choice("publish", ("public", "private")) == "private"
        else "public",
        protect_keys=read.flag("protectKeys"),
        audience=_audience(read),
        required_scope=read.text("requiredScope", _SCOPE, "write one scope, such as orders:read"),
        python=_python(read, surroundings),
        rotation=rotation,
        kms_deletion_days=_whole_days(read, "kmsDeletionWindow", 7, 30),
        log_days=_log_days(read),
        token_service=read.choice("tokenService", ("none", "create")) == "create",
        callers=_callers(read, surroundings),
        services=repo_root() / read.text("services"),
        token_service_instances=read.integer("tokenServiceInstances", 0, 1_000),
        token_cache=read.integer("tokenCache", 0, _MOST_REMEMBERED),
        audit_passes=read.flag("auditPasses"),
        alarm_refusals=read.integer("alarmRefusals", 1, _MOST_ALARMED),
        alarm_unknown_keys=read.integer("alarmUnknownKeys", 1, _MOST_ALARMED),
        audit_subject=read.choice("auditSubject", ("plain", "pseudonym", "omitted")),
        aws=aws,
        azure=azure,
        gcp=gcp,
    )
    if read.faults:
        raise SettingsError(read.faults)
    return settings


def _raw() -> dict[str, str]:
    """Return the stack's whole configuration, our own namespace without its prefix."""
    import pulumi
    from pulumi.runtime import config as bag

    found = {**bag.get_config_env(), **bag.CONFIG.get()}
    own = pulumi.Config(NAMESPACE)
    prefix = f"{NAMESPACE}:"
    keys = {key.removeprefix(prefix) for key in found if key.startswith(prefix)} | set(DECLARED)
    values = {key: own.get(key) for key in keys}
    others = {key: str(value) for key, value in found.items() if not key.startswith(prefix)}
    return others | {key: value for key, value in values.items() if value is not None}


def _refuse_provider_settings(read: SettingReader, raw: Mapping[str, str]) -> None:
    """The program makes its own providers, to which a stack's `aws:` settings do not apply."""
    remedies = {
        "aws:region": f"use {NAMESPACE}:awsRegion",
        "aws:allowedAccountIds": f"use {NAMESPACE}:awsAccountId",
        "azure-native:location": f"use {NAMESPACE}:azureLocation",
        "azure-native:subscriptionId": f"use {NAMESPACE}:azureSubscriptionId",
        "azure-native:tenantId": f"use {NAMESPACE}:azureTenantId",
    }
    for key in sorted(key for key in raw if key.split(":", 1)[0] in _PROVIDERS):
        read.faults.append(
            Fault(
                key=key,
                value=raw[key],
                problem="the provider's own settings are not used here",
                remedy=remedies.get(key, "remove it; give credentials by AWS_PROFILE or the like"),
            )
        )


def _clouds(read: SettingReader) -> tuple[str, ...]:
    clouds = read.strings("clouds")
    for cloud in clouds:
        if cloud not in CLOUDS:
            read.fault(
                "clouds", f"{cloud!r} is no cloud that this version deploys to", _some_cloud()
            )
    if not clouds:
        read.fault("clouds", "it names no cloud", _some_cloud())
    return clouds


def _some_cloud() -> str:
    return f"name one or more of {', '.join(CLOUDS)}"


def _issuer(read: SettingReader, store_url: str | None, *, in_sandbox: bool) -> str:
    issuer = read.text("issuer")
    if not issuer:
        return store_url or "https://issuer.invalid"
    parts = urllib.parse.urlsplit(issuer)
    loopback = in_sandbox and parts.hostname in {"127.0.0.1", "localhost"}
    if parts.scheme != "https" and not (parts.scheme == "http" and loopback):
        read.fault("issuer", "it is not an https URL", "write https://host or https://host/path")
    elif not parts.hostname or parts.query or parts.fragment or "@" in parts.netloc:
        read.fault(
            "issuer",
            "an issuer has a host, and no user, query or fragment (RFC 8414 section 2)",
            "write https://host or https://host/path",
        )
    elif issuer.endswith("/"):
        read.fault("issuer", "it ends in a slash", f"write {issuer.rstrip('/')}")
    return issuer


def _rotation(
    read: SettingReader, environment: str, clouds: tuple[str, ...], issuer: str
) -> RotationPolicy:
    algorithm = read.choice("algorithm", ALGORITHMS)
    policy = RotationPolicy(
        environment=environment,
        rings=(RingSpec(ENVIRONMENT_RING, issuer),),
        clouds=clouds,
        home=read.choice("home", clouds or CLOUDS),
        timings=Timings(
            token_lifetime=read.duration("tokenLifetime"),
            jwks_max_age=read.duration("jwksMaxAge"),
            cache_ceiling=read.duration("cacheCeiling"),
            stale_if_error=read.duration("staleIfError"),
            foreign_cache_age=read.duration("foreignCacheAge"),
            clock_skew=read.duration("clockSkew"),
            issuer_lag=read.duration("issuerLag"),
        ),
        algorithm=algorithm,
        key_size=_key_size(read, algorithm),
        rotation_period=read.duration("rotationPeriod"),
        up_interval=read.duration("upInterval"),
        retention=read.duration("retention"),
        hold=read.duration("keyHold"),
    )
    for fault in check_policy(policy):
        if fault.key in DECLARED and read.known([fault.key]):
            read.fault(fault.key, fault.problem, _remedy(fault))
    return policy


def _key_size(read: SettingReader, algorithm: str) -> int:
    return read.integer("keySize", 0, 4096) or KEY_SIZES[algorithm][0]


def _remedy(fault: PolicyFault) -> str:
    return fault.remedy.replace(f"set {fault.key}", f"set {NAMESPACE}:{fault.key}")


def _audience(read: SettingReader) -> str:
    audience = read.text(
        "audience", r"\S{1,255}", "write one audience without spaces, such as a URL"
    )
    if not audience:
        read.fault(
            "audience",
            "it is missing: a validator must know for whom a token is meant",
            "set it to the address or name of what stands behind the gateways",
        )
    return audience


def _callers(read: SettingReader, surroundings: Surroundings) -> tuple[Caller, ...]:
    named = read.text("environmentCallers")
    if not named:
        return ()
    try:
        text = (repo_root() / named).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        remedy = "name a YAML file by its path from the folder of Pulumi.yaml"
        read.fault("environmentCallers", f"it cannot be read ({type(error).__name__})", remedy)
        return ()
    try:
        return callers_of(text, named, sandbox=surroundings.in_sandbox)
    except SettingsError as error:
        read.faults += error.faults
        return ()


def _python(read: SettingReader, surroundings: Surroundings) -> str:
    import sys

    chosen = read.choice("python", _PYTHONS)
    if chosen != RUNNING_PYTHON:
        return chosen
    if not surroundings.in_sandbox:
        offered = ", ".join(_PYTHONS[:-1])
        read.fault(
            "python", "it depends on this machine", f"use one that every cloud has: {offered}"
        )
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def _whole_days(read: SettingReader, key: str, least: int, most: int) -> int:
    value = read.duration(key, least * _DAY, most * _DAY)
    if value % _DAY:
        read.fault(key, "it is not a whole number of days", f"use {least}d to {most}d")
    return value // _DAY


def _log_days(read: SettingReader) -> int:
    wanted = read.duration("logRetention")
    enough = next((days for days in _LOG_DAYS if days * _DAY >= wanted), _LOG_DAYS[-1])
    if enough * _DAY != wanted and read.known(["logRetention"]):
        read.fault("logRetention", "CloudWatch Logs has no such retention", f"use {enough}d")
    return enough
