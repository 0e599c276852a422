"""The validator's settings: one JSON file, read once, every fault reported at once.

The file travels beside the bundle (on AWS as a layer), so its hash tells which settings a running
function has. Only `load` reads the environment, and only for where the file is and what it must be.
"""

import os
import re
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from . import limits, strict_json
from ._frozen import Frozen
from .digests import sha256
from .errors import SettingsError, VerificationError
from .keys import KeySet
from .policy import Policy
from .routes import RouteTable

FILE_NAME = "signet_settings.json"
HASH_VARIABLE = "SIGNET_SETTINGS_SHA256"
FILE_VARIABLE = "SIGNET_SETTINGS_FILE"
TEXT_VARIABLE = "SIGNET_SETTINGS"

PLAIN, PSEUDONYM, OMITTED = "plain", "pseudonym", "omitted"
"""How a log line names a verified subject: as it is, by a hash of it, or not at all."""

_SECURE_URL = r"https://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[!\"$-~]*)?"
_LOOPBACK_URL = (
    r"http://(127\.0\.0\.1|\[::1\]|([A-Za-z0-9-]+\.)*localhost)(:[0-9]{1,5})?(/[!\"$-~]*)?"
)
_HASH_DIGITS = 64
# Seconds. A deployment's tokens live an hour at the most; a day leaves room and bounds a slip.
_LONGEST_LIFETIME = 86_400
_STORES = frozenset({"aws_s3", "azure_blob", "gcs"})


def is_allowed_url(url: str, *, sandbox: bool) -> bool:
    """HTTPS, or under the sandbox's marker HTTP to this machine; no user, no fragment."""
    if sandbox and re.fullmatch(_LOOPBACK_URL, url):
        return True
    return re.fullmatch(_SECURE_URL, url) is not None


class IssuerSettings(Frozen):
    """One trusted issuer: its ring, the keys deployed for it, and where its set is published.

    `key_set` is None when nothing was deployed (only with `trust: published`).
    """

    __slots__ = ("issuer", "jwks_urls", "key_set", "policy", "private_store", "ring")
    issuer: str
    ring: str
    key_set: KeySet | None
    jwks_urls: tuple[str, ...]
    private_store: Mapping[str, Any] | None
    policy: Policy

    def __init__(
        self,
        *,
        issuer: str,
        ring: str,
        key_set: KeySet | None,
        jwks_urls: tuple[str, ...],
        private_store: Mapping[str, Any] | None,
        policy: Policy,
    ) -> None:
        self._fill(
            issuer=issuer,
            ring=ring,
            key_set=key_set,
            jwks_urls=jwks_urls,
            private_store=private_store,
            policy=policy,
        )

    def __hash__(self) -> int:
        return hash((self.issuer, self.ring))


class Timing(Frozen):
    """Seconds: the published set's `max-age` (A), the cache ceiling (C), stale-if-error (E)."""

    __slots__ = ("cache_ceiling", "jwks_max_age", "stale_if_error")
    jwks_max_age: int
    cache_ceiling: int
    stale_if_error: int

    def __init__(self, jwks_max_age: int, cache_ceiling: int, stale_if_error: int) -> None:
        self._fill(
            jwks_max_age=jwks_max_age, cache_ceiling=cache_ceiling, stale_if_error=stale_if_error
        )


class ValidatorSettings(Frozen):
    """Everything that a validator was deployed with; `sha256` is the hash of the file's bytes."""

    __slots__ = (
        "audit_passes",
        "audit_subject",
        "bundle_sha256",
        "cache_bytes",
        "cache_entries",
        "cloud",
        "environment",
        "issuers",
        "rotation_due",
        "routes",
        "sandbox",
        "service",
        "sha256",
        "timing",
        "trust",
    )
    environment: str
    service: str
    cloud: str
    sandbox: bool
    bundle_sha256: str
    trust: str
    issuers: tuple[IssuerSettings, ...]
    routes: RouteTable
    timing: Timing
    cache_entries: int
    cache_bytes: int
    audit_passes: bool
    audit_subject: str
    rotation_due: int | None
    """Epoch seconds by which another `up` should have brought the next key; None: not watched."""
    sha256: str

    def __init__(self, **values: Any) -> None:
        self._fill(**values)

    @classmethod
    def parse(cls, data: bytes) -> "ValidatorSettings":
        """Read the artefact; raise `SettingsError` that lists every fault."""
        if len(data) > limits.SETTINGS:
            raise SettingsError(["the settings are too large"])
        try:
            document = strict_json.parse_object(data, limits.SETTINGS)
        except ValueError:
            raise SettingsError(["the settings are not one strict JSON object"]) from None
        return _Reader().settings(document, sha256(data).hex())


def load(
    environ: Mapping[str, str] = os.environ, folders: Sequence[str] | None = None
) -> ValidatorSettings:
    """Find and read the settings; raise `SettingsError`.

    They are `SIGNET_SETTINGS` (the file's bytes in base64, where a cloud has no place for a file
    beside the bundle), or the file that `SIGNET_SETTINGS_FILE` names, or the first
    `signet_settings.json` on `sys.path` (a Lambda layer's `python/` is there).
    `SIGNET_SETTINGS_SHA256` must be their hash.
    """
    text = environ.get(TEXT_VARIABLE)
    data = _from_text(text) if text else _from_file(environ.get(FILE_VARIABLE), folders)
    settings = ValidatorSettings.parse(data)
    if environ.get(HASH_VARIABLE, settings.sha256) != settings.sha256:
        raise SettingsError([f"{HASH_VARIABLE} is not the hash of the settings"])
    return settings


def _from_text(text: str) -> bytes:
    from base64 import b64decode

    try:
        return b64decode(text, validate=True)
    except ValueError:
        raise SettingsError([f"{TEXT_VARIABLE} is not base64"]) from None


def _from_file(named: str | None, folders: Sequence[str] | None) -> bytes:
    paths = (
        [named]
        if named
        else [f"{folder}/{FILE_NAME}" for folder in (sys.path if folders is None else folders)]
    )
    for path in paths:
        try:
            with open(path, "rb") as file:  # noqa: PTH123 - pathlib costs a cold start 10 ms
                return file.read(limits.SETTINGS + 1)
        except OSError:
            continue
    raise SettingsError([f"no {FILE_NAME} was found"])


def _is_hash(value: object) -> bool:
    return (
        isinstance(value, str)
        and len(value) == _HASH_DIGITS
        and set("0123456789abcdef").issuperset(value)
    )


class _Reader:
    """Reads the parts of the artefact, noting every fault and where it is."""

    def __init__(self) -> None:
        self._faults: list[str] = []

    def settings(self, document: dict[str, Any], digest: str) -> ValidatorSettings:
        top = self._object(
            document,
            "settings",
            "schema environment service cloud sandbox bundle_sha256 trust issuers policy routes "
            "timing token_cache audit",
        )
        if top.get("schema") != 1 or top.get("schema") is True:
            self._fault("`schema` is not 1")
        sandbox = self._boolean(top, "sandbox")
        trust = top.get("trust")
        if trust not in ("deployed", "published"):
            self._fault("`trust` is neither `deployed` nor `published`")
        bundle = top.get("bundle_sha256")
        if not _is_hash(bundle):
            self._fault("`bundle_sha256` is not 64 hexadecimal digits")
        token_cache = self._object(top.get("token_cache"), "token_cache", "entries bytes")
        audit = self._object(top.get("audit"), "audit", "passes subject rotation_due")
        if audit.get("subject") not in (PLAIN, PSEUDONYM, OMITTED):
            self._fault("`audit.subject` is none of `plain`, `pseudonym` and `omitted`")
        result = ValidatorSettings(
            environment=self._text(top, "environment"),
            service=self._text(top, "service"),
            cloud=self._text(top, "cloud"),
            sandbox=sandbox,
            bundle_sha256=bundle,
            trust=trust,
            issuers=self._issuers(top, sandbox=sandbox, deployed=trust == "deployed"),
            routes=self._routes(top.get("routes")),
            timing=self._timing(top.get("timing")),
            cache_entries=self._number(token_cache, "token_cache.entries", 0, 1_000_000),
            cache_bytes=self._number(token_cache, "token_cache.bytes", 0, 2**30),
            audit_passes=self._boolean(audit, "audit.passes"),
            audit_subject=audit.get("subject"),
            rotation_due=None
            if audit.get("rotation_due") is None
            else self._number(
                audit, "audit.rotation_due", limits.CLOCK_EARLIEST, limits.CLOCK_LATEST
            ),
            sha256=digest,
        )
        if self._faults:
            raise SettingsError(self._faults)
        return result

    def _fault(self, text: str) -> None:
        self._faults.append(text)

    def _object(self, value: object, where: str, names: str) -> dict[str, Any]:
        wanted = set(names.split())
        if not isinstance(value, dict):
            self._fault(f"`{where}` is not an object")
            return {}
        self._faults += [f"`{where}` lacks `{name}`" for name in sorted(wanted - value.keys())]
        if not value.keys() <= wanted:
            self._fault(f"`{where}` has a field that is not known")
        return value

    def _text(self, members: Mapping[str, Any], where: str) -> str:
        value = members.get(where.rpartition(".")[2])
        if not isinstance(value, str) or not value or not value.isprintable():
            self._fault(f"`{where}` is not a non-empty printable string")
            return ""
        return value

    def _boolean(self, members: Mapping[str, Any], where: str) -> bool:
        value = members.get(where.rpartition(".")[2])
        if not isinstance(value, bool):
            self._fault(f"`{where}` is not true or false")
            return False
        return value

    def _number(self, members: Mapping[str, Any], where: str, least: int, most: int) -> int:
        value = members.get(where.rpartition(".")[2])
        if type(value) is not int or not least <= value <= most:
            self._fault(f"`{where}` is not an integer from {least} to {most}")
            return least
        return value

    def _timing(self, value: object) -> Timing:
        members = self._object(value, "timing", "jwks_max_age cache_ceiling stale_if_error")
        return Timing(
            self._number(members, "timing.jwks_max_age", 0, 86_400),
            self._number(members, "timing.cache_ceiling", 0, 86_400),
            self._number(members, "timing.stale_if_error", 0, 604_800),
        )

    def _routes(self, value: object) -> RouteTable:
        try:
            return RouteTable.parse(value)
        except SettingsError as error:
            self._faults += error.faults
            return RouteTable([], allow_others=False)

    def _issuers(
        self, top: Mapping[str, Any], *, sandbox: bool, deployed: bool
    ) -> tuple[IssuerSettings, ...]:
        common = self._object(
            top.get("policy"),
            "policy",
            "audiences algorithms max_lifetime clock_skew typ required_claims denied_jtis",
        )
        members = top.get("issuers")
        if not isinstance(members, list) or not members:
            self._fault("`issuers` is not a non-empty list")
            return ()
        found: list[IssuerSettings] = []
        for position, member in enumerate(members):
            where = f"issuers[{position}]"
            issuer = self._issuer(member, where, common, sandbox=sandbox, deployed=deployed)
            if issuer is None:
                continue
            if any(issuer.issuer == other.issuer for other in found):
                self._fault(f"`{where}.issuer` stands twice")
            found.append(issuer)
        return tuple(found)

    def _issuer(
        self,
        value: object,
        where: str,
        common: Mapping[str, Any],
        *,
        sandbox: bool,
        deployed: bool,
    ) -> IssuerSettings | None:
        before = len(self._faults)
        members = self._object(value, where, "issuer ring jwks jwks_urls private_store")
        issuer = self._text(members, f"{where}.issuer")
        ring = self._text(members, f"{where}.ring")
        urls = members.get("jwks_urls")
        if not isinstance(urls, list) or not all(
            isinstance(url, str) and is_allowed_url(url, sandbox=sandbox) for url in urls
        ):
            self._fault(f"`{where}.jwks_urls` is not a list of HTTPS URLs")
            urls = []
        if not is_allowed_url(issuer, sandbox=sandbox):
            self._fault(f"`{where}.issuer` is not an HTTPS URL")
        store = members.get("private_store")
        if store is not None and (not isinstance(store, dict) or store.get("kind") not in _STORES):
            self._fault(f"`{where}.private_store` is of no known kind")
        key_set = self._key_set(members.get("jwks"), where, deployed=deployed)
        policy = self._policy(common, issuer)
        if policy is None or len(self._faults) > before:
            return None
        return IssuerSettings(
            issuer=issuer,
            ring=ring,
            key_set=key_set,
            jwks_urls=tuple(urls),
            private_store=store,
            policy=policy,
        )

    def _key_set(self, value: object, where: str, *, deployed: bool) -> KeySet | None:
        if value is None and not deployed:
            return None
        try:
            return KeySet.parse(value if isinstance(value, dict) else {})
        except VerificationError as error:
            self._fault(f"`{where}.jwks`: {error.detail}")
            return None

    def _policy(self, common: Mapping[str, Any], issuer: str) -> Policy | None:
        audiences = common.get("audiences")
        if audiences is None or not issuer:
            self._fault("`policy.audiences` or an issuer is missing")
            return None
        if common.get("typ") is None:
            self._fault("`policy.typ` names no type of token")
            return None
        try:
            policy = Policy.from_json(
                {
                    "issuer": issuer,
                    "audience": audiences,
                    **{name: value for name, value in common.items() if name != "audiences"},
                }
            )
        except SettingsError as error:
            self._faults += [f"`policy`: {fault}" for fault in error.faults]
            return None
        if policy.max_lifetime > _LONGEST_LIFETIME:
            self._fault(f"`policy.max_lifetime` is over {_LONGEST_LIFETIME}")
        return policy
