"""One signer for all tests of the command: making keys is slow, and none of them changes it."""

import pytest

from .tokens import Signer


@pytest.fixture(scope="session")
def signer() -> Signer:
    return Signer()
