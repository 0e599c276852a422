"""The Azure adapter, through Microsoft's own clients and a loopback Key Vault."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from azure.core.exceptions import ClientAuthenticationError
from azure.keyvault.keys import KeyClient
from azure.keyvault.keys.crypto import CryptographyClient
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from signet.errors import SignetError
from signet.issuing.errors import KeyUnusable, KmsBusy, KmsUnreachable, SigningDenied
from signet.issuing.signers.azure import _CLIENT_SETTINGS, AzureKeyVaultSigner
from tests.unit.issuing import fake_key_vault
from tests.unit.issuing.fake_key_vault import Credential, FakeVault, decoded
from tests.unit.issuing.local_keys import ALGORITHMS, check, shared_key

MESSAGE = b"header.payload"


@pytest.fixture
def vault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeVault]:
    monkeypatch.setattr(
        "azure.core.pipeline.transport._requests_basic.RequestsTransport.sleep",
        lambda self, duration: None,
    )
    with fake_key_vault.running(tmp_path) as fake:
        yield fake


def signer(
    vault: FakeVault, algorithm: str, *, key_id: str = "", credential: Any = None
) -> AzureKeyVaultSigner:
    settings: dict[str, Any] = {
        **_CLIENT_SETTINGS,
        "verify_challenge_resource": False,
        "connection_verify": vault.certificate,
    }
    known = credential or Credential()
    named = key_id or vault.key_id(algorithm)
    return AzureKeyVaultSigner(
        KeyClient(vault_url=vault.url, credential=known, **settings),
        CryptographyClient(named, known, **settings),
        named,
        algorithm,
    )


def refusal(code: str, inner: str = "", message: str = "as told by the test") -> dict[str, Any]:
    told: dict[str, Any] = {"code": code, "message": message}
    return {"error": told | ({"innererror": {"code": inner}} if inner else {})}


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_signature_is_in_the_form_of_jws(vault: FakeVault, algorithm: str) -> None:
    signature = signer(vault, algorithm).sign(MESSAGE)
    check(shared_key(algorithm).public_key(), algorithm, signature, MESSAGE)


def test_only_the_digest_leaves_the_machine(vault: FakeVault) -> None:
    signer(vault, "PS256").sign(MESSAGE)
    [asked] = vault.signed
    assert asked["alg"] == "PS256"
    assert decoded(asked["value"]) == hashlib.sha256(MESSAGE).digest()


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_public_half_is_the_key_that_signs(vault: FakeVault, algorithm: str) -> None:
    pem = signer(vault, algorithm).public_key_pem()
    assert load_pem_public_key(pem.encode()) == shared_key(algorithm).public_key()


DISABLED = "Operation sign is not allowed on a disabled key."


@pytest.mark.parametrize(
    ("status", "body", "error", "says"),
    [
        (403, refusal("Forbidden", "KeyDisabled", DISABLED), KeyUnusable, "disabled"),
        (403, refusal("Forbidden", "ForbiddenByRbac"), SigningDenied, "keys/sign"),
        (403, refusal("Forbidden", "ForbiddenByFirewall"), SigningDenied, "firewall"),
        (400, refusal("BadParameter"), KeyUnusable, "PS256"),
    ],
)
def test_a_refusal_of_the_vault_says_what_to_do(
    vault: FakeVault, status: int, body: dict[str, Any], error: type[SignetError], says: str
) -> None:
    one = signer(vault, "PS256")
    one.sign(MESSAGE)
    vault.signed.clear()
    vault.faults = [(status, body)]
    with pytest.raises(error, match="Key Vault") as raised:
        one.sign(MESSAGE)
    assert says in str(raised.value)
    assert len(vault.signed) == 1


@pytest.mark.parametrize(("status", "error"), [(429, KmsBusy), (503, KmsUnreachable)])
def test_a_passing_fault_is_retried_three_times_and_no_more(
    vault: FakeVault, status: int, error: type[SignetError]
) -> None:
    one = signer(vault, "ES256")
    one.sign(MESSAGE)
    vault.signed.clear()
    vault.faults = [(status, refusal("Throttled"))] * 9
    with pytest.raises(error) as raised:
        one.sign(MESSAGE)
    assert raised.value.exit_code == 3
    assert len(vault.signed) == 3


def test_a_version_that_is_not_there_is_unusable(vault: FakeVault) -> None:
    missing = f"{vault.url}/keys/ES256/{'f' * 32}"
    with pytest.raises(KeyUnusable, match="not found"):
        signer(vault, "ES256", key_id=missing).public_key_pem()


def test_a_vault_that_nobody_answers_for_is_out_of_reach(vault: FakeVault) -> None:
    vault.url = "https://localhost:9"
    with pytest.raises(KmsUnreachable) as raised:
        signer(vault, "ES256").sign(MESSAGE)
    assert "check the network" in str(raised.value)


def test_without_credentials_it_says_how_to_sign_in(vault: FakeVault) -> None:
    class Nobody:
        def get_token(self, *scopes: str, **kwargs: Any) -> Any:
            raise ClientAuthenticationError("nobody is signed in")

    with pytest.raises(SigningDenied, match="no usable Azure credentials"):
        signer(vault, "ES256", credential=Nobody()).sign(MESSAGE)
