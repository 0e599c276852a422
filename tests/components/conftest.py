"""What the component tests share: a whole program under mocks, with made-up readings."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from components import packaging
from components.adoption import FoundKey
from components.observe import CloudReader
from components.program import main
from signet.observed import StoreReading
from tests.components import mocked

NOW = 1_800_000_000

SETTINGS: dict[str, Any] = {
    "audience": "https://api.test.invalid",
    "requiredScope": "demo:read",
    "awsRegion": "eu-central-1",
    "awsBucket": "signet-test-keys",
    "awsIssuerPrincipals": ["arn:aws:iam::111122223333:role/pipeline"],
}

Whole = Callable[..., mocked.Run]


@pytest.fixture(scope="session")
def runs() -> dict[str, mocked.Run]:
    """Runs of the program by what they were given: the same gives the same."""
    return {}


@pytest.fixture
def whole(monkeypatch: pytest.MonkeyPatch, runs: dict[str, mocked.Run]) -> Whole:
    """Runs the whole program of a real stack; settings, state and what clouds hold may be given."""
    built = packaging.Bundle(Path("bundle.zip"), "a" * 64, "b" * 64, 2)
    monkeypatch.setattr(packaging, "build_bundle", lambda *_, **__: built)

    def run(
        *,
        settings: Mapping[str, Any] | None = None,
        state: Mapping[str, Any] | None = None,
        keys: Sequence[FoundKey] = (),
        store: StoreReading | None = None,
        now: int = NOW,
        preview: bool = False,
    ) -> mocked.Run:
        given = repr((settings, state, keys, store, now, preview))
        if given in runs:
            return runs[given]
        reader = CloudReader(
            store=lambda: store or StoreReading("absent"), keys=lambda: tuple(keys)
        )
        runs[given] = mocked.run(
            lambda: main(lambda _: {"aws": reader}, lambda: now),
            settings={**SETTINGS, **(settings or {})},
            state=state,
            preview=preview,
        )
        return runs[given]

    return run


def stashed(journal: str | None, confirmed: str | None = None) -> dict[str, Any]:
    """A state's resources that hold a record, as the engine tells them."""
    told = {"journal": journal, "confirmed": confirmed}
    return {
        f"urn:pulumi:test::signet::pulumi:index:Stash::{name}": {
            "type": "pulumi:index:Stash",
            "outputs": {"input": text, "output": "the first value, which is not read"},
        }
        for name, text in told.items()
        if text is not None
    }
