"""The functions' entry points: an event answered, and a process started for the first one.

*Event to answer* is in one process, beside the module's own `authorize` for the same request, in
slices as `benchmarks.verification` has them. *Cold start* is a process of its own each time, from
its start to its first decision, ours reading its settings and asking its key store once; beside
each entry point the same with PyJWT, and the Lambda authorizer with Powertools around it. It is
counted in CPU time, because a shared machine stretches what passes by the clock several times.
"""

import importlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks._packages import packages
from benchmarks.row import Row
from benchmarks.verification import measure, quiet, ratio
from signet.paths import repo_root
from tests.load.asking import ask, cpu_seconds
from tests.load.service import Service, changed, request
from tests.runtimes.programs import free_port

HANDLER_LIMIT = 1.3
REFUSAL_LIMIT = 1.0
"""To refuse costs less than to accept, whole decision against whole decision."""

_CALL = """
import json, sys
from {module} import handler
assert handler(json.load(open(sys.argv[1])), None)["isAuthorized"] is True
"""
_ASKED = """
import json, sys
import azure.functions as func
event = json.load(open(sys.argv[1]))
headers = event["headers"] | {"x-signet-original-method": "GET"}
headers["x-signet-original-path"] = "/orders/7"
url = "https://f.invalid/api/authorize"
asked = func.HttpRequest(method="GET", url=url, headers=headers, body=b"")
"""
_FUNCTION = f"""{_ASKED}
from validator_functions.azure_function.app import read, validator
decision = validator.decide(read(asked, "id"), "function")
assert decision.allowed, decision
"""
_FUNCTION_PEER = f"""{_ASKED}
from benchmarks._peers.pyjwt_handler import handler
assert handler({{"headers": asked.headers}}, None)["isAuthorized"] is True
"""
_OURS_SERVED = ["-m", "validator_functions.cloud_run"]
_PEER_SERVED = ["-m", "uvicorn", "benchmarks._peers.fastapi_service:app", "--no-access-log"]
_BESIDE = {
    "Lambda handler": "Lambda, PyJWT",
    "Azure function": "Azure function, PyJWT",
    "Cloud Run": "Cloud Run, FastAPI and PyJWT",
}
"""Each entry point of ours, and what it may not be slower than."""


def run(quick: bool) -> list[Row]:
    """Measure the Lambda handler, then the start of every entry point."""
    with tempfile.TemporaryDirectory() as folder:
        service = Service(Path(folder))
        with service.store.running():
            return [
                *_event_to_answer(service, rounds=150 if quick else 600),
                *_cold_starts(service, runs=5 if quick else 15),
            ]


def _event_to_answer(service: Service, rounds: int) -> list[Row]:
    os.environ["SIGNET_SETTINGS_FILE"] = str(service.settings_file)
    try:
        lambda_entry: Any = importlib.import_module("validator_functions.aws_lambda.handler")
    finally:
        del os.environ["SIGNET_SETTINGS_FILE"]
    from validator_functions.aws_lambda.events import read
    from validator_functions.verification import Authorizer, load

    settings = load({"SIGNET_SETTINGS_FILE": str(service.settings_file)})
    authorizer = Authorizer(settings, lambda_entry._connect(settings))
    event = service.event(service.token())
    asked = read(event, "").request
    if lambda_entry.handler(event, None)["isAuthorized"] is not True:
        raise RuntimeError("the handler refused a good token")
    refusals = {
        f"authorize, {why}": read(service.event(token), "").request
        for why, token in _refused(service).items()
    }
    calls: dict[str, Callable[[], object]] = {
        "bare": lambda: authorizer.authorize(asked),
        "handler": lambda: lambda_entry.handler(event, None),
    }
    for why, refused in refusals.items():
        if authorizer.authorize(refused).allowed:
            raise RuntimeError(f"let pass: {why}")
        calls[why] = partial(authorizer.authorize, refused)
    taken = measure(calls, rounds)
    own = quiet(taken["bare"]) * 1e6
    return [
        Row(name="authorize, RS256, fresh", value=own, unit="us", note=f"{rounds} slices"),
        *(
            Row(name=why, value=ratio(taken, why), unit="x accepted", limit=REFUSAL_LIMIT)
            for why in refusals
        ),
        Row(
            name="Lambda handler, event to answer",
            value=ratio(taken, "handler"),
            unit="x authorize",
            limit=HANDLER_LIMIT,
        ),
    ]


def _refused(service: Service) -> dict[str, str]:
    """Tokens that are refused after their signature held: what costs most to refuse."""
    now = int(time.time())
    other = "https://other.signet.invalid"
    return {
        "expired": service.token(exp=now - 100, iat=now - 700, nbf=now - 700),
        "another audience": service.token(aud=other),
        "another issuer": service.token(iss=other),
        "too long a lifetime": service.token(exp=now + 86_400),
    }


def _cold_starts(service: Service, runs: int) -> list[Row]:
    event = service.folder / "event.json"
    event.write_text(json.dumps(service.event(service.token())))
    ours = changed(os.environ, SIGNET_SETTINGS_FILE=str(service.settings_file))
    peer = changed(os.environ, PYTHONPATH=str(packages()), BENCH_SERVICE=str(service.peer_file))
    peer["POWERTOOLS_LOG_LEVEL"] = "INFO"
    starts = {
        "Lambda handler": (_CALL.format(module="validator_functions.aws_lambda.handler"), ours),
        "Azure function": (_FUNCTION, ours),
        "Azure function, PyJWT": (_FUNCTION_PEER, peer),
        "Lambda, PyJWT": (_CALL.format(module="benchmarks._peers.pyjwt_handler"), peer),
        "Lambda, Powertools": (_CALL.format(module="benchmarks._peers.powertools_handler"), peer),
    }
    servers = {
        "Cloud Run": (_OURS_SERVED, ours),
        "Cloud Run, FastAPI and PyJWT": (_PEER_SERVED, peer),
    }
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in [*starts, *servers]}
    for _ in range(runs + 1):
        for name, (code, environ) in starts.items():
            taken[name].append(_ended([sys.executable, "-c", code, str(event)], environ))
        for name, (arguments, environ) in servers.items():
            taken[name].append(_first_answer(service, arguments, environ))
    cpu = {name: quiet([spent for spent, _ in each[1:]]) for name, each in taken.items()}
    elapsed = {name: quiet([passed for _, passed in each[1:]]) for name, each in taken.items()}
    return [
        Row(
            name=f"cold start, {name}",
            value=cpu[name],
            unit="CPU s",
            limit=cpu[_BESIDE[name]] if name in _BESIDE else None,
            note=f"best twentieth of {runs}; elapsed {elapsed[name]:.3g} s",
        )
        for name in taken
    ]


def _ended(command: list[str], environ: dict[str, str]) -> tuple[float, float]:
    """CPU seconds and elapsed seconds of a whole process."""
    begun = time.perf_counter()
    process = subprocess.Popen(
        command, cwd=repo_root(), env=environ, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL
    )
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{command!r} ended with {process.returncode}")
    return used.ru_utime + used.ru_stime, time.perf_counter() - begun


def _first_answer(
    service: Service, arguments: list[str], environ: dict[str, str]
) -> tuple[float, float]:
    """The same until a new server has answered its first question."""
    port = free_port()
    listening = {"PORT": str(port), "SIGNET_LISTEN": "127.0.0.1", "UVICORN_PORT": str(port)}
    asked = request(service.token())
    begun = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, *arguments],
        cwd=repo_root(),
        env={**environ, **listening},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while time.perf_counter() - begun < 20:  # noqa: PLR2004 - seconds
            try:
                if ask(port, [asked], connections=1) == [200]:
                    return cpu_seconds(process.pid), time.perf_counter() - begun
            except ConnectionRefusedError:
                time.sleep(0.002)
        raise RuntimeError("the server did not answer")
    finally:
        process.terminate()
        process.wait()
