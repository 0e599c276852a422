"""API Gateway's answers. What each gateway makes of a decision:

| decision | REST API                  | HTTP API, IAM answer | HTTP API, simple answer |
|----------|---------------------------|----------------------|-------------------------|
| 200      | Allow policy              | Allow policy         | `isAuthorized: true`    |
| 401      | `Unauthorized` raised: 401| Deny policy: 403     | `false`: 403            |
| 403      | Deny policy: 403          | Deny policy: 403     | `false`: 403            |
| 503      | an exception: 500         | an exception: 500    | an exception: 500       |

Sources: API Gateway Developer Guide, "Output from an API Gateway Lambda authorizer", "Call an API
with API Gateway Lambda authorizers" and "Control access to HTTP APIs with AWS Lambda authorizers".
The last knows no way to a 401 but a missing identity source, and says 500 of a function that fails;
so an HTTP API never says 401 to a token that was refused, and could-not-check stays apart.

A policy names the very method that was asked about, or denies: whatever a gateway keeps of it, and
for however long, it lets pass nothing that was not decided.
"""

from typing import Any

from ..verification.decision import Decision
from ..verification.identity import identity
from ..verification.reasons import UNAUTHORIZED, UNAVAILABLE

# API Gateway turns exactly this message into a 401.
_UNAUTHORIZED = "Unauthorized"
_NOTHING = "-"
_POLICY_VERSION = "2012-10-17"
# In a policy's resource these stand for other characters. The stage `$default` is no variable.
_WILDCARDS = ("*", "?", "${")
# "Output from an API Gateway Lambda authorizer": a resource in a policy statement.
_LONGEST_RESOURCE = 512


class Unauthorized(Exception):
    """Makes API Gateway answer 401."""

    def __init__(self) -> None:
        super().__init__(_UNAUTHORIZED)


class CouldNotCheck(Exception):
    """Makes API Gateway answer 500, the nearest that it has to 503."""


def simple(decision: Decision) -> dict[str, Any]:
    """The simple answer of an HTTP API; raises `CouldNotCheck` for 503."""
    if decision.status == UNAVAILABLE:
        raise CouldNotCheck(str(decision.reason))
    return {"isAuthorized": decision.allowed, "context": context(decision)}


def policy(decision: Decision, arn: str, *, says_401: bool = True) -> dict[str, Any]:
    """The IAM answer; raises `CouldNotCheck` for 503.

    Raises `Unauthorized` for 401 where the gateway `says_401`, as a REST API does; an HTTP API gets
    a policy that denies.
    """
    if decision.status == UNAVAILABLE:
        raise CouldNotCheck(str(decision.reason))
    if decision.status == UNAUTHORIZED and says_401:
        raise Unauthorized
    if decision.allowed:
        return _policy("Allow", arn, decision)
    return _policy("Deny", arn if names_one_method(arn) else "*", decision)


def context(decision: Decision) -> dict[str, str]:
    """The identity as flat strings, with `-` where there is nothing.

    A gateway sets a back end's header from each. The guide does not say that an empty value
    overwrites what the caller sent under that name, so that none is ever empty.
    """
    return {name: value or _NOTHING for name, value in identity(decision).items()}


def names_one_method(arn: str) -> bool:
    """Whether an ARN, used as a policy's resource, fits there and stands for nothing but itself."""
    return len(arn) <= _LONGEST_RESOURCE and not any(wildcard in arn for wildcard in _WILDCARDS)


def _policy(effect: str, resource: str, decision: Decision) -> dict[str, Any]:
    return {
        "principalId": decision.subject or "unknown",
        "policyDocument": {
            "Version": _POLICY_VERSION,
            "Statement": [{"Action": "execute-api:Invoke", "Effect": effect, "Resource": resource}],
        },
        "context": context(decision) if effect == "Allow" else {},
    }
