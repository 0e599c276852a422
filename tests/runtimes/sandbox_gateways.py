"""API Gateway and Lambda in the sandbox: four kinds of authorizer over the real bundle.

The emulator reads `Authorization`, runs the function and judges its answer; what it cannot show of
the real service is in `docs/sandbox.md`. The APIs are made as `components/aws` makes them. A line
of the log is read where the function writes it: the emulator shows one that comes late with the
function's next call alone, so that waiting for it took most of the time and could misread it.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import boto3

from components.aws import echo_function
from components.packaging import default_target, pack
from validator_functions.verification.settings import FILE_NAME

from .deployed import Asked, Deployment
from .programs import send
from .runtimes import Host, Runtime, ask_over_http
from .seen import LogFile, Seen

_ROLE = "arn:aws:iam::000000000000:role/validator"
HEADER = "$request.header.Authorization"
_TIMEOUT_SECONDS = 60
"""A machine with much to do needs seconds for a cold start; how long one may take is no case."""
_ENTRY = "pinned_entry"
_FUNCTIONS = ("validator-simple", "validator-iam")
_PINNED = '''"""The handler under a wall clock that stands still; its log goes to a file as well."""
import os
import sys
import time

sys.path.insert(0, os.environ["CASES_BUNDLE"])
_NOW = float(os.environ["CASES_NOW"])
_FILE = open(os.environ["CASES_LOG"], "a", buffering=1)
_LOG = sys.stdout


class _Both:
    def write(self, text):
        _FILE.write(text)
        return _LOG.write(text)

    def flush(self):
        _LOG.flush()


time.time = lambda: _NOW
sys.stdout = _Both()

from validator_functions.aws_lambda.handler import handler
'''


class SandboxGateways(Host):
    """The columns of API Gateway in the emulator at `port`, over the bundle as it is unpacked.

    Lambda unpacks a function's code for each instance. Here every settings file starts two, so that
    they share one unpacked bundle: by itself that took most of the time. `ttl` seconds is how long
    it keeps answers; `sources` are the HTTP APIs' identity sources.
    """

    def __init__(
        self, port: int, bundle: Path, *, ttl: int = 0, sources: Sequence[str] = (HEADER,)
    ) -> None:
        self.port = port
        self._bundle = bundle
        self._ttl = ttl
        self._sources = list(sources)
        self._lambda = self._client("lambda")
        python = f"python{default_target()}"
        self._python = python
        entry = pack({f"{_ENTRY}.py": _PINNED.encode()})
        for name in _FUNCTIONS:
            self._create(name, entry, f"{_ENTRY}.handler")
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
            Timeout=_TIMEOUT_SECONDS,
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
        layer = pack({f"python/{FILE_NAME}": deployment.settings})
        made = self._lambda.publish_layer_version(LayerName="settings", Content={"ZipFile": layer})
        logs = {name: folder / f"{name}.log" for name in _FUNCTIONS}
        for name, log in logs.items():
            log.write_bytes(b"")
            self._lambda.update_function_configuration(
                FunctionName=name,
                Layers=[made["LayerVersionArn"]],
                Environment={
                    "Variables": {
                        "CASES_NOW": repr(deployment.now),
                        "CASES_LOG": str(log.resolve()),
                        "CASES_BUNDLE": str(self._bundle.resolve()),
                        "SIGNET_HTTP_API_ANSWER": name.removeprefix("validator-"),
                    }
                },
            )
        for name in _FUNCTIONS:
            self._settled(name)
        self.logs = {name: LogFile(log) for name, log in logs.items()}
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
        return status, bool(self._host.logs[self._function].decisions())

    def call(self, method: str, path: str, headers: Sequence[tuple[str, str]]) -> tuple[int, bytes]:
        """Ask for a path of the API: status and body."""
        target = self._target.removesuffix("/orders/7") + path
        octets = [(name.encode(), value.encode()) for name, value in headers]
        status, _, body = send(self._host.port, target, octets, method, self._address)
        return status, body

    def ask(self, asked: Asked) -> Seen:
        status = ask_over_http(self._host.port, asked, self._target, host=self._address)
        return Seen(status, self._host.logs[self._function].decisions())


def _uri(function: str) -> str:
    arn = f"arn:aws:lambda:us-east-1:000000000000:function:{function}"
    return f"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{arn}/invocations"
