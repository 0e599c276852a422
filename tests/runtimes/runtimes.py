"""The runtimes: module, Lambda, Function, and Cloud Run's server behind real proxies."""

import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any

from components.packaging import build_bundle, default_target
from sandbox.azure import function_host
from tests.functions.aws_lambda.documented_events import http_event, request_event, token_event
from tests.functions.aws_lambda.runtime_api import RuntimeApi
from validator_functions.verification.decision import Request, StaticKeys
from validator_functions.verification.settings import FILE_NAME, ValidatorSettings
from validator_functions.verification.validator import Validator

from .deployed import Asked, Deployment
from .programs import PINNED_CLOCK, free_port, program, send, validator_server
from .proxies import PROXIES, back_end, proxy
from .seen import LogFile, Seen, Untakable, decisions, over_http

_ROOT = Path(__file__).parents[2]
_TARGET = "/orders/7"


class Runtime:
    """One column of the matrix. `gateway` is its place in the table of what a client sees."""

    def __init__(self, name: str, gateway: tuple[str, str] | None, *, speaks_http: bool) -> None:
        self.name = name
        self.gateway = gateway
        self.speaks_http = speaks_http

    def ask(self, asked: Asked) -> Seen:
        """Put one case."""
        raise NotImplementedError


class Host:
    """What is deployed as one, with one column or more."""

    runtimes: Sequence[Runtime]

    def deployed(self, deployment: Deployment, folder: Path) -> AbstractContextManager[None]:
        """Run with these settings and at this time; `folder` is for this host's files."""
        raise NotImplementedError


class Module(Runtime, Host):
    """The shared module alone, in this process."""

    def __init__(self) -> None:
        super().__init__("module", None, speaks_http=False)
        self.runtimes = [self]
        self._lines: list[str] = []

    @contextmanager
    def deployed(self, deployment: Deployment, folder: Path) -> Iterator[None]:
        self._validator = Validator.start(
            StaticKeys.of,
            write=self._lines.append,
            read=lambda _: ValidatorSettings.parse(deployment.settings),
        )
        if self._validator._authorizer is not None:
            self._validator._authorizer._clock = lambda: deployment.now
        yield

    def ask(self, asked: Asked) -> Seen:
        self._lines.clear()
        value = asked.authorization
        headers = () if value is None else (("Authorization", value),)
        decision = self._validator.decide(Request("GET", _TARGET, headers))
        return Seen(decision.status, decisions(self._lines))


class Lambda(Host):
    """The handler under AWS's runtime client, a process of its own, by one or more kinds of event.

    Args:
        kinds: title of each column, and its gateway on AWS.
        iam: how the HTTP API's authorizer was declared.
    """

    def __init__(self, kinds: Mapping[str, str], *, iam: bool = False) -> None:
        self.runtimes = [LambdaEvents(self, *kind) for kind in kinds.items()]
        self._iam = iam

    @contextmanager
    def deployed(self, deployment: Deployment, folder: Path) -> Iterator[None]:
        log = folder / "lambda.log"
        log.write_bytes(b"")
        environment = {
            "AWS_LAMBDA_FUNCTION_NAME": "validator",
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
            "AWS_REGION": "us-east-1",
            "LAMBDA_TASK_ROOT": str(_ROOT),
            "SIGNET_HTTP_API_ANSWER": "iam" if self._iam else "simple",
            **_environment(deployment, folder),
        }
        handler = "validator_functions.aws_lambda.handler.handler"
        with ExitStack() as stack:
            self.api = stack.enter_context(RuntimeApi(b"").running())
            output = stack.enter_context(log.open("ab"))
            process = subprocess.Popen(
                [sys.executable, "-m", "awslambdaric", handler],
                cwd=_ROOT,
                env={**environment, "AWS_LAMBDA_RUNTIME_API": self.api.address},
                stdout=output,
                stderr=subprocess.STDOUT,
            )
            stack.callback(process.wait)
            stack.callback(process.terminate)
            self.log = LogFile(log)
            yield


class LambdaEvents(Runtime):
    """One kind of event of a Lambda function."""

    def __init__(self, host: Lambda, title: str, gateway: str) -> None:
        super().__init__(title, ("aws", gateway), speaks_http=False)
        self._host = host
        self._gateway = gateway

    def ask(self, asked: Asked) -> Seen:
        value = asked.authorization
        if value is None and self._gateway != "rest-request":
            return Seen(
                401, ()
            )  # API Gateway answers a request without its identity source itself.
        make = {"rest-token": token_event, "rest-request": request_event}.get(
            self._gateway, http_event
        )
        kind, answer = self._host.api.invoke(make(value))
        return Seen(self._client_sees(kind, answer), self._host.log.decisions())

    def _client_sees(self, kind: str, answer: Any) -> int:
        """What API Gateway makes of an answer, as its guide says (`answers` has the sources)."""
        if kind == "error":
            says_401 = answer["errorMessage"] == "Unauthorized" and self._gateway.startswith("rest")
            return 401 if says_401 else 500
        if "isAuthorized" in answer:
            return 200 if answer["isAuthorized"] is True else 403
        (statement,) = answer["policyDocument"]["Statement"]
        return 200 if statement["Effect"] == "Allow" else 403


class Function(Runtime, Host):
    """The bundle's Function with Microsoft's own types, in the sandbox's host, over HTTP."""

    def __init__(self, folder: Path) -> None:
        super().__init__("Function", ("azure", "function"), speaks_http=True)
        self.runtimes = [self]
        self._folder = unpacked(folder / "function")

    @contextmanager
    def deployed(self, deployment: Deployment, folder: Path) -> Iterator[None]:
        log = folder / "function.log"
        log.write_bytes(b"")
        process = subprocess.Popen(
            [sys.executable, "-P", str(Path(function_host.__file__)), str(self._folder), str(log)],
            cwd=self._folder,
            env=_environment(deployment, folder),
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        self._port = int(process.stdout.readline())
        self._log = LogFile(log)
        try:
            yield
        finally:
            process.terminate()
            process.wait()
            process.stdout.close()

    def ask(self, asked: Asked) -> Seen:
        status = ask_over_http(
            self._port,
            asked,
            "/api/authorize",
            [(b"x-signet-original-method", b"GET"), (b"x-signet-original-path", _TARGET.encode())],
        )
        return Seen(status, self._log.decisions())


def unpacked(folder: Path) -> Path:
    """Unpack the bundle into a folder of its own, and return that."""
    with zipfile.ZipFile(build_bundle(default_target()).path) as packed:
        packed.extractall(folder)
    return folder


class CloudRun(Runtime, Host):
    """The validator's server behind one proxy, both real programs."""

    def __init__(self, name: str, port: int, front: int) -> None:
        super().__init__(f"Cloud Run, {name}", ("gcp", name), speaks_http=True)
        self.runtimes = [self]
        self._name = name
        self._port = port
        self._front = front

    @classmethod
    @contextmanager
    def all(cls, folder: Path) -> Iterator[list["CloudRun"]]:
        """Start every proxy that is installed, each before a validator of its own."""
        with ExitStack() as stack:
            behind = stack.enter_context(back_end())
            ports = {name: free_port() for name, kind in PROXIES.items() if program(kind.program)}
            yield [
                cls(name, port, stack.enter_context(proxy(name, folder, port, behind)))
                for name, port in ports.items()
            ]

    @contextmanager
    def deployed(self, deployment: Deployment, folder: Path) -> Iterator[None]:
        log = folder / "validator.log"
        log.write_bytes(b"")
        kind = PROXIES[self._name].asks_as
        settings = folder / FILE_NAME
        settings.write_bytes(deployment.settings)
        with validator_server(self._port, kind, settings, log, now=deployment.now):
            self._log = LogFile(log)
            yield

    def ask(self, asked: Asked) -> Seen:
        return Seen(ask_over_http(self._front, asked, _TARGET), self._log.decisions())


def ask_over_http(
    port: int, asked: Asked, target: str, more: Sequence[tuple[bytes, bytes]] = (), host: str = ""
) -> int:
    """Send a case and return the status."""
    sent = over_http(asked)
    assert not isinstance(sent, Untakable)
    headers = [] if sent.octets is None else [(b"Authorization", sent.octets)]
    status, _, _ = send(port, target, [*headers, *more], host=host or "api.signet.invalid")
    return status


def _environment(deployment: Deployment, folder: Path) -> dict[str, str]:
    """Settings and clock of a process, with nothing of this one's but what programs need."""
    settings = folder / FILE_NAME
    settings.write_bytes(deployment.settings)
    return {
        **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
        "SIGNET_SETTINGS_FILE": str(settings),
        "PYTHONPATH": str(PINNED_CLOCK),
        "CASES_NOW": repr(deployment.now),
    }
