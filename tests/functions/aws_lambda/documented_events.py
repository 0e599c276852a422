"""Authorizer events as the API Gateway Developer Guide shows them.

"Input to an API Gateway Lambda authorizer" (TOKEN and REQUEST) and "Control access to HTTP APIs
with AWS Lambda authorizers" (payload format 2.0). Shapes and member names are the guide's; values
that do not matter here are shortened.
"""

from typing import Any

_ARN = "arn:aws:execute-api:us-east-1:123456789012:abcdef123"


def token_event(
    authorization: str, *, method: str = "GET", path: str = "/orders/7"
) -> dict[str, Any]:
    """REST API, TOKEN."""
    return {
        "type": "TOKEN",
        "authorizationToken": authorization,
        "methodArn": f"{_ARN}/test/{method}{path}",
    }


def request_event(
    authorization: str | None, *, method: str = "GET", path: str = "/orders/7", **changes: Any
) -> dict[str, Any]:
    """REST API, REQUEST."""
    headers = {"X-AMZ-Date": "20170718T062915Z", "Accept": "*/*", "Host": "example.invalid"}
    if authorization is not None:
        headers["Authorization"] = authorization
    event = {
        "type": "REQUEST",
        "methodArn": f"{_ARN}/test/{method}{path}",
        "resource": "/orders/{id}",
        "path": path,
        "httpMethod": method,
        "headers": headers,
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "queryStringParameters": {},
        "pathParameters": {"id": "7"},
        "stageVariables": {"StageVar1": "stageValue1"},
        "requestContext": {
            "path": f"/test{path}",
            "accountId": "123456789012",
            "resourceId": "05c7jb",
            "stage": "test",
            "requestId": "rest-request-1",
            "identity": {"apiKey": "...", "sourceIp": "192.0.2.1"},
            "resourcePath": "/orders/{id}",
            "httpMethod": method,
            "apiId": "abcdef123",
        },
    }
    return {**event, **changes}


def http_event(
    authorization: str | None,
    *,
    method: str = "GET",
    path: str = "/orders/7",
    stage: str = "$default",
    domain: str = "abcdef123.execute-api.us-east-1.amazonaws.com",
    **changes: Any,
) -> dict[str, Any]:
    """HTTP API, payload format 2.0."""
    headers = {"host": domain, "user-agent": "agent"}
    if authorization is not None:
        headers["authorization"] = authorization
    event = {
        "version": "2.0",
        "type": "REQUEST",
        "routeArn": f"{_ARN}/{stage}/{method}/orders/{{id}}",
        "identitySource": [authorization] if authorization is not None else None,
        "routeKey": f"{method} /orders/{{id}}",
        "rawPath": path,
        "rawQueryString": "",
        "cookies": ["cookie1", "cookie2"],
        "headers": headers,
        "queryStringParameters": {},
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "abcdef123",
            "domainName": domain,
            "domainPrefix": "abcdef123",
            "http": {
                "method": method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "192.0.2.1",
                "userAgent": "agent",
            },
            "requestId": "http-request-1",
            "routeKey": f"{method} /orders/{{id}}",
            "stage": stage,
            "time": "12/Mar/2020:19:03:58 +0000",
            "timeEpoch": 1583348638390,
        },
        "pathParameters": {"id": "7"},
        "stageVariables": {"stageVariable1": "value1"},
    }
    return {**event, **changes}
