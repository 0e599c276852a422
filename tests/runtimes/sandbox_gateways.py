"""API Gateway and Lambda in the sandbox: four kinds of authorizer over the real bundle.

The emulator reads `Authorization`, runs the function and judges its answer; what it cannot show of
the real service is in `docs/sandbox.md`. The APIs are made as `components/aws` makes them.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import boto3

from components.aws import echo_function
from components.packaging import build_bundle, default_target, pack
from validator_functions.verification.settings import FILE_NAME

from .deployed import Asked, Deployment
from .programs import send
from .runtimes import Host, Runtime, ask_over_http
from .seen import OWN_STATUSES, Seen, decisions

_ROLE = "arn:aws:iam::000000000000:role/validator"
HEADER = "$request.header.Authorization"
_NO = 401
_LOG_SECONDS = 10.0
_LATE = 2_000
"""Milliseconds."""
_ENTRY = "pinned_entry"
_FUNCTIONS = ("validator-simple", "validator-iam")
_PINNED = '''"""The handler under a wall clock that stands still."""
import os
import time

_NOW = float(os.environ["CASES_NOW"])
time.time = lambda: _NOW

from validator_functions.aws_lambda.handler import handler
'''


class SandboxGateways(Host):
    """The columns of API Gateway in the emulator at `port`.

    `ttl` seconds is how long it keeps answers; `sources` are the HTTP APIs' identity sources.
    """

    def __init__(self, port: int, *, ttl: int = 0, sources: Sequence[str] = (HEADER,)) -> None:
        self.port = port
        self._ttl = ttl
        self._sources = list(sources)
        self._lambda = self._client("lambda")
        python = f"python{default_target()}"
        self._python = python
        bundle = build_bundle(default_target()).path.read_bytes()
        for name in _FUNCTIONS:
            self._create(name, bundle, f"{_ENTRY}.handler")
        echo = Path(echo_function.__file__)
        self._create("echo", pack({echo.name: echo.read_bytes()}), f"{echo.stem}.handler")
        simple = "validator-simple"
        self.runtimes = [
            _Gateway(self, "API Gateway, TOKEN", "rest-token", self._rest("TOKEN")),
            _Gateway(self, "API Gateway, REQUEST", "rest-request", self._rest("REQUEST")),
            _Gateway(self, "API Gateway, HTTP simple", "http", self._http(simple, simple=True)),
            _Gateway(
                self, "API Gateway, HTTP IAM", "http-iam", self._http("validator-iam", simple=False)
            ),
        ]

    def _client(self, service: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=f"http://127.0.0.1:{self.port}",
            region_name="us-east-1",
            aws_access_key_id="sandbox",
            aws_secret_access_key="sandbox",
        )

    def _create(self, name: str, code: bytes, handler: str) -> None:
        self._lambda.create_function(
            FunctionName=name,
            Runtime=self._python,
            Role=_ROLE,
            Handler=handler,
            Code={"ZipFile": code},
            Timeout=10,
        )
        self._settled(name)

    def _settled(self, name: str) -> None:
        for _ in range(300):
            found = self._lambda.get_function_configuration(FunctionName=name)
            if (found.get("State"), found.get("LastUpdateStatus")) == ("Active", "Successful"):
                return
            time.sleep(0.05)
        raise TimeoutError(name)

    @contextmanager
    def deployed(self, deployment: Deployment, folder: Path) -> Iterator[None]:
        layer = pack(
            {
                f"python/{FILE_NAME}": deployment.settings,
                f"python/{_ENTRY}.py": _PINNED.encode(),
            }
        )
        made = self._lambda.publish_layer_version(LayerName="settings", Content={"ZipFile": layer})
        for name in _FUNCTIONS:
            self._lambda.update_function_configuration(
                FunctionName=name,
                Layers=[made["LayerVersionArn"]],
                Environment={
                    "Variables": {
                        "CASES_NOW": repr(deployment.now),
                        "SIGNET_HTTP_API_ANSWER": name.removeprefix("validator-"),
                    }
                },
            )
            self._settled(name)
        logs = self._client("logs")
        self.logs = {name: _Log(logs, self._lambda, name) for name in _FUNCTIONS}
        yield

    def _rest(self, kind: str) -> "_Made":
        client = self._client("apigateway")
        api = client.create_rest_api(name=f"rest-{kind}")["id"]
        root = client.get_resources(restApiId=api)["items"][0]["id"]
        place = client.create_resource(restApiId=api, parentId=root, pathPart="{proxy+}")["id"]
        authorizer = client.create_authorizer(
            restApiId=api,
            name="signet",
            type=kind,
            authorizerUri=_uri("validator-simple"),
            identitySource="method.request.header.Authorization",
            authorizerResultTtlInSeconds=self._ttl,
        )["id"]
        method = {"restApiId": api, "resourceId": place, "httpMethod": "ANY"}
        client.put_method(**method, authorizationType="CUSTOM", authorizerId=authorizer)
        client.put_integration(
            **method, type="AWS_PROXY", integrationHttpMethod="POST", uri=_uri("echo")
        )
        client.create_deployment(restApiId=api, stageName="live")
        return _Made("validator-simple", api, "/live/orders/7")

    def _http(self, function: str, *, simple: bool) -> "_Made":
        client = self._client("apigatewayv2")
        api = client.create_api(Name=function, ProtocolType="HTTP")["ApiId"]
        authorizer = client.create_authorizer(
            ApiId=api,
            Name="signet",
            AuthorizerType="REQUEST",
            AuthorizerUri=_uri(function),
            AuthorizerPayloadFormatVersion="2.0",
            EnableSimpleResponses=simple,
            AuthorizerResultTtlInSeconds=self._ttl,
            IdentitySource=self._sources,
        )["AuthorizerId"]
        integration = client.create_integration(
            ApiId=api,
            IntegrationType="AWS_PROXY",
            IntegrationUri=_uri("echo"),
            PayloadFormatVersion="2.0",
        )["IntegrationId"]
        client.create_route(
            ApiId=api,
            RouteKey="$default",
            Target=f"integrations/{integration}",
            AuthorizationType="CUSTOM",
            AuthorizerId=authorizer,
        )
        client.create_stage(ApiId=api, StageName="$default", AutoDeploy=True)
        return _Made(function, api, "/orders/7")


class _Made(NamedTuple):
    """An API: the function that its authorizer asks, its id, and the path that is called."""

    function: str
    api: str
    target: str


class _Gateway(Runtime):
    """One authorizer."""

    def __init__(self, host: SandboxGateways, title: str, name: str, made: "_Made") -> None:
        super().__init__(title, ("aws", name), speaks_http=True)
        self._host = host
        self._address = f"{made.api}.execute-api.localhost:{host.port}"
        self._target = made.target
        self._function = made.function

    def status(self, method: str, path: str, authorization: str) -> tuple[int, bool]:
        """Ask for a path of the API: the status, and whether the validator was asked."""
        status, _ = self.call(method, path, [("Authorization", authorization)])
        return status, bool(self._host.logs[self._function].decisions(wanted=False))

    def call(self, method: str, path: str, headers: Sequence[tuple[str, str]]) -> tuple[int, bytes]:
        """Ask for a path of the API: status and body."""
        target = self._target.removesuffix("/orders/7") + path
        octets = [(name.encode(), value.encode()) for name, value in headers]
        status, _, body = send(self._host.port, target, octets, method, self._address)
        return status, body

    def ask(self, asked: Asked) -> Seen:
        status = ask_over_http(self._host.port, asked, self._target, host=self._address)
        asks = status not in OWN_STATUSES and not (asked.authorization is None and status == _NO)
        return Seen(status, self._host.logs[self._function].decisions(wanted=asks))


class _Log:
    """A function's log group: what is new since the last time."""

    def __init__(self, client: Any, functions: Any, function: str) -> None:
        self._client = client
        self._functions = functions
        self._function = function
        self._group = f"/aws/lambda/{function}"
        self._from = int(time.time() * 1000)
        self._seen: set[tuple[int, str]] = set()

    def decisions(self, *, wanted: bool) -> tuple[tuple[int, str | None], ...]:
        """The new decisions; `wanted` waits for one, at most ten seconds.

        The emulator reads a line that was written late only with the function's next call, so a
        probe, which logs nothing itself, is sent after one second.
        """
        begun, probed = time.monotonic(), False
        while True:
            found = decisions(self._new())
            waited = time.monotonic() - begun
            if found or not wanted or waited >= _LOG_SECONDS:
                return found
            if waited >= 1 and not probed:
                probed = True
                self._functions.invoke(FunctionName=self._function, Payload=b'{"signet": "probe"}')
            time.sleep(0.01)

    def _new(self) -> list[str]:
        try:
            pages = self._client.get_paginator("filter_log_events").paginate(
                logGroupName=self._group, startTime=self._from
            )
            events = [event for page in pages for event in page["events"]]
        except self._client.exceptions.ResourceNotFoundException:
            return []  # It never ran.
        keys = [(event["timestamp"], event["message"]) for event in events]
        new = [message for moment, message in keys if (moment, message) not in self._seen]
        if keys:
            # A line may come after one that is younger.
            self._from = max(self._from, max(moment for moment, _ in keys) - _LATE)
            self._seen = {key for key in keys if key[0] >= self._from}
        return new


def _uri(function: str) -> str:
    arn = f"arn:aws:lambda:us-east-1:000000000000:function:{function}"
    return f"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{arn}/invocations"
