"""The token service on Cloud Run's contract: its server, the fake's metadata, KMS and storage."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from google.cloud import kms_v1
from google.cloud.kms_v1.services.key_management_service.transports import (
    KeyManagementServiceRestTransport,
)
from google.oauth2.credentials import Credentials

from components.gcp.rest import sandbox_token
from components.gcp.upload import uploads_url
from sandbox.gcp.cloud import Gcp
from signet.documents import jwk_from_pem
from signet.issuing.cloud_api import CloudApi
from signet.issuing.exchange import cloud_run
from signet.issuing.exchange.entry import Edge, Entry, from_variable
from signet.issuing.exchange.limits import Rate, TokenBuckets
from signet.issuing.signers.cloud_kms_rest import CloudKmsRestSigner
from signet.issuing.signers.gcp import GcpKmsSigner
from tests.sandbox import exchanging, gcp_running
from tests.unit.exchange.issuers import Issuers, serving
from tests.unit.exchange.world import checked
from tests.unit.issuing.local_keys import check

RING = "projects/p-local/locations/europe-west3/keyRings/signet"
KEY = f"{RING}/cryptoKeys/environment"


class Running:
    """A service that answers on loopback, and what it wrote."""

    def __init__(self, issuers: Issuers, cloud: Gcp, version: str, jwk: dict[str, str]) -> None:
        self.issuers, self.cloud, self.version, self.jwk = issuers, cloud, version, jwk
        self.lines: list[dict[str, Any]] = []
        self.retry_after: str | None = None
        self.server = cloud_run.Server("127.0.0.1", 0, self.entry())

    def entry(self) -> Entry:
        edge = Edge(
            cloud="gcp",
            connect=cloud_run.connect,
            remember=cloud_run.remember,
            write=lambda line: self.lines.append(checked(line)),
        )
        return Entry(edge, from_variable)

    def send(self, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.server.server_port, timeout=10)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body or None, {**exchanging.HEADERS, **named})
        answer = connection.getresponse()
        told = answer.read()
        self.retry_after = answer.getheader("retry-after")
        connection.close()
        return answer.status, json.loads(told) if told else None

    def ask(self, identity: str, **changes: Any) -> tuple[int, Any]:
        return self.send("POST", "/token", exchanging.form(self.issuers, identity, **changes))


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with (
        gcp_running.running(tmp_path_factory.mktemp("gcp") / "gcp") as cloud,
        serving() as issuers,
        pytest.MonkeyPatch.context() as patch,
    ):
        cloud.create("ring", RING, {})
        template = {"algorithm": "EC_SIGN_P256_SHA256"}
        told = {"skipInitialVersionCreation": True, "versionTemplate": template}
        cloud.create("key", KEY, told)
        version = str(cloud.create("version", KEY, {})["name"])
        cloud.create("bucket", "keys-used", {"publicAccessPrevention": "enforced"})
        made = cloud.read("version", version)
        assert made is not None
        jwk = jwk_from_pem(made["pem"], "ES256")
        endpoint = f"http://127.0.0.1:{cloud.port}"
        settings = exchanging.settings(
            issuers,
            "gcp",
            jwk,
            version,
            replay=uploads_url("keys-used", endpoint),
            endpoint=endpoint,
        )
        patch.setenv("GCE_METADATA_HOST", f"127.0.0.1:{cloud.port}")
        for name, value in exchanging.variables(settings).items():
            patch.setenv(name, value)
        here = Running(issuers, cloud, version, jwk)
        thread = threading.Thread(target=here.server.serve_forever, args=(0.02,))
        thread.start()
        yield here
        here.server.shutdown()
        here.server.server_close()
        thread.join()


@pytest.mark.parametrize("identity", ["github", "gitlab", "aws", "azure", "google"])
def test_a_platforms_token_becomes_one_signed_by_cloud_kms(running: Running, identity: str) -> None:
    status, told = running.ask(identity, jti=f"first-{identity}")
    assert status == 200, told
    assert exchanging.check(told["access_token"], running.jwk)
    assert running.lines[-1]["cloud"] == "gcp"
    assert running.lines[-1]["allowed"] is True


def test_the_fakes_rest_is_what_googles_own_client_speaks(running: Running) -> None:
    token = sandbox_token(f"http://127.0.0.1:{running.cloud.port}")
    transport = KeyManagementServiceRestTransport(
        host=f"127.0.0.1:{running.cloud.port}",
        credentials=Credentials(token),  # type: ignore[no-untyped-call]
        url_scheme="http",
    )
    client = kms_v1.KeyManagementServiceClient(transport=transport)
    signature = GcpKmsSigner(client, running.version, "ES256").sign(b"header.payload")
    api = CloudApi(lambda *_: {"authorization": f"Bearer {token}"}, loopback_http=True)
    endpoint = f"http://127.0.0.1:{running.cloud.port}"
    ours = CloudKmsRestSigner(api, running.version, "ES256", endpoint).sign(b"header.payload")
    made = running.cloud.read("version", running.version)
    assert made is not None
    public = load_pem_public_key(made["pem"].encode())
    for each in (signature, ours):
        check(public, "ES256", each, b"header.payload")


def test_a_token_that_is_taken_once_is_refused_the_second_time(running: Running) -> None:
    assert running.ask("gitlab", jti="once")[0] == 200
    status, told = running.ask("gitlab", jti="once")
    assert (status, told["reason"]) == (400, "replayed")


def test_the_provider_empties_the_bucket_of_used_tokens_before_it_goes(running: Running) -> None:
    running.cloud.create("bucket", "other-used", {})
    running.cloud.create("object", "other-used/used/a", {}, running.cloud.keep(b""))
    running.cloud.empty("other-used")
    running.cloud.delete("bucket", "other-used")
    assert running.cloud.read("bucket", "other-used") is None


def test_a_disabled_key_signs_nothing_and_the_caller_is_told_when_to_come_back(
    running: Running,
) -> None:
    running.cloud.change("version", running.version, {"state": "DISABLED"})
    try:
        status, told = running.ask("github")
    finally:
        running.cloud.change("version", running.version, {"state": "ENABLED"})
    assert (status, told["reason"]) == (503, "key_unusable")
    assert running.retry_after == "5"


def test_its_health_tells_what_it_runs_with(running: Running) -> None:
    status, told = running.send("GET", "/health")
    assert (status, told["ready"], told["environment"]) == (200, True, "prod")
    assert running.send("POST", "/health")[1]["reason"] == "path_unknown"


def test_a_burst_is_put_off_before_the_kms_is_asked(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    two = TokenBuckets(Rate(per_second=0.02, burst=2))
    monkeypatch.setattr(running.server.entry._service, "_callers", two)
    assert [running.ask("aws")[0] for _ in range(2)] == [200, 200]

    def unasked(*_: Any) -> bytes:
        raise AssertionError("the KMS was asked")

    monkeypatch.setattr(CloudKmsRestSigner, "sign", unasked)
    status, told = running.ask("aws")
    assert (status, told["reason"]) == (429, "rate_limited")
    assert 40 <= int(running.retry_after or 0) <= 50


@pytest.mark.parametrize(
    ("request_line", "headers", "status", "reason"),
    [
        ("GET /token", {}, 405, "method_not_allowed"),
        ("POST /", {}, 404, "path_unknown"),
        ("POST /token", {"Transfer_Encoding": "identity"}, 400, "form_invalid"),
        ("POST /token", {"Content_Length": "-1"}, 400, "form_invalid"),
        ("POST /token", {"Content_Length": "99999999"}, 400, "form_invalid"),
        ("POST /token", {"Content_Length": "32769"}, 400, "form_too_large"),
        ("POST /token", {}, 400, "parameter_missing"),
    ],
)
def test_a_request_that_is_none_is_refused(
    running: Running, request_line: str, headers: dict[str, str], status: int, reason: str
) -> None:
    method, path = request_line.split()
    found, told = running.send(method, path, **headers)
    assert (found, told["reason"]) == (status, reason)


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("SIGNET_SETTINGS_SHA256", "0" * 64, "is not the hash of the settings"),
        ("SIGNET_SETTINGS", "", "cut short"),
        ("SIGNET_SETTINGS", "***", "not readable"),
        ("SIGNET_SETTINGS", "AAAA", "not readable"),
    ],
)
def test_settings_that_are_not_those_deployed_refuse_everything(
    running: Running, monkeypatch: pytest.MonkeyPatch, name: str, value: str, told: str
) -> None:
    monkeypatch.setenv(name, value)
    entry = running.entry()
    assert entry.report()["ready"] is False
    assert entry.health().status == 503
    assert told in " ".join(running.lines[-1]["faults"])
    assert running.lines[-1]["signet"] == "settings_invalid"
