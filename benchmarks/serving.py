"""Decisions per CPU second of the server's process: ours on Cloud Run, Envoy's own, FastAPI's.

Each server has one worker, the same key and the same tokens (RS256, nine claims), and is asked over
eight kept connections on loopback. CPU time is the process's own, threads and system calls
included, so that a busy machine weighs less than it does on elapsed time. Envoy answers by itself
(`direct_response`): it has no back end to ask, which flatters it. Servers take turns, round by
round; the best round of each counts.
"""

import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from benchmarks._packages import packages
from benchmarks.row import Row
from tests.cases.forge import AUDIENCE, ISSUER, key_set
from tests.load.asking import ask, cpu_seconds
from tests.load.service import Service, changed, request
from tests.runtimes.programs import free_port, program, running

_EXTENSIONS = "type.googleapis.com/envoy.extensions.filters"
_CACHE = {"entries": 4_096, "bytes": 16_777_216}
REPEATED_ADVANTAGE = 1.5


def run(quick: bool) -> list[Row]:
    """Measure every server with fresh tokens and with repeated ones."""
    rounds, count = (2, 800) if quick else (4, 2_000)
    servers: dict[str, Callable[[Service], Any]] = {
        "Cloud Run server": ours,
        "Envoy jwt_authn": envoy,
        "Envoy jwt_authn, its cache on": envoy_with_cache,
        "FastAPI and PyJWT": fastapi,
    }
    best: dict[tuple[str, str], float] = {}
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        service = Service(Path(folder), token_cache=_CACHE)
        stack.enter_context(service.store.running())
        started = {name: stack.enter_context(start(service)) for name, start in servers.items()}
        again = [request(service.token())] * count
        for _ in range(rounds):
            fresh = [request(token) for token in service.tokens(count)]
            for kind, requests in (("fresh", fresh), ("repeated", again)):
                for name, (port, pid) in started.items():
                    rate = _rate(port, pid, requests)
                    best[name, kind] = max(rate, best.get((name, kind), 0.0))
    return _rows(best, f"best of {rounds} x {count}")


def _rate(port: int, pid: int, requests: list[bytes]) -> float:
    begun = cpu_seconds(pid)
    statuses = ask(port, requests)
    spent = cpu_seconds(pid) - begun
    if set(statuses) != {200}:
        raise RuntimeError(f"a server refused a good token: {sorted(set(statuses))}")
    return len(requests) / spent


def _rows(best: dict[tuple[str, str], float], note: str) -> list[Row]:
    rows = [
        Row(name=f"{name}, {kind} tokens", value=rate, unit="per CPU s", note=note)
        for (name, kind), rate in sorted(best.items(), key=lambda item: item[0][::-1])
    ]
    for kind, least in (("fresh", 1.0), ("repeated", REPEATED_ADVANTAGE)):
        ratio = best["Cloud Run server", kind] / best["Envoy jwt_authn", kind]
        rows.append(
            Row(
                name=f"Cloud Run server to Envoy, {kind} tokens",
                value=ratio,
                unit="x",
                limit=least,
                more_is_better=True,
            )
        )
    return rows


@contextmanager
def ours(service: Service) -> Iterator[tuple[int, int]]:
    """The validator as Cloud Run starts it, its token cache on; its port and process."""
    port = free_port()
    environment = changed(
        os.environ,
        PORT=str(port),
        SIGNET_LISTEN="127.0.0.1",
        SIGNET_PROXY="envoy",
        SIGNET_SETTINGS_FILE=str(service.settings_file),
    )
    command = [sys.executable, "-m", "validator_functions.cloud_run"]
    with running(command, port, service.folder / "ours.log", environment=environment) as process:
        yield port, process.pid


@contextmanager
def fastapi(service: Service) -> Iterator[tuple[int, int]]:
    """A FastAPI service on uvicorn, with uvloop and httptools."""
    port = free_port()
    environment = changed(
        os.environ, PYTHONPATH=str(packages()), BENCH_SERVICE=str(service.peer_file)
    )
    command = [sys.executable, "-m", "uvicorn", "benchmarks._peers.fastapi_service:app"]
    command += ["--host", "127.0.0.1", "--port", str(port), "--no-access-log"]
    log = service.folder / "fastapi.log"
    with running(command, port, log, environment=environment) as process:
        yield port, process.pid


def envoy(service: Service) -> Any:
    """Envoy's own JWT filter with the key set in its configuration."""
    return _envoy(service, {})


def envoy_with_cache(service: Service) -> Any:
    """The same, keeping tokens that it has verified."""
    return _envoy(service, {"jwt_cache_config": {"jwt_cache_size": _CACHE["entries"]}})


@contextmanager
def _envoy(service: Service, more: dict[str, Any]) -> Iterator[tuple[int, int]]:
    found = program("envoy")
    if found is None:
        raise RuntimeError("envoy is not installed")
    port = free_port()
    file = service.folder / f"envoy-{port}.json"
    file.write_text(json.dumps(_configuration(service, port, more)))
    command = [found, "-c", str(file), "--disable-hot-restart", "--concurrency", "1", "-l", "error"]
    with running(command, port, service.folder / "envoy.log") as process:
        yield port, process.pid


def _configuration(service: Service, port: int, more: dict[str, Any]) -> dict[str, Any]:
    provider = {
        "issuer": ISSUER,
        "audiences": [AUDIENCE],
        "local_jwks": {"inline_string": json.dumps(key_set(service.signer))},
        **more,
    }
    jwt_authn = {
        "@type": f"{_EXTENSIONS}.http.jwt_authn.v3.JwtAuthentication",
        "providers": {"signet": provider},
        "rules": [{"match": {"prefix": "/"}, "requires": {"provider_name": "signet"}}],
    }
    route = {"match": {"prefix": "/"}, "direct_response": {"status": 200}}
    manager = {
        "@type": f"{_EXTENSIONS}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "in",
        "http_filters": [
            {"name": "envoy.filters.http.jwt_authn", "typed_config": jwt_authn},
            {
                "name": "envoy.filters.http.router",
                "typed_config": {"@type": f"{_EXTENSIONS}.http.router.v3.Router"},
            },
        ],
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [route]}]},
    }
    name = "envoy.filters.network.http_connection_manager"
    listener = {
        "name": "in",
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": port}},
        "filter_chains": [{"filters": [{"name": name, "typed_config": manager}]}],
    }
    return {"static_resources": {"listeners": [listener], "clusters": []}}
