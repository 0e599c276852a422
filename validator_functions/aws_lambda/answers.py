"""API Gateway's answers. What each gateway makes of a decision:

| decision | REST API                  | HTTP API, IAM answer      | HTTP API, simple answer |
|----------|---------------------------|---------------------------|-------------------------|
| 200      | Allow policy              | Allow policy              | `isAuthorized: true`    |
| 401      | `Unauthorized` raised: 401| `Unauthorized` raised: 401| `false`: 403            |
| 403      | Deny policy: 403          | Deny policy: 403          | `false`: 403            |
| 503      | an exception: 500         | an exception: 500         | `false`: 403            |

Sources: API Gateway Developer Guide, "Output from an API Gateway Lambda authorizer" and "Control
access to HTTP APIs with AWS Lambda authorizers". A policy names the very method that was asked
about: a gateway that caches answers can then never use one for another method.
"""

from typing import Any

from ..verification.decision import Decision
from ..verification.reasons import FORBIDDEN, UNAUTHORIZED

# API Gateway turns exactly this message into a 401.
_UNAUTHORIZED = "Unauthorized"
_POLICY_VERSION = "2012-10-17"
# In a policy's resource these stand for other characters. The stage `$default` is no variable.
_WILDCARDS = ("*", "?", "${")


class Unauthorized(Exception):
    """Makes API Gateway answer 401."""

    def __init__(self) -> None:
        super().__init__(_UNAUTHORIZED)


class CouldNotCheck(Exception):
    """Makes API Gateway answer 500, the nearest that it has to 503."""


def simple(decision: Decision) -> dict[str, Any]:
    """The simple answer of an HTTP API."""
    return {"isAuthorized": decision.allowed, "context": identity(decision)}


def policy(decision: Decision, arn: str) -> dict[str, Any]:
    """The IAM answer; raises `Unauthorized` for 401 and `CouldNotCheck` for 503."""
    if decision.status == UNAUTHORIZED:
        raise Unauthorized
    if decision.allowed:
        return _policy("Allow", arn, decision)
    if decision.status == FORBIDDEN:
        return _policy("Deny", arn if names_one_method(arn) else "*", decision)
    raise CouldNotCheck(str(decision.reason))


def names_one_method(arn: str) -> bool:
    """Whether an ARN, used as a policy's resource, stands for nothing but itself."""
    return not any(wildcard in arn for wildcard in _WILDCARDS)


def identity(decision: Decision) -> dict[str, str]:
    """What the back end learns of the caller: flat strings, and nothing unless allowed.

    Every name is always there: a gateway sets a back end's header from it, and a name that were
    missing could leave standing what the caller sent.
    """
    claims = decision.claims
    if claims is None:
        return {}
    found = {
        "subject": claims.subject,
        "issuer": claims.issuer,
        "scope": claims.get("scope"),
        "jti": claims.token_id,
        "kid": claims.kid,
    }
    return {
        name: value if isinstance(value, str) and value.isprintable() else ""
        for name, value in found.items()
    }


def _policy(effect: str, resource: str, decision: Decision) -> dict[str, Any]:
    return {
        "principalId": decision.subject or "unknown",
        "policyDocument": {
            "Version": _POLICY_VERSION,
            "Statement": [{"Action": "execute-api:Invoke", "Effect": effect, "Resource": resource}],
        },
        "context": identity(decision) if effect == "Allow" else {},
    }
