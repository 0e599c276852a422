"""The table's cases as a deployment meets them: settings, a clock, and what a caller sends.

A case of the batch format brings its keys, policy and time; a validator has them from its settings
file and its clock. So cases are grouped by those, and each group is deployed. What differs on the
way is stated here, once, and not learned from the code under test:

* A fault of keys or policy is a fault of the settings: the validator refuses everything with
  `policy_invalid`, whatever the batch format calls the fault.
* A deployment always checks issuer, audience and `typ`, and no token of it lives over a day. Where
  a case leaves one out, the settings are refused as well.
* Scopes and roles that a policy asks for are asked for by the rule of every route.
* A token is the one of a request's credentials (RFC 6750 section 2.1): none, too long, or with a
  space, a comma or a character that does not print, it is refused as such before it is read.
"""

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from tests.cases.refusals import CASES
from tests.cases.settings import artefact, document
from tests.cases.table import Case, line, rs256

DAY = 86_400
_LONGEST_TOKEN = 16_384
_LAST_SECOND = 253_402_300_799
_SCHEME = "Bearer "
_ROUTE = {"methods": ["*"], "path": "/**", "scopes": [], "roles": []}
_TARGET_FIELDS = {
    "audience": "audiences",
    "algorithms": "algorithms",
    "max_lifetime": "max_lifetime",
    "clock_skew": "clock_skew",
    "typ": "typ",
    "required_claims": "required_claims",
    "denied_jtis": "denied_jtis",
}


class Deployment(NamedTuple):
    """What a validator is started with."""

    settings: bytes
    now: float


class Asked(NamedTuple):
    """One case under one deployment: the `Authorization` value (None: none) and what is right.

    `reason` None means allowed; `token_reason` is what holds for a token that arrives as it is.
    """

    number: int
    name: str
    authorization: str | None
    reason: str | None
    token_reason: str | None
    line: dict[str, Any] | None
    settled: bool
    """Whether settings or clock decide before the request is looked at."""

    @property
    def id(self) -> str:
        return f"{self.number}: {self.name}"


class Barred(NamedTuple):
    """A case that no deployment can be given, and why."""

    number: int
    name: str
    why: str


def all_cases() -> tuple[list[tuple[Deployment, list[Asked]]], list[Barred]]:
    """Group every case by its deployment, the largest first; and name those that have none."""
    groups: dict[Deployment, list[Asked]] = {}
    barred: list[Barred] = []
    for case in CASES:
        built = case.build()
        why = _why_not(built)
        if why:
            barred.append(Barred(case.number, case.name, why))
            continue
        groups.setdefault(_deployment(built), []).append(_asked(case, built))
    ordinary = _deployment(line())
    groups[ordinary] += list(_other_credentials())
    return sorted(groups.items(), key=lambda group: -len(group[1])), barred


def at_request(authorization: str | None, token_reason: str | None) -> str | None:
    """The right reason for credentials as they arrived, by RFC 6750 section 2.1."""
    if authorization is None:
        return "token_missing"
    if authorization[:7].lower() != _SCHEME.lower():
        return "credentials_malformed"
    token = authorization[7:]
    if len(token) > _LONGEST_TOKEN:
        return "token_too_large"
    if not token or not token.isprintable() or not {" ", ","}.isdisjoint(token):
        return "credentials_malformed"
    return token_reason


def _why_not(built: dict[str, Any]) -> str:
    if not built.keys() <= {"token", "jwks", "policy", "now", "signature_only"}:
        return "a fault of the batch format itself"
    if built.get("signature_only", False) is not False:
        return "no deployment checks a signature alone"
    if type(built.get("now")) is not int:
        return "a clock tells a number"
    if built["now"] > _LAST_SECOND:
        return "no process lives after the year 9999"
    if not isinstance(built.get("token"), str | None):
        return "a header's value is text"
    return ""


def _deployment(built: dict[str, Any]) -> Deployment:
    base = document()
    policy = built.get("policy")
    jwks = built.get("jwks")
    issuer: dict[str, Any] = {**base["issuers"][0], "jwks": jwks}
    told: Any = policy
    route = dict(_ROUTE)
    if isinstance(policy, dict):
        issuer["issuer"] = policy.get("issuer")
        fixed = {"required_claims": [], "denied_jtis": []}
        known = {"issuer", "scopes", "roles", "denied_kids"}
        told = fixed | {
            _TARGET_FIELDS.get(name, name): value
            for name, value in policy.items()
            if name not in known
        }
        route |= {name: policy[name] for name in ("scopes", "roles") if name in policy}
        if isinstance(jwks, dict) and "denied_kids" in policy:
            issuer["jwks"] = {**jwks, "denied": policy["denied_kids"]}
    settings = {
        **base,
        "sandbox": True,
        "issuers": [issuer],
        "policy": told,
        "routes": {"default": "refuse", "rules": [route]},
        "audit": {**base["audit"], "passes": True},
    }
    return Deployment(artefact(settings), float(built["now"]))


def _asked(case: Case, built: dict[str, Any]) -> Asked:
    token = built.get("token")
    authorization = None if token is None else f"{_SCHEME}{token}"
    if case.reason in ("key_set_invalid", "policy_invalid") or _checks_less(built["policy"]):
        decided: str | None = "policy_invalid"
    elif case.reason == "clock_invalid":
        decided = "clock_invalid"
    else:
        reason = at_request(authorization, case.reason)
        return Asked(case.number, case.name, authorization, reason, case.reason, built, False)
    return Asked(case.number, case.name, authorization, decided, decided, None, True)


def _checks_less(policy: Any) -> bool:
    return (
        policy.get("issuer") is None
        or policy.get("audience") is None
        or policy.get("typ") is None
        or policy["max_lifetime"] > DAY
    )


def _other_credentials() -> Iterator[Asked]:
    """Line 69: what stands for credentials, and is not one Bearer token."""
    good = rs256().token()
    for name, value in (
        ("a token without a scheme", good),
        ("the scheme alone", "Bearer"),
        ("the scheme doubled", f"Bearer Bearer {good}"),
        ("another scheme", f"Basic {good}"),
        ("DPoP", f"DPoP {good}"),
        ("two tokens joined by a comma", f"Bearer {good}, Bearer {good}"),
        ("a parameter", f'Bearer realm="x", {good}'),
        ("two spaces", f"Bearer  {good}"),
    ):
        yield Asked(69, name, value, "credentials_malformed", None, None, False)
    for name, value in (("the scheme in lower case", "bearer"), ("in upper case", "BEARER")):
        yield Asked(0, name, f"{value} {good}", None, None, None, False)


def with_store(deployment: Deployment, url: str) -> bytes:
    """The settings with the address of the published set, which each run has of its own."""
    settings = json.loads(deployment.settings)
    settings["issuers"][0]["jwks_urls"] = [url]
    return artefact(settings)
