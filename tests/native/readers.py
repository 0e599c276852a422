"""Who reads the documents: ours, Envoy's `jwt_authn`, API Gateway's own authorizer, libraries."""

import json
import shutil
import subprocess
import urllib.parse
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import boto3

import sandbox
from sandbox import supervisor
from tests.cases.settings import artefact, document
from tests.runtimes.programs import free_port, program, running, send
from tests.runtimes.proxies import back_end
from validator_functions.verification.decision import Authorizer, Request, StaticKeys
from validator_functions.verification.settings import ValidatorSettings

from .issuer import AUDIENCE, Issuer, Token

Verdicts = dict[str, bool]
Reader = Callable[[Issuer, Sequence[Token], Path], Verdicts]

_HERE = Path(__file__).parent
_EXTENSIONS = "type.googleapis.com/envoy.extensions.filters"


class Missing(Exception):
    """A toolchain is not on this machine; the message names it."""


def ours(issuer: Issuer, tokens: Sequence[Token], folder: Path) -> Verdicts:
    """Signet's own module, with the published set as what was deployed."""
    told = document(*issuer.signers, sandbox=True)
    told["issuers"][0] |= {"issuer": issuer.issuer, "jwks": json.loads(issuer.jwks)}
    told["issuers"][0]["jwks_urls"] = [f"{issuer.issuer}/.well-known/jwks.json"]
    settings = ValidatorSettings.parse(artefact(told))
    authorizer = Authorizer(settings, StaticKeys.of(settings))

    def allows(token: str) -> bool:
        asked = Request("GET", "/orders/7", (("Authorization", f"Bearer {token}"),))
        return authorizer.authorize(asked).allowed

    return {each.name: allows(each.token) for each in tokens}


def envoy(issuer: Issuer, tokens: Sequence[Token], folder: Path) -> Verdicts:
    """Envoy's `jwt_authn`, which fetches the set itself."""
    found = program("envoy")
    if found is None:
        raise Missing("envoy")
    port, file = free_port(), folder / "jwt_authn.json"
    with back_end() as behind:
        file.write_text(json.dumps(_jwt_authn(issuer, port, behind)))
        command = [found, "-c", str(file), "--disable-hot-restart", "--concurrency", "1"]
        with running([*command, "-l", "warning"], port, folder / "jwt_authn.log"):
            return {each.name: _passes(port, "/", "a.invalid", each.token) for each in tokens}


def api_gateway(issuer: Issuer, tokens: Sequence[Token], folder: Path) -> Verdicts:
    """API Gateway's own JWT authorizer, in the sandbox's emulator."""
    state = folder / "sandbox"
    try:
        sandbox.start(state, say=lambda _: None)
        endpoint = sandbox.environment(state)["AWS_ENDPOINT_URL"].rstrip("/")
        port = int(endpoint.rpartition(":")[2])
        with back_end() as behind:
            api = _http_api(endpoint, issuer, behind)
            host = f"{api}.execute-api.localhost:{port}"
            return {each.name: _passes(port, "/orders", host, each.token) for each in tokens}
    finally:
        supervisor.forget(state, say=lambda _: None)


def node(issuer: Issuer, tokens: Sequence[Token], folder: Path) -> Verdicts:
    """`jose` on Node, installed by its lock."""
    npm, runs = shutil.which("npm"), shutil.which("node")
    if npm is None or runs is None:
        raise Missing("node and npm")
    place = folder / "node"
    shutil.copytree(_HERE / "node", place)
    _run([npm, "ci", "--ignore-scripts", "--silent"], place)
    return _verdicts([runs, "check.mjs"], place, issuer, tokens)


def go(issuer: Issuer, tokens: Sequence[Token], folder: Path) -> Verdicts:
    """`go-oidc`, built by its lock."""
    found = shutil.which("go")
    if found is None:
        raise Missing("go")
    built = folder / "go-oidc"
    _run([found, "build", "-mod=readonly", "-o", str(built), "."], _HERE / "go")
    return _verdicts([str(built)], folder, issuer, tokens)


def java(issuer: Issuer, tokens: Sequence[Token], folder: Path) -> Verdicts:
    """`nimbus-jose-jwt`, of the version that the POM names."""
    maven, runs = shutil.which("mvn"), shutil.which("java")
    if maven is None or runs is None:
        raise Missing("java and mvn")
    place = folder / "java"
    shutil.copytree(_HERE / "java", place)
    copy = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies"
    _run([maven, "-q", "-B", copy, "-DoutputDirectory=libraries"], place)
    return _verdicts([runs, "-cp", "libraries/*", "Check.java"], place, issuer, tokens)


READERS: dict[str, Reader] = {
    "Signet": ours,
    "API Gateway JWT authorizer (sandbox)": api_gateway,
    "Envoy jwt_authn 1.40.0": envoy,
    "Node, jose 6.2.18": node,
    "Go, go-oidc 3.21.0": go,
    "Java, nimbus-jose-jwt 10.10": java,
}


def read_by_all(issuer: Issuer) -> tuple[list[Token], dict[str, Verdicts], list[str]]:
    """The tokens, every reader's verdict on each, and which readers are missing here."""
    tokens, found, missing = list(issuer.tokens()), {}, []
    folder = Path(mkdtemp(prefix="signet-native-"))
    try:
        for name, reader in READERS.items():
            place = folder / str(len(found) + len(missing))
            place.mkdir()
            try:
                found[name] = reader(issuer, tokens, place)
            except Missing as error:
                missing.append(f"{name}: no {error}")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return tokens, found, missing


def _run(command: Sequence[str], folder: Path) -> None:
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=600, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{command[0]}: {done.stdout[-1000:]}{done.stderr[-1000:]}")


def _verdicts(
    command: Sequence[str], folder: Path, issuer: Issuer, tokens: Sequence[Token]
) -> Verdicts:
    lines = "".join(json.dumps({"id": t.name, "token": t.token}) + "\n" for t in tokens)
    done = subprocess.run(
        [*command, issuer.issuer, AUDIENCE],
        cwd=folder,
        input=lines,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert [each["id"] for each in told] == [token.name for token in tokens]
    return {each["id"]: each["accepted"] for each in told}


def _passes(port: int, path: str, host: str, token: str) -> bool:
    status, _, body = send(port, path, [(b"Authorization", b"Bearer " + token.encode())], host=host)
    if status not in (200, 401, 403):
        raise RuntimeError(f"{status}: {body[:200]!r}")
    return status == 200


def _http_api(endpoint: str, issuer: Issuer, behind: int) -> str:
    client: Any = boto3.client(
        "apigatewayv2",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="sandbox",
        aws_secret_access_key="sandbox",
    )
    api: str = client.create_api(Name="native", ProtocolType="HTTP")["ApiId"]
    authorizer = client.create_authorizer(
        ApiId=api,
        Name="jwt",
        AuthorizerType="JWT",
        IdentitySource=["$request.header.Authorization"],
        JwtConfiguration={"Audience": [AUDIENCE], "Issuer": issuer.issuer},
    )["AuthorizerId"]
    integration = client.create_integration(
        ApiId=api,
        IntegrationType="HTTP_PROXY",
        IntegrationMethod="ANY",
        IntegrationUri=f"http://127.0.0.1:{behind}",
        PayloadFormatVersion="1.0",
    )["IntegrationId"]
    client.create_route(
        ApiId=api,
        RouteKey="GET /orders",
        Target=f"integrations/{integration}",
        AuthorizationType="JWT",
        AuthorizerId=authorizer,
    )
    client.create_stage(ApiId=api, StageName="$default", AutoDeploy=True)
    return api


def _jwt_authn(issuer: Issuer, port: int, behind: int) -> dict[str, Any]:
    store = urllib.parse.urlsplit(issuer.issuer)
    provider = {
        "issuer": issuer.issuer,
        "audiences": [AUDIENCE],
        "remote_jwks": {
            "http_uri": {
                "uri": f"{issuer.issuer}/.well-known/jwks.json",
                "cluster": "store",
                "timeout": "2s",
            },
            "cache_duration": "300s",
        },
    }
    filters = [
        {
            "name": "envoy.filters.http.jwt_authn",
            "typed_config": {
                "@type": f"{_EXTENSIONS}.http.jwt_authn.v3.JwtAuthentication",
                "providers": {"signet": provider},
                "rules": [{"match": {"prefix": "/"}, "requires": {"provider_name": "signet"}}],
            },
        },
        {
            "name": "envoy.filters.http.router",
            "typed_config": {"@type": f"{_EXTENSIONS}.http.router.v3.Router"},
        },
    ]
    manager = {
        "@type": f"{_EXTENSIONS}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "in",
        "http_filters": filters,
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
    name = "envoy.filters.network.http_connection_manager"
    return {
        "static_resources": {
            "listeners": [
                {
                    "name": "in",
                    "address": _address(port),
                    "filter_chains": [{"filters": [{"name": name, "typed_config": manager}]}],
                }
            ],
            "clusters": [_cluster("back-end", behind), _cluster("store", store.port or 80)],
        }
    }


def _cluster(name: str, port: int) -> dict[str, Any]:
    return {
        "name": name,
        "type": "STATIC",
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": _address(port)}}]}],
        },
    }


def _address(port: int) -> dict[str, Any]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}
