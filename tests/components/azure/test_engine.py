"""Azure alone, its key in Key Vault, on the real engine and the sandbox: up, answers, and down."""

from __future__ import annotations

import hashlib
import http.client
import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

import sandbox
from components.program import main
from sandbox import supervisor
from sandbox.azure.arm import SUBSCRIPTION, TENANT
from signet.cli import demo, issuing_record
from tests.components.test_engine import Checkout

# A drill: in the default run prod goes up with its home on Azure (`test_homes`).
pytestmark = [pytest.mark.drill, pytest.mark.engine, pytest.mark.slow, pytest.mark.network]

SETTINGS = {
    "clouds": "[azure]",
    "home": "azure",
    "tokenService": "none",
    "azureLocation": "westeurope",
    "azureSubscriptionId": SUBSCRIPTION,
    "azureTenantId": TENANT,
    "azureVault": "signet-local",
    "azureStorageAccount": "signetlocalkeys",
    "azureKeyAdministrators": "[00000000-0000-4000-8000-000000000004]",
}


@pytest.fixture
def checkout(tmp_path: Path) -> Iterator[Checkout]:
    state = tmp_path / "state"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SIGNET_STATE_DIR", str(state))
        sandbox.start(state, say=lambda _: None)
        try:
            yield Checkout(state, tmp_path / "root")
        finally:
            supervisor.forget(state, say=lambda _: None)


def test_azure_alone_goes_up_answers_as_the_table_says_and_comes_down(checkout: Checkout) -> None:
    checkout.configure("local", **SETTINGS)
    stack = checkout.stack("local")
    assert stack.up(main).changes
    found = issuing_record.read(stack)
    with stack.place.applied():
        gateways, results = demo._compare(stack, found, quiet=True)
    assert [gateway.title for gateway in gateways] == ["azure function"]
    assert [each for result in results for each in result.differences] == []

    url = urlsplit(found.outputs["jwksUrls"]["azure"])
    connection = http.client.HTTPConnection(url.hostname or "", url.port, timeout=10)
    connection.request("GET", url.path)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    assert answer.headers["Content-Type"] == "application/jwk-set+json"
    assert answer.headers["Cache-Control"] == "public, max-age=300"
    assert found.confirmed is not None
    assert found.confirmed.published_sha256["environment"] == hashlib.sha256(body).hexdigest()

    stack.up(main)  # notes the first read-back
    assert stack.up(main).changes == ()
    stack.destroy()
    left = [
        path.name
        for path in (checkout.state / "sandbox" / "azure" / "keys").iterdir()
        if path.suffix == ".pem"
    ]
    assert left == []
    assert os.environ["SIGNET_STATE_DIR"] == str(checkout.state)
