"""Our code for Cloud Storage: the same tests on our own fake and on fake-gcs-server.

What the two answer differently stands in `Store` as a fact that each test holds, and in
docs/sandbox.md.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from google.auth.transport.requests import AuthorizedSession
from google.oauth2.credentials import Credentials

from components.gcp import clients
from components.gcp.break_glass import GcpBreakGlass
from components.gcp.readback import read_store
from components.gcp.settings import GcpSettings
from components.gcp.upload import uploads_url
from signet.documents import JWKS_PATH
from signet.errors import CouldNotCheck
from signet.issuing.cloud_api import CloudApi
from signet.issuing.used_tokens.conditional_write import CloudStorageStore
from tests.sandbox.gcp_running import running
from tests.storage.emulators import fake_gcs
from tests.storage.publishing import (
    CACHE,
    assert_published,
    at_once,
    check_one_writer_wins,
    check_written_over_what_was_looked_at,
    fetcher,
    published,
    seen,
)

Sessions = Callable[[GcpSettings], AuthorizedSession]


@dataclass(frozen=True)
class Store:
    """A Cloud Storage, and what it answers differently from the other."""

    endpoint: str
    make: Callable[[str], None]
    """Makes a public bucket of that name."""
    session: Sessions
    knows_etags: bool
    """Whether `If-None-Match` gets 304."""
    asks_who: bool
    """Whether a write needs a token that it knows."""

    def settings(self, bucket: str) -> GcpSettings:
        made = object.__new__(GcpSettings)
        object.__setattr__(made, "bucket", bucket)
        object.__setattr__(made, "endpoint", self.endpoint)
        return made


@dataclass(frozen=True)
class Bucket:
    """A bucket of one test's own, without any document."""

    store: Store
    settings: GcpSettings

    @property
    def url(self) -> str:
        return f"{self.settings.store_url}/{JWKS_PATH}"

    def hand(self) -> GcpBreakGlass:
        return GcpBreakGlass(self.settings, CACHE, session=self.store.session)


@contextmanager
def our_fake(folder: Path) -> Iterator[Store]:
    with running(folder / "gcp") as cloud:

        def make(bucket: str) -> None:
            cloud.create("bucket", bucket, {"publicAccessPrevention": "inherited"})
            told = {"role": "roles/storage.legacyObjectReader", "member": "allUsers"}
            cloud.create("binding", f"bucket:{bucket}|{told['role']}|allUsers", told)

        address = f"http://127.0.0.1:{cloud.port}"
        yield Store(address, make, clients.storage, knows_etags=True, asks_who=True)


@contextmanager
def anothers(folder: Path) -> Iterator[Store]:
    def session(_: GcpSettings | None = None) -> AuthorizedSession:
        return AuthorizedSession(Credentials("any"))  # type: ignore[no-untyped-call]

    with fake_gcs(folder) as address:

        def make(bucket: str) -> None:
            told = session().post(f"{address}/storage/v1/b?project=p", json={"name": bucket})
            assert told.status_code == 200, told.text

        yield Store(address, make, session, knows_etags=False, asks_who=False)


@pytest.fixture(scope="module", params=["our fake", "fake-gcs-server"])
def store(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Store]:
    folder = tmp_path_factory.mktemp("objects")
    with (our_fake if request.param == "our fake" else anothers)(folder) as made:
        yield made


@pytest.fixture
def bucket(store: Store) -> Bucket:
    name = f"signet-{secrets.token_hex(6)}"
    store.make(name)
    return Bucket(store, store.settings(name))


def test_a_document_is_published_with_its_headers_in_one_write(bucket: Bucket) -> None:
    hand = bucket.hand()
    hand.write(published(1), hand.held())
    assert_published(bucket.url, published(1))
    assert bucket.hand().held().body.decode() == published(1)


def test_a_reader_who_has_it_gets_304_where_the_store_knows_etags(bucket: Bucket) -> None:
    bucket.hand().write(published(1), bucket.hand().held())
    etag = assert_published(bucket.url, published(1))
    again = fetcher()(bucket.url, etag=etag)
    assert again.status == (304 if bucket.store.knows_etags else 200)
    assert again.body.decode() == ("" if bucket.store.knows_etags else published(1))


def test_a_write_goes_over_exactly_what_was_looked_at(bucket: Bucket) -> None:
    assert_published(bucket.url, check_written_over_what_was_looked_at(bucket.hand()))


@pytest.mark.parametrize("before", [0, 1], ids=["no document yet", "over a document"])
def test_of_many_writers_at_once_exactly_one_wins(bucket: Bucket, before: int) -> None:
    check_one_writer_wins(bucket.hand, bucket.url, before)


def test_of_many_instances_exactly_one_is_told_that_a_token_is_new(bucket: Bucket) -> None:
    token = bucket.store.session(bucket.settings).credentials.token
    api = CloudApi(lambda _url, _seconds: {"authorization": f"Bearer {token}"}, loopback_http=True)
    used = CloudStorageStore(api, uploads_url(bucket.settings.bucket, bucket.settings.endpoint))
    assert sorted(at_once(lambda _: used.first_use("a", 7)))[-2:] == [False, True]
    assert not used.first_use("a", 7)
    assert used.first_use("b", 7)


def test_a_public_set_is_read_back_as_its_consumers_read_it(bucket: Bucket) -> None:
    assert read_store(bucket.settings, "public").status == "absent"
    bucket.hand().write(published(7), bucket.hand().held())
    found = read_store(bucket.settings, "public")
    assert (found.status, found.sequence) == ("read", 7)


def test_a_bucket_that_is_not_there_takes_no_document(store: Store) -> None:
    missing = Bucket(store, store.settings("signet-none"))
    with pytest.raises(CouldNotCheck, match="Google Cloud did not do it"):
        missing.hand().write(published(1), missing.hand().held())


def test_a_stranger_writes_only_where_nobody_asks_who(bucket: Bucket) -> None:
    hand = bucket.hand()
    hand.write(published(1), hand.held())

    def stranger(_: GcpSettings) -> AuthorizedSession:
        return AuthorizedSession(Credentials("guessed"))  # type: ignore[no-untyped-call]

    forger = GcpBreakGlass(bucket.settings, CACHE, session=stranger)
    if bucket.store.asks_who:
        with pytest.raises(CouldNotCheck, match="Google Cloud did not do it"):
            forger.write(published(9), hand.held())
    else:
        forger.write(published(9), hand.held())
    assert_published(bucket.url, published(1 if bucket.store.asks_who else 9))
    assert seen(bucket.url).status == 200
