"""The fake Google Cloud: its storage's rules, its KMS under Google's own client, its memory."""

from __future__ import annotations

import io
import json
import stat
import tarfile
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from google.cloud import kms_v1
from google.cloud.kms_v1.services.key_management_service.transports import (
    KeyManagementServiceGrpcTransport,
)

from components.gcp import key_census
from components.gcp.labels import ring_labels
from components.gcp.settings import GcpSettings
from sandbox import ports
from sandbox.fakes.http import Asked, Said
from sandbox.gcp import kms
from sandbox.gcp.server import Fake
from signet.errors import SettingsError
from signet.issuing.errors import KeyUnusable
from signet.issuing.signers.gcp import GcpKmsSigner

RING = "projects/p-local/locations/europe-west3/keyRings/signet"
KEY = f"{RING}/cryptoKeys/environment"
BUCKET = "signet-keys"
DOCUMENT = b'{"keys":[]}'


class Cloud:
    """A fake on a folder, asked without sockets."""

    def __init__(self, folder: Path) -> None:
        self.fake = Fake(folder, 1, "secret")

    def say(self, method: str, target: str, body: bytes = b"", **headers: str) -> Said:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.fake.answer(Asked(method, target, named, body))

    def admin(self, method: str, kind: str, name: str, **told: Any) -> Any:
        query = urllib.parse.urlencode({"name": name})
        said = self.say(method, f"/sandbox/{kind}?{query}", json.dumps(told).encode())
        found = json.loads(said.body)
        assert said.status == 200, found
        return found

    def refused(self, method: str, kind: str, name: str, **told: Any) -> int:
        query = urllib.parse.urlencode({"name": name})
        return self.say(method, f"/sandbox/{kind}?{query}", json.dumps(told).encode()).status

    def put(self, bucket: str, name: str, content: bytes, **inputs: str) -> None:
        digest = json.loads(self.say("PUT", "/sandbox/data", content).body)["digest"]
        self.admin("POST", "object", f"{bucket}/{name}", inputs=inputs, digest=digest)

    def make_key(self, algorithm: str = "RSA_SIGN_PKCS1_2048_SHA256") -> str:
        self.admin("POST", "ring", RING, inputs={})
        told = {
            "purpose": "ASYMMETRIC_SIGN",
            "skipInitialVersionCreation": True,
            "versionTemplate": {"algorithm": algorithm},
            "labels": ring_labels("dev", "environment"),
        }
        self.admin("POST", "key", KEY, inputs=told)
        return str(self.admin("POST", "version", KEY, inputs={})["name"])


@pytest.fixture
def cloud(tmp_path: Path) -> Cloud:
    return Cloud(tmp_path / "gcp")


@pytest.fixture
def store(cloud: Cloud) -> Cloud:
    """A bucket with one document that nobody may read yet."""
    cloud.admin("POST", "bucket", BUCKET, inputs={"publicAccessPrevention": "inherited"})
    cloud.put(
        BUCKET,
        ".well-known/jwks.json",
        DOCUMENT,
        contentType="application/jwk-set+json",
        cacheControl="public, max-age=300",
    )
    return cloud


def open_to_all(cloud: Cloud, role: str = "roles/storage.legacyObjectReader") -> None:
    told = {"role": role, "member": "allUsers"}
    cloud.admin("POST", "binding", f"bucket:{BUCKET}|{role}|allUsers", inputs=told)


PATH = f"/{BUCKET}/.well-known/jwks.json"
JSON_PATH = f"/storage/v1/b/{BUCKET}/o/.well-known%2Fjwks.json"


def test_a_public_document_is_read_with_its_headers(store: Cloud) -> None:
    open_to_all(store)
    said = store.say("GET", PATH)
    assert (said.status, said.body) == (200, DOCUMENT)
    assert said.headers["Content-Type"] == "application/jwk-set+json"
    assert said.headers["Cache-Control"] == "public, max-age=300"
    assert said.headers["x-goog-generation"].isdecimal()
    again = store.say("GET", PATH, if_none_match=said.headers["ETag"])
    assert (again.status, again.body) == (304, b"")


@pytest.mark.parametrize("target", [f"/{BUCKET}", f"/{BUCKET}/", f"/storage/v1/b/{BUCKET}/o"])
def test_a_public_bucket_is_not_listed(store: Cloud, target: str) -> None:
    open_to_all(store)
    assert store.say("GET", target).status == 403


@pytest.mark.parametrize("method", ["PUT", "POST", "DELETE", "PATCH"])
def test_nobody_writes_through_the_public_address(store: Cloud, method: str) -> None:
    open_to_all(store)
    assert store.say(method, PATH, b"forged").status == 405
    upload = f"/upload/storage/v1/b/{BUCKET}/o?uploadType=multipart"
    assert store.say("POST", upload, b"forged").status == 403
    assert store.say("GET", PATH).body == DOCUMENT


def test_a_private_document_is_read_with_the_metadata_servers_token_alone(store: Cloud) -> None:
    assert store.say("GET", PATH).status == 403
    assert store.say("GET", PATH, authorization="Bearer guessed").status == 403
    where = "/computeMetadata/v1/instance/service-accounts/default/token"
    assert store.say("GET", where).status == 403
    token = json.loads(store.say("GET", where, metadata_flavor="Google").body)["access_token"]
    assert store.say("GET", PATH, authorization=f"Bearer {token}").body == DOCUMENT


def test_public_access_prevention_beats_a_binding(store: Cloud) -> None:
    open_to_all(store)
    told = {"publicAccessPrevention": "enforced"}
    store.admin("PATCH", "bucket", BUCKET, inputs=told)
    assert store.say("GET", PATH).status == 403


def test_the_json_api_tells_a_generation_and_holds_readers_to_it(store: Cloud) -> None:
    open_to_all(store)
    told = json.loads(store.say("GET", JSON_PATH).body)
    assert (told["name"], told["size"]) == (".well-known/jwks.json", str(len(DOCUMENT)))
    current = f"{JSON_PATH}?alt=media&ifGenerationMatch={told['generation']}"
    assert store.say("GET", current).body == DOCUMENT
    assert store.say("GET", f"{JSON_PATH}?ifGenerationMatch=1").status == 412


def test_a_create_never_takes_what_exists_and_a_full_bucket_stays(store: Cloud) -> None:
    assert store.refused("POST", "bucket", BUCKET, inputs={}) == 409
    assert store.refused("DELETE", "bucket", BUCKET) == 409


def test_rings_and_keys_outlive_their_deletion(cloud: Cloud) -> None:
    version = cloud.make_key()
    cloud.admin("DELETE", "key", KEY)
    cloud.admin("DELETE", "ring", RING)
    assert cloud.refused("POST", "ring", RING, inputs={}) == 409
    assert cloud.refused("POST", "key", KEY, inputs={}) == 409
    assert cloud.admin("GET", "version", version)["state"] == "DESTROY_SCHEDULED"
    assert cloud.refused("PATCH", "version", version, inputs={"state": "ENABLED"}) == 400


def test_a_number_is_never_used_again(cloud: Cloud) -> None:
    first = cloud.make_key()
    cloud.admin("DELETE", "version", first)
    second = cloud.admin("POST", "version", KEY, inputs={})["name"]
    assert (first.rpartition("/")[2], second.rpartition("/")[2]) == ("1", "2")


def test_what_it_remembers_survives_and_private_keys_are_the_owners_alone(tmp_path: Path) -> None:
    version = Cloud(tmp_path / "gcp").make_key()
    again = Cloud(tmp_path / "gcp")
    assert again.admin("GET", "version", version)["state"] == "ENABLED"
    (key,) = (tmp_path / "gcp" / "keys").iterdir()
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert "PRIVATE" not in (tmp_path / "gcp" / "state" / "gcp.json").read_text()


@pytest.fixture
def client(cloud: Cloud) -> Iterator[kms_v1.KeyManagementServiceClient]:
    """Google's own client, on the fake's gRPC port."""
    port = ports.allot()
    server = kms.serve(cloud.fake.kms, port)
    channel = grpc.insecure_channel(f"127.0.0.1:{port}")
    try:
        yield kms_v1.KeyManagementServiceClient(
            transport=KeyManagementServiceGrpcTransport(channel=channel)
        )
    finally:
        channel.close()
        server.stop(None).wait()


ALGORITHMS = [
    ("RS256", "RSA_SIGN_PKCS1_2048_SHA256"),
    ("PS256", "RSA_SIGN_PSS_2048_SHA256"),
    ("ES256", "EC_SIGN_P256_SHA256"),
]


@pytest.mark.parametrize(("algorithm", "made_for"), ALGORITHMS)
def test_our_signer_signs_through_googles_own_client(
    cloud: Cloud, client: kms_v1.KeyManagementServiceClient, algorithm: str, made_for: str
) -> None:
    signer = GcpKmsSigner(client, cloud.make_key(made_for), algorithm)
    signature = signer.sign(b"message")
    public = serialization.load_pem_public_key(signer.public_key_pem().encode())
    if isinstance(public, rsa.RSAPublicKey):
        pss = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH)
        how = pss if algorithm == "PS256" else padding.PKCS1v15()
        public.verify(signature, b"message", how, hashes.SHA256())
    else:
        assert isinstance(public, ec.EllipticCurvePublicKey)
        assert len(signature) == 64


def test_a_disabled_version_neither_signs_nor_shows_its_public_half(
    cloud: Cloud, client: kms_v1.KeyManagementServiceClient
) -> None:
    version = cloud.make_key()
    signer = GcpKmsSigner(client, version, "RS256")
    cloud.admin("PATCH", "version", version, inputs={"state": "DISABLED"})
    with pytest.raises(KeyUnusable):
        signer.sign(b"message")
    with pytest.raises(KeyUnusable):
        signer.public_key_pem()


def settings() -> GcpSettings:
    return GcpSettings(
        project="p-local",
        region="europe-west3",
        key_ring="signet",
        bucket=BUCKET,
        issuer_principals=("user:a@example.com",),
        key_protection="SOFTWARE",
        ingress="INGRESS_TRAFFIC_ALL",
        proxy="envoy",
        min_instances=0,
        max_instances=1,
        concurrency=80,
        cpu="1",
        base_image="python",
        image="",
        notification_channel="",
        endpoint=None,
        kms_endpoint=None,
    )


def test_the_census_finds_versions_and_what_google_never_deletes(
    cloud: Cloud, client: kms_v1.KeyManagementServiceClient
) -> None:
    def look(ring: str = "environment", environment: str = "dev") -> Any:
        return key_census.look(settings(), environment, ring, lambda _: client)

    def find() -> Any:
        return key_census.find_keys(settings(), "dev", "environment", lambda _: client)

    assert look() == key_census.Existing(ring=False, key=False)
    assert find() == ()
    first = cloud.make_key()
    second = cloud.admin("POST", "version", KEY, inputs={"state": "DISABLED"})["name"]
    third = cloud.admin("POST", "version", KEY, inputs={})["name"]
    cloud.admin("DELETE", "version", third)
    assert look() == key_census.Existing(ring=True, key=True)
    assert look("orders") == key_census.Existing(ring=True, key=False)
    found = [(key.id, key.status) for key in find()]
    assert found == [(first, "enabled"), (second, "disabled"), (third, "gone")]
    with pytest.raises(SettingsError, match="not this environment's"):
        look(environment="prod")


def source(**files: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, text in files.items():
            entry = tarfile.TarInfo(f"{name}.py")
            entry.size = len(text.encode())
            tar.addfile(entry, io.BytesIO(text.encode()))
    return buffer.getvalue()


SERVER = """
import http.server, os, sys
class H(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = repr((os.environ["GREETING"], sorted(sys.path), "cryptography" in sys.modules))
        self.send_response(200); self.end_headers(); self.wfile.write(body.encode())
    def log_message(self, *a): print("asked", flush=True)
http.server.HTTPServer((os.environ["SIGNET_LISTEN"], int(os.environ["PORT"])), H).serve_forever()
"""


def service(greeting: str, object_name: str = "code") -> dict[str, Any]:
    container = {
        "image": "scratch",
        "commands": ["python3"],
        "args": ["main.py"],
        "envs": [{"name": "GREETING", "value": greeting}],
        "sourceCode": {"cloudStorageSource": {"bucket": BUCKET, "object": object_name}},
    }
    return {"template": {"containers": [container]}}


SERVICE = "projects/p-local/locations/europe-west3/services/hello"


def asked(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as answer:
        text: str = answer.read().decode()
    return text


def test_a_service_runs_from_its_source_alone_and_a_failing_revision_changes_nothing(
    store: Cloud,
) -> None:
    store.put(BUCKET, "code", source(main=SERVER))
    store.put(BUCKET, "broken", source(main="raise SystemExit('no')"))
    try:
        made = store.admin("POST", "service", SERVICE, inputs=service("hello"))
        said = asked(made["port"])
        assert "hello" in said
        assert "site-packages" not in said
        changed = store.admin("PATCH", "service", SERVICE, inputs=service("again"))
        assert changed["port"] == made["port"]
        assert "again" in asked(made["port"])
        broken = service("x", "broken")
        assert store.refused("PATCH", "service", SERVICE, inputs=broken) == 400
        assert "again" in asked(made["port"])
        log = store.fake.services.log(SERVICE)
        limit = time.monotonic() + 5
        while "asked" not in log.read_text() and time.monotonic() < limit:
            time.sleep(0.02)
        moment, _, text = log.read_text().splitlines()[0].partition(" ")
        assert moment.isdecimal()
        assert text == "asked"
    finally:
        store.fake.services.end()


def test_a_caller_sees_no_gap_while_a_new_revision_takes_over(store: Cloud) -> None:
    store.put(BUCKET, "code", source(main=SERVER))
    answers: list[str] = []
    done = threading.Event()

    def call(port: int) -> None:
        while not done.is_set():
            answers.append(asked(port))

    try:
        made = store.admin("POST", "service", SERVICE, inputs=service("hello"))
        caller = threading.Thread(target=call, args=[made["port"]])
        caller.start()
        while not answers:
            time.sleep(0.01)
        store.admin("PATCH", "service", SERVICE, inputs=service("again"))
        limit = time.monotonic() + 5
        while not any("again" in each for each in answers) and time.monotonic() < limit:
            time.sleep(0.02)
        done.set()
        caller.join(5)
    finally:
        done.set()
        store.fake.services.end()
    greetings = ["again" in each for each in answers]
    assert (greetings[0], greetings[-1]) == (False, True)
    assert greetings == sorted(greetings)
