"""Azure on a bad day: the break-glass adapter against the fake, by Microsoft's own clients."""

from __future__ import annotations

import pytest

from components.azure import clients
from components.azure.break_glass import AzureBreakGlass
from components.azure.key_version import split
from components.azure.names import Endpoint
from components.azure.settings import AzureSettings
from components.break_glass import Held
from signet.errors import CouldNotCheck
from signet.observed import StoreReading
from tests.sandbox.azure.running import Running
from tests.sandbox.azure.test_fake import NAME, account, get, key, published
from tests.storage.publishing import check_written_over_what_was_looked_at


def hand(running: Running) -> AzureBreakGlass:
    settings = object.__new__(AzureSettings)
    object.__setattr__(settings, "storage_account", "docs")
    object.__setattr__(settings, "endpoint", Endpoint(port=running.port))
    return AzureBreakGlass(settings, "public, max-age=300")


def test_a_set_is_written_over_exactly_the_one_that_was_looked_at(running: Running) -> None:
    account(running)
    written = check_written_over_what_was_looked_at(hand(running))
    status, headers, body = get(running, f"/docs/keys/{NAME}")
    assert (status, body.decode()) == (200, written)
    told = {name.lower(): value for name, value in headers.items()}
    assert told["content-type"] == "application/jwk-set+json"
    assert told["cache-control"] == "public, max-age=300"


def test_a_key_is_disabled_and_a_key_that_is_not_there_is_told(running: Running) -> None:
    uri = key(running)
    vault, name, version = split(uri)
    hand(running).disable_key(uri)
    (found,) = clients.keys(vault).list_properties_of_key_versions(name)
    assert found.enabled is False
    with pytest.raises(CouldNotCheck, match="Azure did not do it"):
        hand(running).disable_key(f"{vault}/keys/none/{version}")


def test_a_write_to_an_account_that_is_not_there_is_told(running: Running) -> None:
    with pytest.raises(CouldNotCheck) as caught:
        hand(running).write(published(1), Held(reading=StoreReading("absent")))
    assert "Blob Storage" in caught.value.where
