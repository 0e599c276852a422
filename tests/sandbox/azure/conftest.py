"""A fake Azure for each test, and Microsoft's clients told how to reach it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.azure.service import client_environment

from .running import SECRET, Running, serving


@pytest.fixture
def running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    """A fake that nothing else uses."""
    with serving(tmp_path / "azure") as made:
        for name, value in client_environment(tmp_path, SECRET, made.port).items():
            monkeypatch.setenv(name, value)
        yield made
