"""The fake's data planes, driven by Microsoft's own clients and by plain HTTP."""

from __future__ import annotations

import hashlib
import http.client
import json
from pathlib import Path
from typing import Any

import pytest
from azure.core import MatchConditions
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.identity import DefaultAzureCredential
from azure.storage.blob import BlobClient, ContentSettings

from components.azure import clients
from components.azure.document import DocumentProvider
from components.azure.key_version import KeyVersionProvider
from sandbox.azure.cloud import AzureError
from sandbox.azure.memory import Memory
from signet.documents import jwk_from_pem, render_jwks
from signet.issuing.errors import KeyUnusable
from signet.issuing.issuer import confirmed_keys
from signet.issuing.signers.azure import connect
from tests.sandbox.azure.running import Running
from tests.unit.issuing.local_keys import LocalSigner

GROUP = "signet-test"
NAME = ".well-known/jwks.json"
JWK = jwk_from_pem(LocalSigner("ES256").public_key_pem(), "ES256")


def account(running: Running, name: str = "docs", **more: Any) -> None:
    inputs = {
        "resourceGroupName": GROUP,
        "accountName": name,
        "kind": "StorageV2",
        "sku": {"name": "Standard_LRS"},
        "allowBlobPublicAccess": True,
        "allowSharedKeyAccess": False,
    }
    running.create("azure-native:storage:StorageAccount", {**inputs, **more})
    for container, access in (("keys", "Blob"), ("closed", "None")):
        running.create(
            "azure-native:storage:BlobContainer",
            {
                "resourceGroupName": GROUP,
                "accountName": name,
                "containerName": container,
                "publicAccess": access,
            },
        )


def key(running: Running, name: str = "test-environment-1", **properties: Any) -> str:
    running.create(
        "azure-native:keyvault:Key",
        {
            "resourceGroupName": GROUP,
            "vaultName": "v",
            "keyName": name,
            "properties": {"kty": "RSA", "keySize": 2048, **properties},
            "tags": {"signet:environment": "test"},
        },
    )
    return running.fake.vaults.uri(name, running.fake.vaults._key(name)["version"])


def get(
    running: Running, path: str, method: str = "GET", **headers: str
) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=10)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, b"x" if method == "PUT" else None, named)
    answer = connection.getresponse()
    told = (answer.status, dict(answer.getheaders()), answer.read())
    connection.close()
    return told


def blob(running: Running, container: str = "keys", account_name: str = "docs") -> BlobClient:
    return clients.blob(f"https://127.0.0.1:{running.port}/{account_name}", container, NAME)


def upload(client: BlobClient, text: bytes, **more: Any) -> str:
    settings = ContentSettings(content_type="application/json", cache_control="public, max-age=9")
    made = client.upload_blob(text, overwrite=True, content_settings=settings, **more)
    return str(made["etag"])


def test_a_public_blob_is_read_by_anybody_with_its_headers(running: Running) -> None:
    account(running)
    etag = upload(blob(running), b"{}")
    status, headers, body = get(running, f"/docs/keys/{NAME}")
    assert (status, body) == (200, b"{}")
    assert headers["Content-Type"] == "application/json"
    assert headers["Cache-Control"] == "public, max-age=9"
    assert headers["ETag"] == etag
    assert get(running, f"/docs/keys/{NAME}", If_None_Match=etag)[0] == 304
    assert blob(running).download_blob().readall() == b"{}"


@pytest.mark.parametrize(
    ("path", "method"),
    [
        ("/docs/keys?restype=container&comp=list", "GET"),
        (f"/docs/closed/{NAME}", "GET"),
        ("/docs/keys/absent", "GET"),
        (f"/docs/keys/{NAME}", "PUT"),
        (f"/docs/keys/{NAME}", "DELETE"),
        (f"/nobody/keys/{NAME}", "GET"),
    ],
)
def test_nobody_lists_writes_or_reads_what_is_closed(
    running: Running, path: str, method: str
) -> None:
    account(running)
    for container in ("keys", "closed"):
        upload(blob(running, container), b"{}")
    assert get(running, path, method, x_ms_blob_type="BlockBlob")[0] == 404


def test_an_account_that_forbids_it_has_no_public_blobs(running: Running) -> None:
    account(running, allowBlobPublicAccess=False)
    upload(blob(running), b"{}")
    assert get(running, f"/docs/keys/{NAME}")[0] == 409


def test_a_write_over_another_version_is_refused(running: Running) -> None:
    account(running)
    client = blob(running)
    first = upload(client, b"1")
    upload(client, b"2", etag=first, match_condition=MatchConditions.IfNotModified)
    with pytest.raises(HttpResponseError) as refused:
        upload(client, b"3", etag=first, match_condition=MatchConditions.IfNotModified)
    assert refused.value.status_code == 412
    with pytest.raises(ResourceExistsError):
        client.upload_blob(b"4")


def test_a_token_of_nobody_is_refused(running: Running) -> None:
    account(running)
    assert get(running, f"/docs/keys/{NAME}", Authorization="Bearer eyJ.x")[0] == 401
    other = running.azure.token("https://vault.azure.net")
    assert get(running, f"/docs/keys/{NAME}", Authorization=f"Bearer {other}")[0] == 401


def published(sequence: int) -> str:
    """A well-formed set under a number."""
    return render_jwks([JWK], sequence, [])


def test_the_document_resource_writes_reads_back_and_never_loses_a_newer_one(
    running: Running,
) -> None:
    account(running)
    props = {
        "accountUrl": f"https://127.0.0.1:{running.port}/docs",
        "container": "keys",
        "blob": NAME,
        "content": published(1),
        "contentType": "application/jwk-set+json",
        "cacheControl": "public, max-age=300",
    }
    provider = DocumentProvider()
    made = provider.create(props)
    assert made.outs is not None
    assert not provider.diff("x", made.outs, props).changes
    newer = {**props, "content": published(4)}
    assert provider.diff("x", made.outs, newer).changes
    assert provider.diff("x", made.outs, newer).replaces == []
    written = provider.update("x", made.outs, newer).outs
    assert written is not None
    with pytest.raises(RuntimeError, match="somebody else has written"):
        provider.update("x", made.outs, {**props, "content": published(3)})
    seen = provider.read("x", written)
    assert seen.outs is not None
    assert {n: seen.outs[n] for n in newer} == newer
    assert get(running, f"/docs/keys/{NAME}")[2].decode() == published(4)
    above = provider.update("x", made.outs, {**props, "content": published(5)}).outs
    assert above is not None
    assert get(running, f"/docs/keys/{NAME}")[2].decode() == published(5)
    provider.delete("x", written)
    provider.delete("x", written)
    assert provider.read("x", written).id is None


@pytest.mark.parametrize(
    ("properties", "algorithm"),
    [
        ({}, "RS256"),
        ({}, "PS256"),
        ({"kty": "EC", "curveName": "P-256", "keySize": None}, "ES256"),
    ],
)
def test_our_signer_signs_with_microsofts_client_and_the_kid_is_the_same(
    running: Running, properties: dict[str, Any], algorithm: str
) -> None:
    uri = key(running, **properties)
    version = KeyVersionProvider()
    made = version.create({"keyUri": uri, "algorithm": algorithm, "enabled": True}).outs
    assert made is not None
    signer = connect(uri, algorithm, identity="somebody")
    keys = confirmed_keys(signer, made["jwk"]["kid"])
    assert made["jwk"]["kid"] in str(keys) or keys
    assert len(signer.sign(b"message")) == (64 if algorithm == "ES256" else 256)
    version.update("x", made, {**made, "enabled": False})
    assert version.read("x", made).outs == {**made, "enabled": False}
    with pytest.raises(KeyUnusable, match="disabled"):
        signer.sign(b"message")


def test_a_keys_name_is_taken_for_as_long_as_its_vault_is_there(running: Running) -> None:
    vault = running.create(
        "azure-native:keyvault:Vault",
        {
            "resourceGroupName": GROUP,
            "vaultName": "v",
            "properties": {"tenantId": "t", "sku": {"family": "A", "name": "standard"}},
        },
    )
    key(running)
    identity = running.azure.subscription
    where = f"/subscriptions/{identity}/resourceGroups/{GROUP}/providers/Microsoft.KeyVault"
    running.delete("azure-native:keyvault:Key", f"{where}/vaults/v/keys/test-environment-1")
    with pytest.raises(AzureError, match="ObjectIsDeletedButRecoverable"):
        key(running)
    running.delete("azure-native:keyvault:Vault", vault)
    assert key(running)


def test_a_protected_vault_keeps_its_name_when_it_is_deleted(running: Running) -> None:
    inputs = {
        "resourceGroupName": GROUP,
        "vaultName": "v",
        "properties": {
            "tenantId": "t",
            "sku": {"family": "A", "name": "standard"},
            "enablePurgeProtection": True,
        },
    }
    token = "azure-native:keyvault:Vault"
    identity = running.create(token, inputs)
    running.delete(token, identity)
    assert running.read(token, identity) is None
    with pytest.raises(AzureError, match="deleted state"):
        running.create(token, inputs)


def test_a_create_takes_nothing_over(running: Running) -> None:
    account(running)
    with pytest.raises(AzureError, match="AlreadyExists"):
        account(running)


def test_what_it_remembers_outlives_it_and_private_keys_are_their_owners_alone(
    running: Running, tmp_path: Path
) -> None:
    account(running)
    uri = key(running)
    upload(blob(running), b"kept")
    again = Memory(tmp_path / "azure")
    with again.looked_at() as told, running.fake.memory.looked_at() as now:
        assert told == now
        assert "PRIVATE" not in json.dumps(told)
    files = list((tmp_path / "azure" / "keys").iterdir())
    assert [oct(file.stat().st_mode & 0o777) for file in files] == ["0o600"]
    name, version = uri.split("/")[-2:]
    assert again.key(f"{name}-{version}") == files[0].read_bytes()


def test_the_identity_endpoint_wants_its_header(running: Running) -> None:
    path = "/msi/token?api-version=2019-08-01&resource=https://storage.azure.com"
    assert get(running, path)[0] == 401
    assert get(running, path, x_identity_header="the-sandbox")[0] == 200
    token = DefaultAzureCredential().get_token("https://storage.azure.com/.default").token
    assert token


def test_a_blob_that_is_not_there_is_not_found(running: Running) -> None:
    account(running)
    with pytest.raises(ResourceNotFoundError):
        blob(running).download_blob()


def test_a_signed_address_reads_one_blob_of_an_account_that_has_keys(running: Running) -> None:
    account(running, "code", allowSharedKeyAccess=True)
    upload(blob(running, account_name="code"), b"zip")
    path = f"/code/keys/{NAME}"
    token = running.azure.arm("sas", {"account": "code", "path": path, "end": "2100"})["token"]
    assert get(running, f"{path}?{token}")[2] == b"zip"
    assert get(running, f"/code/keys/other?{token}")[0] == 403
    assert get(running, f"{path}?{token}", "PUT", x_ms_blob_type="BlockBlob")[0] == 403


def test_the_fake_is_told_by_its_hash_of_content(running: Running) -> None:
    digest = running.fake.memory.keep(b"content")
    assert digest == hashlib.sha256(b"content").hexdigest()
    assert running.fake.memory.content(digest) == b"content"
