"""Ways past a gateway that its own configuration leaves open. Pure: what a cloud tells in, faults
out.

For `signet doctor`, above all where a team attached our authorizer to an API of its own. Shapes are
those of boto3 (`apigatewayv2`, `apigateway`, `lambda`), and of Cloud Run's and Azure's resources.
`declared_policies` and `declared_openapi` are about API Management and Google's API Gateway.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

LONGEST_RESULT_CACHE: Final = 60
"""Seconds; what `awsResultCache` allows too."""

_DEFAULT_TTL: Final = 300
"""Of an authorizer for which none is written (API Gateway, `authorizerResultTtlInSeconds`)."""

_GATEWAY: Final = "apigateway.amazonaws.com"


def unguarded_routes(routes: Iterable[Mapping[str, Any]], authorizers: Iterable[str]) -> list[str]:
    """Return what is open of an HTTP API's routes (`get_routes`), `$default` included.

    `authorizers` are the ids of ours. A route with another authorizer is somebody else's decision,
    and is told too.
    """
    ours = frozenset(authorizers)
    return [
        f"route {route['RouteKey']}: {_guard(route, 'AuthorizationType', 'AuthorizerId')}"
        for route in routes
        if route.get("AuthorizationType") != "CUSTOM" or route.get("AuthorizerId") not in ours
    ]


def unguarded_methods(
    resources: Iterable[Mapping[str, Any]], authorizers: Iterable[str]
) -> list[str]:
    """Return what is open of a REST API's methods (`get_resources` with `embed=["methods"]`).

    An `OPTIONS` that answers by a mock is what browsers ask first and reaches nothing.
    """
    ours = frozenset(authorizers)
    return [
        f"{method} {resource['path']}: {_guard(told, 'authorizationType', 'authorizerId')}"
        for resource in resources
        for method, told in sorted((resource.get("resourceMethods") or {}).items())
        if (told.get("authorizationType") != "CUSTOM" or told.get("authorizerId") not in ours)
        and not _is_mock_preflight(method, told)
    ]


def authorizer_faults(authorizer: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with how one authorizer of ours keeps answers and finds tokens.

    Takes an HTTP API's (`AuthorizerResultTtlInSeconds`, a list of sources) or a REST API's.
    """
    told = {f"{name[0].lower()}{name[1:]}": value for name, value in authorizer.items()}
    name = told.get("name", "authorizer")
    ttl = told.get("authorizerResultTtlInSeconds")
    seconds = _DEFAULT_TTL if ttl is None else int(ttl)
    found = told.get("identitySource") or []
    sources = [each.strip() for each in found.split(",")] if isinstance(found, str) else list(found)
    faults = []
    if seconds > LONGEST_RESULT_CACHE:
        faults.append(
            f"{name} keeps answers for {seconds} s: so long an allowed one outlives its token and "
            f"a withdrawn key; at most {LONGEST_RESULT_CACHE} s, better 0"
        )
    simple = bool(told.get("enableSimpleResponses"))
    if seconds and simple and not _names_request(sources):
        faults.append(
            f"{name} keeps a simple answer for every route: add $context.httpMethod and "
            "$context.path to its identity sources, or set its TTL to 0"
        )
    wanted = ("$request.header.authorization", "method.request.header.authorization")
    if not any(source.lower() in wanted for source in sources):
        faults.append(f"{name} does not take its token from the Authorization header")
    return faults


def invoker_faults(policy: str | None, authorizers: Sequence[str]) -> list[str]:
    """Return who may invoke a validator's function besides the named authorizers.

    `policy` is `get_policy`'s text (None: no policy, so nobody); `authorizers` are source ARNs. A
    direct call with a made-up event cannot open a back end, but it tells which tokens are good.
    """
    if policy is None:
        return []
    faults = []
    for statement in json.loads(policy).get("Statement", []):
        if statement.get("Effect") != "Allow":
            continue
        principal = statement.get("Principal")
        service = principal.get("Service") if isinstance(principal, dict) else None
        source = statement.get("Condition", {}).get("ArnLike", {}).get(
            "AWS:SourceArn"
        ) or statement.get("Condition", {}).get("ArnLike", {}).get("aws:SourceArn")
        if service != _GATEWAY:
            faults.append(f"statement {statement.get('Sid')}: {principal} may invoke the validator")
        elif source not in authorizers:
            faults.append(
                f"statement {statement.get('Sid')}: API Gateway may invoke the validator for "
                f"{source or 'any API of any account'}"
            )
    return faults


def cloud_run_faults(service: Mapping[str, Any]) -> list[str]:
    """Return what a validator's Cloud Run service leaves open (`ingress` as the API has it)."""
    if service.get("ingress") in (
        "INGRESS_TRAFFIC_INTERNAL_ONLY",
        "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER",
    ):
        return []
    return ["anybody may ask the validator which tokens are good: set gcpIngress to internal"]


def function_app_faults(app: Mapping[str, Any]) -> list[str]:
    """Return what a validator's Function App leaves open (`httpsOnly`, `siteConfig.ftpsState`)."""
    faults = []
    if app.get("httpsOnly") is not True:
        faults.append("the app answers over plain HTTP: a token could be read on its way")
    if (app.get("siteConfig") or {}).get("ftpsState") not in ("Disabled", "FtpsOnly"):
        faults.append("the app takes uploads over FTP")
    return faults


def _guard(told: Mapping[str, Any], kind: str, by: str) -> str:
    how = told.get(kind) or "NONE"
    if how in ("NONE", ""):
        return "open, no authorizer"
    return f"not guarded by us ({how} {told.get(by) or ''})".replace(" )", ")")


def _is_mock_preflight(method: str, told: Mapping[str, Any]) -> bool:
    integration = told.get("methodIntegration") or {}
    return method == "OPTIONS" and integration.get("type") == "MOCK"


def _names_request(sources: Sequence[str]) -> bool:
    return {"$context.httpMethod", "$context.path"} <= set(sources)


class Looked(NamedTuple):
    """What was found of the APIs in one cloud that teams attached us to."""

    apis: int
    faults: list[str]
