"""The servers that `benchmarks.serving` measures: one worker each, the same key, started and ended.

Each is a context of `(port, pid, path)`: where it listens, the process whose CPU time counts, and
where it is asked.
"""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks._packages import packages
from signet.paths import repo_root
from tests.cases.forge import AUDIENCE, ISSUER, key_set
from tests.cases.settings import artefact
from tests.load.service import Service, changed
from tests.runtimes.programs import free_port, program, running

TOKEN_CACHE = {"entries": 4_096, "bytes": 16_777_216}
PATH = "/authorize/orders/7"
_EXTENSIONS = "type.googleapis.com/envoy.extensions.filters"

Started = tuple[int, int, str]


def ours(service: Service) -> Any:
    """The validator as Cloud Run starts it, its token cache off as a deployment has it."""
    return _ours(service, service.settings_file)


def ours_with_cache(service: Service) -> Any:
    """The same, keeping tokens that it has verified."""
    told = json.loads(service.settings_file.read_bytes()) | {"token_cache": TOKEN_CACHE}
    file = service.folder / "with_cache.json"
    file.write_bytes(artefact(told))
    return _ours(service, file)


@contextmanager
def _ours(service: Service, settings: Path) -> Iterator[Started]:
    port = free_port()
    environment = changed(
        os.environ,
        PORT=str(port),
        SIGNET_LISTEN="127.0.0.1",
        SIGNET_PROXY="envoy",
        SIGNET_SETTINGS_FILE=str(settings),
    )
    command = [sys.executable, "-m", "validator_functions.cloud_run"]
    log = service.folder / f"ours-{port}.log"
    with running(command, port, log, environment=environment) as process:
        yield port, process.pid, PATH


@contextmanager
def empty(service: Service) -> Iterator[Started]:
    """The least that Python can do: one loop that reads what comes and sends one fixed answer."""
    port = free_port()
    command = [sys.executable, "-m", "benchmarks._peers.empty_server", str(port)]
    with running(command, port, service.folder / "empty.log") as process:
        yield port, process.pid, PATH


@contextmanager
def fastapi(service: Service) -> Iterator[Started]:
    """A FastAPI service on uvicorn, with uvloop and httptools."""
    port = free_port()
    environment = changed(
        os.environ, PYTHONPATH=str(packages()), BENCH_SERVICE=str(service.peer_file)
    )
    command = [sys.executable, "-m", "uvicorn", "benchmarks._peers.fastapi_service:app"]
    command += ["--host", "127.0.0.1", "--port", str(port), "--no-access-log"]
    log = service.folder / "fastapi.log"
    with running(command, port, log, environment=environment) as process:
        yield port, process.pid, PATH


def oathkeeper_program() -> str | None:
    """Where Ory Oathkeeper is, if it was built (docs/load.md)."""
    built = repo_root() / "build" / "oathkeeper"
    return str(built) if built.is_file() else program("oathkeeper")


@contextmanager
def oathkeeper(service: Service) -> Iterator[Started]:
    """Ory Oathkeeper's decision API, one processor; it tells the subject and asks no back end."""
    found = oathkeeper_program()
    if found is None:
        raise RuntimeError("oathkeeper is neither in build/ nor on the path")
    port, others = free_port(), {"proxy": free_port(), "prometheus": free_port()}
    (service.folder / "jwks.json").write_text(json.dumps(key_set(service.signer)))
    told = {
        "jwks_urls": [f"file://{service.folder}/jwks.json"],
        "trusted_issuers": [ISSUER],
        "target_audience": [AUDIENCE],
        "allowed_algorithms": ["RS256"],
    }
    rule = {
        "id": "all",
        "match": {"url": "<https?>://<.*>/orders/<.*>", "methods": ["GET"]},
        "authenticators": [{"handler": "jwt"}],
        "authorizer": {"handler": "allow"},
        "mutators": [{"handler": "header"}],
    }
    (service.folder / "rules.json").write_text(json.dumps([rule]))
    headers = {"X-Signet-Subject": "{{ print .Subject }}"}
    document = {
        "serve": {
            name: {"host": "127.0.0.1", "port": number}
            for name, number in {"api": port, **others}.items()
        },
        "log": {"level": "error"},
        "access_rules": {"repositories": [f"file://{service.folder}/rules.json"]},
        "authenticators": {"jwt": {"enabled": True, "config": told}},
        "authorizers": {"allow": {"enabled": True}},
        "mutators": {"header": {"enabled": True, "config": {"headers": headers}}},
    }
    file = service.folder / "oathkeeper.json"
    file.write_text(json.dumps(document))
    command = [found, "serve", "--config", str(file), "--disable-telemetry"]
    log = service.folder / "oathkeeper.log"
    with running(command, port, log, environment={"GOMAXPROCS": "1"}) as process:
        yield port, process.pid, "/decisions/orders/7"


def envoy(service: Service) -> Any:
    """Envoy's own JWT filter with the key set in its configuration."""
    return _envoy(service, {})


def envoy_with_cache(service: Service) -> Any:
    """The same, keeping tokens that it has verified."""
    return _envoy(service, {"jwt_cache_config": {"jwt_cache_size": TOKEN_CACHE["entries"]}})


def envoy_telling(service: Service) -> Any:
    """The same, telling in its answer who called, as our server does and as a back end needs."""
    names = {"sub": "subject", "iss": "issuer", "scope": "scope", "jti": "token-id"}
    told = [
        {"header_name": f"x-signet-{name}", "claim_name": claim} for claim, name in names.items()
    ]
    return _envoy(service, {"claim_to_headers": told})


@contextmanager
def _envoy(service: Service, more: dict[str, Any]) -> Iterator[Started]:
    found = program("envoy")
    if found is None:
        raise RuntimeError("envoy is not installed")
    port = free_port()
    file = service.folder / f"envoy-{port}.json"
    file.write_text(json.dumps(_configuration(service, port, more)))
    command = [found, "-c", str(file), "--disable-hot-restart", "--concurrency", "1", "-l", "error"]
    with running(command, port, service.folder / "envoy.log") as process:
        yield port, process.pid, PATH


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
    told = [each["header_name"] for each in more.get("claim_to_headers", ())]
    route = {
        "match": {"prefix": "/"},
        "direct_response": {"status": 200},
        "response_headers_to_add": [
            {"header": {"key": name, "value": f"%REQ({name})%"}} for name in told
        ],
    }
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
