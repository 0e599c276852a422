"""What the component tests share: a whole program under mocks, with made-up readings."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from components import packaging
from components.adoption import FoundKey
from components.gcp import key_census
from components.observe import CloudReader
from components.program import main
from components.settings import Settings
from signet.observed import StoreReading
from tests.components import mocked

NOW = 1_800_000_000
NOTHING = key_census.Existing(ring=False, key=False)
"""What Google has of a ring that was never made."""

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


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> packaging.Bundle:
    """A bundle of one file, for the cloud that packs it again."""
    path = tmp_path_factory.mktemp("bundle") / "bundle.zip"
    path.write_bytes(packaging.pack({"validator_functions/__init__.py": b""}))
    return packaging.Bundle(path, "a" * 64, "b" * 64, path.stat().st_size)


@pytest.fixture
def whole(
    monkeypatch: pytest.MonkeyPatch, runs: dict[str, mocked.Run], bundle: packaging.Bundle
) -> Whole:
    """Runs the whole program of a real stack; settings, state and what clouds hold may be given.

    The keys are the home cloud's.
    """
    monkeypatch.setattr(packaging, "build_bundle", lambda *_, **__: bundle)

    def run(
        *,
        settings: Mapping[str, Any] | None = None,
        state: Mapping[str, Any] | None = None,
        keys: Sequence[FoundKey] = (),
        store: StoreReading | None = None,
        now: int = NOW,
        preview: bool = False,
        existing: key_census.Existing = NOTHING,
    ) -> mocked.Run:
        monkeypatch.setattr(key_census, "look", lambda *_: existing)
        given = repr((settings, state, keys, store, now, preview, existing))
        if given in runs:
            return runs[given]

        def readers(settings: Settings) -> dict[str, CloudReader]:
            found = {settings.home: tuple(keys)}
            return {
                cloud: CloudReader(
                    store=lambda _: store or StoreReading("absent"),
                    keys=lambda cloud=cloud: found.get(cloud, ()),  # type: ignore[misc]
                )
                for cloud in settings.clouds
            }

        runs[given] = mocked.run(
            lambda: main(readers, lambda: now),
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
