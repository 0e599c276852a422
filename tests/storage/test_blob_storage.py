"""Our code for Blob Storage: the same tests on our own fake and on Microsoft's Azurite.

What the two answer differently stands in `Store` as a fact that each test holds, and in
docs/sandbox.md.
"""

from __future__ import annotations

import http.client
import secrets
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from azure.storage.blob import BlobServiceClient, PublicAccess

from components.azure import clients
from components.azure.break_glass import AzureBreakGlass
from components.azure.document import DocumentProvider
from components.azure.names import CONTAINER, Endpoint
from components.azure.readback import read_store
from components.azure.settings import AzureSettings
from components.break_glass import Held
from sandbox.azure.service import client_environment
from sandbox.azure.tls import AUTHORITIES
from signet.documents import JWKS_CONTENT_TYPE, JWKS_PATH
from signet.issuing.cloud_api import CloudApi
from signet.issuing.used_tokens.conditional_write import BlobStore
from signet.observed import StoreReading
from tests.sandbox.azure.running import SECRET, serving
from tests.storage.emulators import azurite
from tests.storage.publishing import (
    CACHE,
    assert_published,
    at_once,
    check_one_writer_wins,
    check_written_over_what_was_looked_at,
    published,
    seen,
)
from validator_functions.verification import fetch
from validator_functions.verification.fetch import FailureReason, FetchFailed, HttpFetcher
from validator_functions.verification.private_store import BlobHeaders

OPEN, CLOSED = "docs", "closed"
"""Accounts: one whose container is open to readers, and one whose is not."""


class OnlySecure(Endpoint):
    """Azurite answers over TLS alone, also those who read."""

    @property
    def plain(self) -> str:
        return self.secure


@dataclass(frozen=True)
class Store:
    """A Blob Storage, and what it answers differently from the other."""

    endpoint: Endpoint
    environment: dict[str, str]
    hidden: int
    """The status for a stranger who asks for what he may not see."""

    def settings(self, account: str = OPEN) -> AzureSettings:
        made = object.__new__(AzureSettings)
        object.__setattr__(made, "storage_account", account)
        object.__setattr__(made, "endpoint", self.endpoint)
        return made

    def hand(self, account: str = OPEN) -> AzureBreakGlass:
        return AzureBreakGlass(self.settings(account), CACHE)

    def url(self, account: str = OPEN) -> str:
        return f"{self.settings(account).store_url}/{JWKS_PATH}"

    def document(self, sequence: int, account: str = OPEN) -> dict[str, Any]:
        return {
            "accountUrl": self.settings(account).account_url,
            "container": CONTAINER,
            "blob": JWKS_PATH,
            "content": published(sequence),
            "contentType": JWKS_CONTENT_TYPE,
            "cacheControl": CACHE,
        }


@contextmanager
def our_fake(folder: Path) -> Iterator[Store]:
    with serving(folder / "azure") as made:
        for account in (OPEN, CLOSED):
            group = {"resourceGroupName": "g", "accountName": account}
            kind = {"kind": "StorageV2", "sku": {"name": "Standard_LRS"}}
            rules = {"allowBlobPublicAccess": account == OPEN, "allowSharedKeyAccess": False}
            made.create("azure-native:storage:StorageAccount", {**group, **kind, **rules})
            access = {
                "containerName": CONTAINER,
                "publicAccess": "Blob" if account == OPEN else "None",
            }
            made.create("azure-native:storage:BlobContainer", {**group, **access})
        environment = client_environment(folder, SECRET, made.port)
        yield Store(Endpoint(port=made.port), environment, hidden=404)


@contextmanager
def microsofts(folder: Path) -> Iterator[Store]:
    with azurite(folder, [OPEN, CLOSED]) as told:
        endpoint = OnlySecure(port=int(told.pop("BLOB_PORT")))
        certificates = {"REQUESTS_CA_BUNDLE": str(folder / "azure" / "tls" / AUTHORITIES)}
        environment = {
            **told,
            **certificates,
            "AZURE_TOKEN_CREDENTIALS": "ManagedIdentityCredential",
        }
        store = Store(endpoint, environment, hidden=403)
        with pytest.MonkeyPatch.context() as patch:
            for name, value in environment.items():
                patch.setenv(name, value)
            for account in (OPEN, CLOSED):
                service = BlobServiceClient(
                    store.settings(account).account_url, credential=clients.credential()
                )
                access = PublicAccess.BLOB if account == OPEN else None
                service.create_container(CONTAINER, public_access=access)
        yield store


@pytest.fixture(scope="module", params=["our fake", "Azurite"])
def served(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Store]:
    folder = tmp_path_factory.mktemp("blobs")
    with (our_fake if request.param == "our fake" else microsofts)(folder) as store:
        yield store


@pytest.fixture
def store(served: Store, monkeypatch: pytest.MonkeyPatch) -> Store:
    """The store without any document, and its clients' surroundings."""
    for name, value in served.environment.items():
        monkeypatch.setenv(name, value)
    trusted = ssl.create_default_context(cafile=served.environment["REQUESTS_CA_BUNDLE"])
    monkeypatch.setattr(fetch, "_tls", [trusted])
    for account in (OPEN, CLOSED):
        DocumentProvider().delete("x", served.document(1, account))
    return served


def test_a_document_is_published_with_its_headers_in_one_write(store: Store) -> None:
    made = DocumentProvider().create(store.document(1)).outs
    assert made is not None
    assert assert_published(store.url(), published(1)) == made["etag"]


def test_a_reader_who_has_it_gets_304_and_no_body(store: Store) -> None:
    DocumentProvider().create(store.document(1))
    etag = assert_published(store.url(), published(1))
    again = HttpFetcher(loopback_http=True)(store.url(), etag=etag)
    assert (again.status, again.body) == (304, b"")


def test_an_update_replaces_what_the_last_run_wrote_in_place(store: Store) -> None:
    provider = DocumentProvider()
    made = provider.create(store.document(1)).outs
    assert made is not None
    told = provider.diff("x", made, store.document(2))
    assert (told.changes, told.replaces) == (True, [])
    written = provider.update("x", made, store.document(2)).outs
    assert written is not None
    assert written["etag"] != made["etag"]
    assert assert_published(store.url(), published(2)) == written["etag"]


def test_an_update_never_goes_over_a_newer_set_but_over_an_older_one(store: Store) -> None:
    provider = DocumentProvider()
    made = provider.create(store.document(1)).outs
    assert made is not None
    hand = store.hand()
    hand.write(published(4), hand.held())  # a taint's, past the engine
    with pytest.raises(RuntimeError, match="somebody else has written"):
        provider.update("x", made, store.document(3))
    assert_published(store.url(), published(4))
    provider.update("x", made, store.document(5))
    assert_published(store.url(), published(5))


def test_a_refresh_sees_what_somebody_else_wrote(store: Store) -> None:
    provider = DocumentProvider()
    made = provider.create(store.document(1)).outs
    assert made is not None
    store.hand().write(published(2), store.hand().held())
    seen_ = provider.read("x", made).outs
    assert seen_ is not None
    assert {name: seen_[name] for name in store.document(2)} == store.document(2)
    assert seen_["etag"] != made["etag"]


def test_a_deleted_document_is_gone_and_its_deletion_may_be_repeated(store: Store) -> None:
    provider = DocumentProvider()
    made = provider.create(store.document(1)).outs
    assert made is not None
    for _ in range(2):
        provider.delete("x", made)
    assert provider.read("x", made).id is None
    assert seen(store.url()).status == 404


def test_a_create_takes_over_what_a_killed_run_left(store: Store) -> None:
    DocumentProvider().create(store.document(1))
    DocumentProvider().create(store.document(2))
    assert_published(store.url(), published(2))


def test_a_bad_days_write_goes_over_exactly_what_was_looked_at(store: Store) -> None:
    assert_published(store.url(), check_written_over_what_was_looked_at(store.hand()))


@pytest.mark.parametrize("before", [0, 1], ids=["no document yet", "over a document"])
def test_of_many_writers_at_once_exactly_one_wins(store: Store, before: int) -> None:
    check_one_writer_wins(store.hand, store.url(), before)


def test_of_many_instances_exactly_one_is_told_that_a_token_is_new(store: Store) -> None:
    # A blob cannot be written over by this, so that each run takes names of its own.
    new, other = secrets.token_hex(8), secrets.token_hex(8)
    api = CloudApi(BlobHeaders(None, store.environment, time.time), loopback_http=True)
    used = BlobStore(api, store.settings(CLOSED).store_url)
    assert sorted(at_once(lambda _: used.first_use(new, 7)))[-2:] == [False, True]
    assert not used.first_use(new, 7)
    assert used.first_use(other, 7)


def test_a_public_set_is_read_back_as_its_consumers_read_it(store: Store) -> None:
    assert read_store(store.settings(), "public").status == "absent"
    store.hand().write(published(7), Held(reading=StoreReading("absent")))
    found = read_store(store.settings(), "public")
    assert (found.status, found.sequence) == ("read", 7)


def test_a_private_set_is_read_with_an_identity_and_by_nobody_else(store: Store) -> None:
    assert read_store(store.settings(CLOSED), "private").status == "absent"
    store.hand(CLOSED).write(published(7), Held(reading=StoreReading("absent")))
    found = read_store(store.settings(CLOSED), "private")
    assert (found.status, found.sequence) == ("read", 7)
    headers = BlobHeaders(None, store.environment, time.time)
    asks = HttpFetcher(loopback_http=True, headers=headers)
    assert asks(store.url(CLOSED)).body.decode() == published(7)
    assert asks(store.url(CLOSED), etag=asks(store.url(CLOSED)).etag).status == 304
    with pytest.raises(FetchFailed) as refused:
        HttpFetcher(loopback_http=True)(store.url(CLOSED))
    assert refused.value.reason is FailureReason.STATUS_REFUSED


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("GET", f"/{OPEN}/{CONTAINER}?restype=container&comp=list", {}),
        ("PUT", f"/{OPEN}/{CONTAINER}/{JWKS_PATH}", {"x-ms-blob-type": "BlockBlob"}),
        ("DELETE", f"/{OPEN}/{CONTAINER}/{JWKS_PATH}", {}),
    ],
    ids=["list", "write", "delete"],
)
def test_a_stranger_neither_lists_nor_writes(
    store: Store, method: str, path: str, headers: dict[str, str]
) -> None:
    DocumentProvider().create(store.document(1))
    trusted = ssl.create_default_context(cafile=store.environment["REQUESTS_CA_BUNDLE"])
    connection = http.client.HTTPSConnection("127.0.0.1", store.endpoint.port, context=trusted)
    connection.request(method, path, b"forged" if method == "PUT" else None, headers)
    status = connection.getresponse().status
    connection.close()
    assert status == store.hidden
    assert_published(store.url(), published(1))
