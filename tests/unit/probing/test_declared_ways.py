"""What a configuration leaves open, from tables of what clouds tell."""

from __future__ import annotations

import json
from typing import Any

import pytest

from signet.probing import declared_ways as ways

OURS = {"AuthorizationType": "CUSTOM", "AuthorizerId": "ours"}
SOURCE = "arn:aws:execute-api:eu-central-1:111122223333:abc/authorizers/ours"


def test_every_route_without_our_authorizer_is_told_the_default_route_too() -> None:
    routes = [
        {"RouteKey": "GET /orders", **OURS},
        {"RouteKey": "$default", "AuthorizationType": "NONE"},
        {"RouteKey": "POST /orders"},
        {"RouteKey": "GET /jwt", "AuthorizationType": "JWT", "AuthorizerId": "native"},
        {"RouteKey": "GET /other", "AuthorizationType": "CUSTOM", "AuthorizerId": "theirs"},
    ]
    assert ways.unguarded_routes(routes, ["ours"]) == [
        "route $default: open, no authorizer",
        "route POST /orders: open, no authorizer",
        "route GET /jwt: not guarded by us (JWT native)",
        "route GET /other: not guarded by us (CUSTOM theirs)",
    ]


def test_every_method_without_our_authorizer_is_told_but_a_mock_preflight() -> None:
    guarded = {"authorizationType": "CUSTOM", "authorizerId": "ours"}
    resources = [
        {"path": "/", "resourceMethods": {"GET": {"authorizationType": "NONE"}}},
        {"path": "/orders", "resourceMethods": {"ANY": guarded}},
        {
            "path": "/cors",
            "resourceMethods": {
                "OPTIONS": {"authorizationType": "NONE", "methodIntegration": {"type": "MOCK"}}
            },
        },
        {
            "path": "/open",
            "resourceMethods": {
                "OPTIONS": {"authorizationType": "NONE", "methodIntegration": {"type": "AWS_PROXY"}}
            },
        },
        {"path": "/iam", "resourceMethods": {"GET": {"authorizationType": "AWS_IAM"}}},
        {"path": "/empty"},
    ]
    assert ways.unguarded_methods(resources, ["ours"]) == [
        "GET /: open, no authorizer",
        "OPTIONS /open: open, no authorizer",
        "GET /iam: not guarded by us (AWS_IAM)",
    ]


HTTP: dict[str, Any] = {
    "Name": "signet",
    "AuthorizerResultTtlInSeconds": 0,
    "EnableSimpleResponses": True,
    "IdentitySource": ["$request.header.Authorization"],
}
REST: dict[str, Any] = {
    "name": "signet-token",
    "authorizerResultTtlInSeconds": 0,
    "identitySource": "method.request.header.Authorization",
}
KEPT = [*HTTP["IdentitySource"], "$context.httpMethod", "$context.path"]


@pytest.mark.parametrize(
    ("authorizer", "told"),
    [
        (HTTP, []),
        (REST, []),
        ({**HTTP, "AuthorizerResultTtlInSeconds": 60, "IdentitySource": KEPT}, []),
        ({**HTTP, "AuthorizerResultTtlInSeconds": 60}, ["simple answer for every route"]),
        ({**HTTP, "AuthorizerResultTtlInSeconds": 61, "IdentitySource": KEPT}, ["for 61 s"]),
        ({**REST, "authorizerResultTtlInSeconds": None}, ["for 300 s"]),
        ({**REST, "authorizerResultTtlInSeconds": 60}, []),
        (
            {**REST, "identitySource": "method.request.querystring.token"},
            ["not take its token from the Authorization header"],
        ),
        ({**HTTP, "IdentitySource": []}, ["not take its token from the Authorization header"]),
    ],
)
def test_an_authorizer_that_keeps_answers_too_long_or_reads_elsewhere_is_told(
    authorizer: dict[str, Any], told: list[str]
) -> None:
    found = ways.authorizer_faults(authorizer)
    assert len(found) == len(told)
    assert all(part in fault for part, fault in zip(told, found, strict=True))


def statement(**changes: Any) -> dict[str, Any]:
    return {
        "Sid": "one",
        "Effect": "Allow",
        "Principal": {"Service": "apigateway.amazonaws.com"},
        "Action": "lambda:InvokeFunction",
        "Condition": {"ArnLike": {"AWS:SourceArn": SOURCE}},
        **changes,
    }


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, None),
        ({"Effect": "Deny", "Principal": "*"}, None),
        ({"Principal": "*"}, "* may invoke"),
        ({"Principal": {"AWS": "111122223333"}}, "may invoke the validator"),
        ({"Condition": {}}, "any API of any account"),
        ({"Condition": {"ArnLike": {"AWS:SourceArn": f"{SOURCE}x"}}}, "for arn:aws"),
    ],
)
def test_only_the_named_authorizers_may_invoke_a_validator(
    changes: dict[str, Any], told: str | None
) -> None:
    policy = json.dumps({"Statement": [statement(**changes)]})
    found = ways.invoker_faults(policy, [SOURCE])
    assert len(found) == (told is not None)
    assert told is None or told in found[0]
    assert ways.invoker_faults(None, [SOURCE]) == []


@pytest.mark.parametrize(
    ("ingress", "faults"),
    [
        ("INGRESS_TRAFFIC_INTERNAL_ONLY", 0),
        ("INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER", 0),
        ("INGRESS_TRAFFIC_ALL", 1),
        (None, 1),
    ],
)
def test_a_validator_on_cloud_run_is_not_for_everybody(ingress: str | None, faults: int) -> None:
    assert len(ways.cloud_run_faults({"ingress": ingress})) == faults


@pytest.mark.parametrize(
    ("app", "faults"),
    [
        ({"httpsOnly": True, "siteConfig": {"ftpsState": "Disabled"}}, 0),
        ({"httpsOnly": False, "siteConfig": {"ftpsState": "Disabled"}}, 1),
        ({"httpsOnly": True, "siteConfig": {"ftpsState": "AllAllowed"}}, 1),
        ({}, 2),
    ],
)
def test_a_function_app_speaks_https_alone(app: dict[str, Any], faults: int) -> None:
    assert len(ways.function_app_faults(app)) == faults
