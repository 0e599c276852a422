"""Envoy, Caddy, Traefik and nginx with the configuration that a stack exports, before an echo."""

import http
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

from components.gcp import envoy, proxies

from .programs import free_port, program, running, send

_EXTENSIONS = "type.googleapis.com/envoy.extensions.filters"


class Kind(NamedTuple):
    """A proxy: its program, the validator's `SIGNET_PROXY`, and how to start it."""

    program: str
    asks_as: str
    command: Callable[[str, Path, int, str, int], list[str]]


@contextmanager
def back_end() -> Iterator[int]:
    """A service behind the gateway that answers which method, path and headers reached it."""

    class Echo(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def _answer(self) -> None:
            told = {
                "method": self.command,
                "path": self.path,
                "headers": [[name.lower(), value] for name, value in self.headers.items()],
            }
            body = json.dumps(told).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Keep quiet."""

        do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _answer  # noqa: N815

    server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def proxy(name: str, folder: Path, validator_port: int, back_end_port: int) -> Iterator[int]:
    """Run one of `PROXIES`; gives its port."""
    kind = PROXIES[name]
    found = program(kind.program)
    assert found is not None, f"{kind.program} is not installed"
    port = free_port()
    validator = f"http://127.0.0.1:{validator_port}"
    command = kind.command(found, folder, port, validator, back_end_port)
    with running(command, port, folder / f"{name}.log"):
        _await_route(port)
        yield port


def _await_route(port: int) -> None:
    """Wait until it knows its one route: Traefik listens before it has read its file."""
    for _ in range(200):
        status, _, _ = send(port, "/", [])
        if status != http.HTTPStatus.NOT_FOUND:
            return
        time.sleep(0.05)
    raise TimeoutError(f"the proxy on port {port} has no route")


def _envoy(found: str, folder: Path, port: int, validator: str, back_end_port: int) -> list[str]:
    told = json.loads(envoy.filter_and_cluster(validator))
    router = {
        "name": "envoy.filters.http.router",
        "typed_config": {"@type": f"{_EXTENSIONS}.http.router.v3.Router"},
    }
    manager = {
        "@type": f"{_EXTENSIONS}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "in",
        "http_filters": [*told["http_filters"], router],
        "route_config": {
            "virtual_hosts": [
                {
                    "name": "all",
                    "domains": ["*"],
                    "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "back-end"}}],
                }
            ]
        },
    }
    listener = {
        "name": "in",
        "address": _address(port),
        "filter_chains": [
            {
                "filters": [
                    {
                        "name": "envoy.filters.network.http_connection_manager",
                        "typed_config": manager,
                    }
                ]
            }
        ],
    }
    behind = {
        "name": "back-end",
        "type": "STATIC",
        "load_assignment": {
            "cluster_name": "back-end",
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": _address(back_end_port)}}]}],
        },
    }
    config = {
        "static_resources": {"listeners": [listener], "clusters": [*told["clusters"], behind]}
    }
    file = folder / "envoy.json"
    file.write_text(json.dumps(config))
    return [found, "-c", str(file), "--disable-hot-restart", "--concurrency", "1", "-l", "warning"]


def _address(port: int) -> dict[str, Any]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def _caddy(found: str, folder: Path, port: int, validator: str, back_end_port: int) -> list[str]:
    site = proxies.caddy(validator, f"http://127.0.0.1:{back_end_port}")
    file = folder / "Caddyfile"
    file.write_text(
        "{\n admin off\n auto_https off\n persist_config off\n default_bind 127.0.0.1\n}\n"
        f"http://:{port} {{\n{site}}}\n"
    )
    return [found, "run", "--config", str(file), "--adapter", "caddyfile"]


def _nginx(found: str, folder: Path, port: int, validator: str, back_end_port: int) -> list[str]:
    places = "".join(
        f"{name}_temp_path {folder / name};"
        for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    locations = proxies.nginx(validator, f"http://127.0.0.1:{back_end_port}")
    file = folder / "nginx.conf"
    file.write_text(
        f"daemon off; pid {folder / 'nginx.pid'}; error_log stderr; worker_processes 1;\n"
        f"events {{}}\nhttp {{ access_log off; {places}\n"
        f"server {{ listen 127.0.0.1:{port};\n{locations}}}\n}}\n"
    )
    return [found, "-c", str(file), "-p", str(folder), "-e", "stderr"]


def _traefik(found: str, folder: Path, port: int, validator: str, back_end_port: int) -> list[str]:
    told = json.loads(proxies.traefik(validator))
    middlewares = list(told["http"]["middlewares"])
    behind = {"servers": [{"url": f"http://127.0.0.1:{back_end_port}"}]}
    told["http"] |= {
        "routers": {
            "all": {"rule": "PathPrefix(`/`)", "service": "back-end", "middlewares": middlewares}
        },
        "services": {"back-end": {"loadBalancer": behind}},
    }
    file = folder / "traefik.yaml"  # JSON is YAML too; the name says which reader it takes
    file.write_text(json.dumps(told))
    return [
        found,
        f"--entrypoints.web.address=127.0.0.1:{port}",
        f"--providers.file.filename={file}",
        "--global.checknewversion=false",
        "--global.sendanonymoususage=false",
        "--log.level=WARN",
    ]


PROXIES = {
    "envoy": Kind("envoy", "envoy", _envoy),
    "caddy": Kind("caddy", "forwarded", _caddy),
    "traefik": Kind("traefik", "forwarded", _traefik),
    "nginx": Kind("nginx", "original", _nginx),
}
