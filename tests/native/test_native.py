"""The cheap columns of `docs/native-checks.md`, and that the page says what they found."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from signet.paths import repo_root
from tests.runtimes.programs import program

from . import readers
from .issuer import Issuer, published
from .page import cells, page, render


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    with published() as found:
        yield found


def test_our_own_module_takes_the_good_tokens_and_no_others(issuer: Issuer, tmp_path: Path) -> None:
    tokens = list(issuer.tokens())
    found = readers.ours(issuer, tokens, tmp_path)
    assert found == {token.name: token.good for token in tokens}


@pytest.mark.parametrize("name", ["Signet", "Envoy jwt_authn 1.40.0"])
def test_the_page_says_what_a_reader_does(issuer: Issuer, tmp_path: Path, name: str) -> None:
    if name.startswith("Envoy") and program("envoy") is None:
        pytest.skip("envoy is not installed")
    tokens = list(issuer.tokens())
    found = readers.READERS[name](issuer, tokens, tmp_path)
    written = cells(page(repo_root()).read_text(encoding="utf-8"))
    assert cells(render(tokens, {name: found}))[name] == written[name]


def test_the_page_has_every_reader_and_all_take_a_good_rs256_token() -> None:
    written = cells(page(repo_root()).read_text(encoding="utf-8"))
    assert list(written) == list(readers.READERS)
    assert {told["good, RS256"] for told in written.values()} == {"accepts"}
    assert [name for name, told in written.items() if told["good, ES256"] != "accepts"] == [
        "API Gateway JWT authorizer (sandbox)"
    ]


@pytest.mark.parametrize("lock", ["node/package-lock.json", "node/package.json", "go/go.sum"])
def test_a_lock_names_hashes_and_no_addresses(lock: str) -> None:
    text = (Path(__file__).parent / lock).read_text(encoding="utf-8")
    assert "http" not in text
