"""The gateways: guarded everywhere, uncached, with identity that a caller cannot set."""

import json
from typing import Any

import pytest

from components.aws.validator import HTTP_ANSWERS_VARIABLE
from components.passed_on import IDENTITY_HEADERS
from signet.paths import repo_root
from signet.probing import declared_ways as ways
from tests.components import mocked
from tests.components.conftest import Whole

FUNCTION = "arn:aws:lambda:eu-central-1:111122223333:function:front-door:live"
URL = "https://orders.internal.example.com/base"


def test_every_route_of_the_http_api_is_guarded_and_the_default_route_exists(whole: Whole) -> None:
    run = whole()
    routes = run.of("aws:apigatewayv2/route:Route")
    assert {route.inputs["routeKey"] for route in routes} == {"$default"}
    for route in routes:
        assert route.inputs["authorizationType"] == "CUSTOM"
        assert route.inputs["authorizerId"] == "environment-gateway-http-authorizer-id"


@pytest.mark.parametrize(
    "settings", [{}, {"awsBackend": URL}, {"awsResultCache": "30s"}, {"awsHttpAnswers": "iam"}]
)
def test_what_is_declared_leaves_no_way_around(whole: Whole, settings: dict[str, Any]) -> None:
    run = whole(settings=settings)
    name = "environment-gateway"
    http = [f"{name}-http-authorizer-id"]
    rest = [f"{name}-rest-{kind}-authorizer-id" for kind in ("token", "request")]
    routes = [_aws_shape(each.inputs) for each in run.of("aws:apigatewayv2/route:Route")]
    assert ways.unguarded_routes(routes, http) == []
    methods = [
        {
            "path": each.name,
            "resourceMethods": {
                "ANY": {
                    "authorizationType": each.inputs["authorization"],
                    "authorizerId": each.inputs["authorizerId"],
                }
            },
        }
        for each in run.of("aws:apigateway/method:Method")
    ]
    assert len(methods) == 4
    assert ways.unguarded_methods(methods, rest) == []
    for kind in ("aws:apigatewayv2/authorizer:Authorizer", "aws:apigateway/authorizer:Authorizer"):
        for authorizer in run.of(kind):
            told = {**authorizer.inputs, "identitySource": _sources(authorizer.inputs)}
            assert ways.authorizer_faults(told) == []


def test_nobody_but_api_gateway_for_one_authorizer_may_invoke_a_validator(whole: Whole) -> None:
    run = whole()
    assert not any("functionUrl" in each.type for each in run.resources)
    for each in run.of("aws:lambda/permission:Permission"):
        principal = {"Service": each.inputs["principal"]}
        condition = {"ArnLike": {"AWS:SourceArn": each.inputs["sourceArn"]}}
        stated = {"Effect": "Allow", "Principal": principal, "Condition": condition}
        found = ways.invoker_faults(json.dumps({"Statement": [stated]}), [each.inputs["sourceArn"]])
        assert found == []
        assert not each.inputs["sourceArn"].startswith("*")


def _aws_shape(inputs: dict[str, Any]) -> dict[str, Any]:
    return {f"{name[0].upper()}{name[1:]}": value for name, value in inputs.items()}


def _sources(inputs: dict[str, Any]) -> Any:
    return inputs.get("identitySources") or inputs.get("identitySource")


def test_the_http_authorizer_answers_simply_uncached_and_wants_a_header(whole: Whole) -> None:
    inputs = whole().one("environment-gateway-http-authorizer").inputs
    assert inputs["authorizerType"] == "REQUEST"
    assert inputs["authorizerPayloadFormatVersion"] == "2.0"
    assert inputs["enableSimpleResponses"] is True
    assert inputs["authorizerResultTtlInSeconds"] == 0
    assert inputs["identitySources"] == ["$request.header.Authorization"]


def test_an_http_api_that_wants_policies_is_declared_so_and_its_validator_told(
    whole: Whole,
) -> None:
    run = whole(settings={"awsHttpAnswers": "iam"})
    authorizer = run.one("environment-gateway-http-authorizer").inputs
    assert authorizer["enableSimpleResponses"] is False
    assert authorizer["authorizerPayloadFormatVersion"] == "2.0"
    told = run.one("environment-validator-function").inputs["environment"]["variables"]
    assert told["SIGNET_HTTP_API_ANSWER"] == "iam"
    usual = whole().one("environment-validator-function").inputs["environment"]["variables"]
    assert "SIGNET_HTTP_API_ANSWER" not in usual
    # The name is the one that the handler reads.
    handler = (repo_root() / "validator_functions/aws_lambda/handler.py").read_text()
    assert f'ANSWER_VARIABLE = "{HTTP_ANSWERS_VARIABLE}"' in handler


def test_an_api_that_is_attached_to_gets_policies_too(whole: Whole) -> None:
    run = whole(settings={"awsHttpApi": "attach:abc123", "awsHttpAnswers": "iam"})
    authorizer = run.one("environment-gateway-http-authorizer").inputs
    assert authorizer["enableSimpleResponses"] is False


def test_the_http_stage_deploys_by_itself_and_logs_without_tokens(whole: Whole) -> None:
    run = whole()
    stage = run.one("environment-gateway-http-stage").inputs
    assert stage["name"] == "$default"
    assert stage["autoDeploy"] is True
    shown = stage["accessLogSettings"]["format"].lower()
    assert "authorization" not in shown.replace("authorizer", "")
    assert "querystring" not in shown
    assert {"$context.apiId", "$context.stage"} <= set(
        json.loads(stage["accessLogSettings"]["format"]).values()
    )
    logs = run.one("aws-gateways-access").inputs
    assert logs["retentionInDays"] == 90


def test_a_kept_answer_counts_for_its_token_method_and_path_and_a_minute_at_most(
    whole: Whole,
) -> None:
    run = whole(settings={"awsResultCache": "60s"})
    http = run.one("environment-gateway-http-authorizer").inputs
    assert http["authorizerResultTtlInSeconds"] == 60
    assert http["identitySources"] == [
        "$request.header.Authorization",
        "$context.httpMethod",
        "$context.path",
    ]
    request = run.one("environment-gateway-rest-request-authorizer").inputs
    assert request["authorizerResultTtlInSeconds"] == 60
    assert request["identitySource"] == (
        "method.request.header.Authorization,context.httpMethod,context.path"
    )
    token = run.one("environment-gateway-rest-token-authorizer").inputs
    assert token["authorizerResultTtlInSeconds"] == 0
    assert token["identitySource"] == "method.request.header.Authorization"


@pytest.mark.parametrize("kind", ["TOKEN", "REQUEST"])
def test_a_rest_authorizer_is_uncached_and_guards_its_path_and_everything_below(
    whole: Whole, kind: str
) -> None:
    run = whole()
    path = kind.lower()
    authorizer = run.one(f"environment-gateway-rest-{path}-authorizer").inputs
    assert authorizer["type"] == kind
    assert authorizer["authorizerResultTtlInSeconds"] == 0
    assert authorizer["identitySource"] == "method.request.header.Authorization"
    assert run.one(f"environment-gateway-rest-{path}-top").inputs["pathPart"] == path
    assert run.one(f"environment-gateway-rest-{path}-below").inputs["pathPart"] == "{proxy+}"
    for place in ("top", "below"):
        method = run.one(f"environment-gateway-rest-{path}-{place}-method").inputs
        assert method["httpMethod"] == "ANY"
        assert method["authorization"] == "CUSTOM"
        assert method["authorizerId"] == f"environment-gateway-rest-{path}-authorizer-id"


def test_only_the_two_paths_of_the_rest_api_have_methods(whole: Whole) -> None:
    run = whole()
    places = {method.inputs["resourceId"] for method in run.of("aws:apigateway/method:Method")}
    assert places == {
        resource.name + "-id" for resource in run.of("aws:apigateway/resource:Resource")
    }


def test_a_rest_deployment_is_made_anew_when_what_it_shows_changes(whole: Whole) -> None:
    def trigger(**settings: Any) -> str:
        run = whole(settings=settings)
        said: str = run.one("environment-gateway-rest-deployment").inputs["triggers"]["definition"]
        return said

    assert trigger() == trigger(requiredScope="other")
    assert len({trigger(), trigger(awsBackend=FUNCTION), trigger(awsBackend=URL)}) == 3


def test_each_permission_names_the_one_authorizer_that_may_call(whole: Whole) -> None:
    run = whole()
    sources = {
        permission.name: permission.inputs["sourceArn"]
        for permission in run.of("aws:lambda/permission:Permission")
    }
    http = "arn:aws:execute-api:::environment-gateway-http-api-id"
    rest = "arn:aws:execute-api:::environment-gateway-rest-api-id"
    name = "environment-gateway"
    assert sources == {
        f"{name}-http-permission": f"{http}/authorizers/{name}-http-authorizer-id",
        f"{name}-rest-token-permission": f"{rest}/authorizers/{name}-rest-token-authorizer-id",
        f"{name}-rest-request-permission": f"{rest}/authorizers/{name}-rest-request-authorizer-id",
        f"{name}-http-backend-permission": f"{http}/*/*",
        f"{name}-rest-backend-permission": f"{rest}/*/*",
    }
    for permission in run.of("aws:lambda/permission:Permission"):
        assert permission.inputs["action"] == "lambda:InvokeFunction"
        assert permission.inputs["principal"] == "apigateway.amazonaws.com"


def test_a_function_of_the_teams_own_is_called_by_its_alias(whole: Whole) -> None:
    run = whole(settings={"awsBackend": FUNCTION})
    permission = run.one("environment-gateway-http-backend-permission").inputs
    assert permission["function"] == FUNCTION.removesuffix(":live")
    assert permission["qualifier"] == "live"
    uri = run.one("environment-gateway-http-default-integration").inputs["integrationUri"]
    assert uri.endswith(f"/functions/{FUNCTION}/invocations")
    assert "signet:aws:EchoBackend" not in {resource.type for resource in run.resources}


def test_a_backend_behind_a_url_gets_identity_from_the_authorizer_alone(whole: Whole) -> None:
    run = whole(settings={"awsBackend": URL})
    path = run.one("environment-gateway-http-path-integration").inputs
    root = run.one("environment-gateway-http-default-integration").inputs
    assert path["integrationUri"] == f"{URL}/{{proxy}}"
    assert root["integrationUri"] == URL
    for integration in (path, root):
        assert integration["integrationType"] == "HTTP_PROXY"
        assert integration["requestParameters"] == {
            f"overwrite:header.{header}": f"$context.authorizer.{key}"
            for header, key in IDENTITY_HEADERS.items()
        }
    assert {r.inputs["routeKey"] for r in run.of("aws:apigatewayv2/route:Route")} == {
        "ANY /{proxy+}",
        "$default",
    }
    below = run.one("environment-gateway-rest-token-below-integration").inputs
    assert below["uri"] == f"{URL}/{{proxy}}"
    assert below["requestParameters"] == {
        "integration.request.path.proxy": "method.request.path.proxy",
        **{
            f"integration.request.header.{header}": f"context.authorizer.{key}"
            for header, key in IDENTITY_HEADERS.items()
        },
    }
    method = run.one("environment-gateway-rest-token-below-method").inputs
    assert method["requestParameters"] == {"method.request.path.proxy": True}
    assert "aws:lambda/permission:Permission" in {r.type for r in run.resources}
    assert not any("backend-permission" in resource.name for resource in run.resources)


def test_attaching_makes_an_authorizer_and_a_permission_and_nothing_else(whole: Whole) -> None:
    run = whole(settings={"awsHttpApi": "attach:abc123", "awsRestApi": "attach:def456"})
    made = [r for r in run.resources if r.type.startswith("aws:apigateway") and r.custom]
    assert {resource.type for resource in made} == {
        "aws:apigatewayv2/authorizer:Authorizer",
        "aws:apigateway/authorizer:Authorizer",
    }
    permission = run.one("environment-gateway-http-permission").inputs["sourceArn"]
    assert permission == (
        f"arn:aws:execute-api:eu-central-1:{mocked.ACCOUNT}:abc123"
        "/authorizers/environment-gateway-http-authorizer-id"
    )
    attached = run.exports["attached"]["aws"]
    assert attached["http"]["apiId"] == "abc123"
    assert attached["http"]["authorizers"] == {"http": "environment-gateway-http-authorizer-id"}
    assert set(attached["rest"]["authorizers"]) == {"rest-token", "rest-request"}
    assert "open" in attached["http"]["instructions"]
    assert run.exports["gateways"]["aws"] == {}


def test_without_gateways_the_validator_stands_alone(whole: Whole) -> None:
    run = whole(settings={"awsHttpApi": "none", "awsRestApi": "none"})
    assert not any(r.type.startswith("aws:apigateway") for r in run.resources)
    assert run.one("environment-validator-function")


def test_access_logs_of_the_rest_api_are_on_request(whole: Whole) -> None:
    assert "accessLogSettings" not in whole().one("environment-gateway-rest-stage").inputs
    run = whole(settings={"awsRestAccessLogs": "true"})
    stage = run.one("environment-gateway-rest-stage").inputs
    http = run.one("environment-gateway-http-stage").inputs
    settings = [each["accessLogSettings"]["destinationArn"] for each in (stage, http)]
    assert settings[0] == settings[1]
    assert "$context.integration.status" in stage["accessLogSettings"]["format"]
    json.loads(stage["accessLogSettings"]["format"])


def test_addresses_on_aws_are_https(whole: Whole) -> None:
    base = "environment-gateway-rest-api-id.execute-api.eu-central-1.amazonaws.com/live"
    assert whole().exports["gateways"]["aws"] == {
        "http": "https://environment-gateway-http-api-id.execute-api.eu-central-1.amazonaws.com",
        "rest-token": f"https://{base}/token",
        "rest-request": f"https://{base}/request",
    }
