"""The settings artefact of a deployed token service: policy, and the key that it signs with. Pure.

The program writes it after every validator; the service reads it at its start. Which generation
signs is that of the last completely applied record, so whatever instance runs, it signs with a key
that every validator holds.
"""

from __future__ import annotations

import base64
import binascii
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from signet import strict_json as strict
from signet.callers import Caller, parse_callers
from signet.strict_json import RecordError

SCHEMA = 1
USED_PREFIX = "used/"
"""Below it each used token is an object of the store."""
USED_KEPT_DAYS = 2
"""Longer than any platform's token that is taken once lives (`signet.identities`: 25 h)."""

FILE_NAME = "signet_token_service.json"
HASH_VARIABLE = "SIGNET_SETTINGS_SHA256"

_FIELDS = (
    "schema", "environment", "cloud", "sandbox", "endpoint", "bundle_sha256", "subject_audience",
    "keys", "services", "limits", "replay", "memory_since",
)  # fmt: skip
_KEY_FIELDS = (
    "issuer", "generation", "algorithm", "jwk", "cloud", "reference", "identity",
    "longest_lifetime",
)  # fmt: skip
_LARGEST = 4 * 1024 * 1024
_LIMIT_FIELDS = ("caller_per_second", "caller_burst", "sign_per_second", "sign_burst")


@dataclass(frozen=True, kw_only=True)
class SigningKey:
    """The one key that signs for a ring, as the record confirmed it. `longest_lifetime`: seconds.

    `reference` is the cloud's own name for the KMS key and `identity` whom it lets sign.
    """

    issuer: str
    generation: int
    algorithm: str
    jwk: Mapping[str, str]
    cloud: str
    reference: str
    identity: str | None
    longest_lifetime: int


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What one instance gives out: to each caller, and with the KMS in all."""

    caller_per_second: int = 5
    caller_burst: int = 20
    sign_per_second: int = 20
    sign_burst: int = 40

    @classmethod
    def sharing(cls, in_all: int, instances: int, most: int = sign_per_second) -> Limits:
        """Return the limits by which so many instances keep to `in_all` signatures a second.

        None gives out more than `most`; where `instances` is 0 that is all. One caller gets half
        of an instance's at most: a greedy one leaves the others something.
        """
        each = most
        if instances:
            each = max(1, min(each, in_all // instances))
        return cls(
            caller_per_second=max(1, min(cls.caller_per_second, each // 2)),
            caller_burst=min(cls.caller_burst, each),
            sign_per_second=each,
            sign_burst=2 * each,
        )


@dataclass(frozen=True, kw_only=True)
class OfferedService:
    """One service: who may have a token for its audience, and which ring signs it."""

    service: str
    audience: str
    ring: str
    callers: tuple[Caller, ...]


@dataclass(frozen=True, kw_only=True)
class TokenServiceSettings:
    """Everything that a token service was deployed with.

    `subject_audience` is what platform tokens are made out to, `replay` where used ones are
    remembered, as the cloud's store reads it: a bucket's name on AWS, else the address of a
    container or bucket ("" where no rule takes a token once). `endpoint` is the sandbox's cloud (""
    elsewhere). `memory_since`: see `signet.moved_home`.
    """

    environment: str
    cloud: str
    sandbox: bool
    bundle_sha256: str
    subject_audience: str
    keys: Mapping[str, SigningKey]
    services: tuple[OfferedService, ...]
    limits: Limits = field(default_factory=Limits)
    replay: str = ""
    endpoint: str = ""
    memory_since: int | None = 0

    def dumps(self) -> str:
        """Return the canonical text; the SHA-256 of its bytes is the settings hash."""
        return strict.dumps(
            {
                "schema": SCHEMA,
                "environment": self.environment,
                "cloud": self.cloud,
                "sandbox": self.sandbox,
                "endpoint": self.endpoint,
                "bundle_sha256": self.bundle_sha256,
                "subject_audience": self.subject_audience,
                "keys": {ring: _key_members(key) for ring, key in self.keys.items()},
                "services": [_service_members(service) for service in self.services],
                "limits": {name: getattr(self.limits, name) for name in _LIMIT_FIELDS},
                "replay": self.replay,
                "memory_since": self.memory_since,
            }
        )

    @classmethod
    def parse(cls, text: str) -> TokenServiceSettings:
        """Read the artefact. Raises RecordError, or SettingsError for a caller's rule."""
        what = "token service settings"
        top = strict.members(strict.loads(text, what), _FIELDS, what)
        strict.schema(top, SCHEMA, what)
        sandbox = top["sandbox"]
        if not isinstance(sandbox, bool):
            raise RecordError(f"{what}: sandbox is not true or false")
        if not isinstance(top["services"], list):
            raise RecordError(f"{what}: services is not a list")
        found = cls(
            environment=strict.text(top["environment"], f"{what}: environment"),
            cloud=strict.text(top["cloud"], f"{what}: cloud"),
            sandbox=sandbox,
            endpoint=_maybe(top["endpoint"], f"{what}: endpoint"),
            bundle_sha256=strict.text(top["bundle_sha256"], f"{what}: bundle_sha256"),
            subject_audience=strict.text(top["subject_audience"], f"{what}: subject_audience"),
            keys=strict.mapping(top["keys"], f"{what}: keys", _key),
            services=tuple(_service(member, what, sandbox) for member in top["services"]),
            limits=_limits(top["limits"], f"{what}: limits"),
            replay=_maybe(top["replay"], f"{what}: replay"),
            memory_since=strict.optional_moment(top["memory_since"], f"{what}: memory_since"),
        )
        found.check(what)
        return found

    def check(self, what: str) -> None:
        """Refuse settings that contradict themselves. Raises RecordError."""
        audiences = [service.audience for service in self.services]
        if len(set(audiences)) != len(audiences):
            raise RecordError(f"{what}: two services have one audience")
        for service in self.services:
            if service.ring not in self.keys:
                raise RecordError(f"{what}: no key signs for the ring {service.ring}")
        if not self.replay and any(c.once for s in self.services for c in s.callers):
            raise RecordError(f"{what}: a rule takes tokens once, and nothing remembers them")
        if self.endpoint and not self.sandbox:
            raise RecordError(f"{what}: only a sandbox has an endpoint of its own")


def packed(text: str) -> str:
    """Return the artefact as one variable of a container or an app carries it.

    Compressed, because the rules of many services do not fit otherwise. The settings hash is of the
    text itself, so that another zlib changes what is deployed and not what is confirmed.
    """
    return base64.b64encode(zlib.compress(text.encode(), 9)).decode()


def unpacked(value: str) -> bytes:
    """Return the artefact's bytes out of a variable. Raises RecordError."""
    reading = zlib.decompressobj()
    try:
        found = reading.decompress(base64.b64decode(value, validate=True), _LARGEST)
    except (binascii.Error, ValueError, zlib.error):
        raise RecordError("token service settings: their variable is not readable") from None
    if not reading.eof or reading.unused_data:
        raise RecordError("token service settings: cut short, too large, or more than one")
    return found


def caller_members(caller: Caller) -> dict[str, Any]:
    """Return a caller as a manifest would have it: what `parse_callers` reads back."""
    members: dict[str, Any] = {
        "name": caller.name,
        "identity": caller.kind.name,
        "issuer": caller.issuer,
        "match": {claim: list(wanted.alternatives) for claim, wanted in caller.match.items()},
        "scopes": list(caller.scopes),
        "roles": list(caller.roles),
        "lifetime": f"{caller.lifetime}s",
        "once": caller.once,
    }
    if caller.subject_audience is not None:
        members["subject_audience"] = caller.subject_audience
    return members


def _service_members(service: OfferedService) -> dict[str, Any]:
    return {
        "service": service.service,
        "audience": service.audience,
        "ring": service.ring,
        "callers": [caller_members(caller) for caller in service.callers],
    }


def _key_members(key: SigningKey) -> dict[str, Any]:
    members = {name: getattr(key, name) for name in _KEY_FIELDS}
    return {**members, "jwk": dict(key.jwk), "identity": key.identity or ""}


def _key(value: object, where: str) -> SigningKey:
    members = strict.members(value, _KEY_FIELDS, where)
    jwk = strict.mapping(members["jwk"], f"{where}.jwk", strict.text)
    return SigningKey(
        issuer=strict.text(members["issuer"], f"{where}.issuer"),
        generation=strict.count(members["generation"], f"{where}.generation"),
        algorithm=strict.text(members["algorithm"], f"{where}.algorithm"),
        jwk=jwk,
        cloud=strict.text(members["cloud"], f"{where}.cloud"),
        reference=strict.text(members["reference"], f"{where}.reference"),
        identity=_maybe(members["identity"], f"{where}.identity") or None,
        longest_lifetime=strict.count(members["longest_lifetime"], f"{where}.longest_lifetime"),
    )


def _service(value: object, what: str, sandbox: bool) -> OfferedService:
    members = strict.members(value, ("service", "audience", "ring", "callers"), f"{what}: services")
    name = strict.text(members["service"], f"{what}: service")
    return OfferedService(
        service=name,
        audience=strict.text(members["audience"], f"{what}: audience of {name}"),
        ring=strict.text(members["ring"], f"{what}: ring of {name}"),
        callers=parse_callers(members["callers"], f"{what}: {name}: callers", sandbox=sandbox),
    )


def _limits(value: object, where: str) -> Limits:
    members = strict.members(value, _LIMIT_FIELDS, where)
    numbers = {name: strict.count(members[name], f"{where}.{name}") for name in _LIMIT_FIELDS}
    if not all(numbers.values()):
        raise RecordError(f"{where}: a limit of 0 gives out nothing")
    return Limits(**numbers)


def _maybe(value: object, where: str) -> str:
    """A text that may be empty."""
    if not isinstance(value, str):
        raise RecordError(f"{where}: not a string")
    return value
