"""One real sandbox for all of these tests, and a plugin on a cloud in memory for each."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

import sandbox
from sandbox import supervisor
from tests.sandbox.harness import Engine, ToyCloud, sandbox_environment, serving, toy


@pytest.fixture(scope="session")
def sandbox_state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The state folder of a sandbox that runs."""
    state = tmp_path_factory.mktemp("state")
    try:
        sandbox.start(state, say=lambda _: None)
        yield state
    finally:
        supervisor.forget(state, say=lambda _: None)


@pytest.fixture(scope="session")
def sandbox_environ(sandbox_state: Path) -> dict[str, str]:
    """The whole environment for commands in that sandbox."""
    return {**os.environ, **sandbox.environment(sandbox_state)}


@pytest.fixture
def cloud() -> ToyCloud:
    return ToyCloud()


@pytest.fixture
def engine(cloud: ToyCloud, tmp_path: Path) -> Iterator[Engine]:
    """An engine in front of a configured plugin for the cloud in memory."""
    with serving(toy(cloud), sandbox_environment(tmp_path / "sandbox")) as connected:
        connected.configure()
        yield connected
