"""The Google adapter, through Google's own client and a loopback Cloud KMS."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import google.auth
import google_crc32c
import grpc
import pytest
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from google.auth import impersonated_credentials
from google.auth.credentials import AnonymousCredentials
from google.auth.exceptions import DefaultCredentialsError

from signet.errors import SignetError
from signet.issuing.errors import KeyUnusable, KmsBusy, KmsUnreachable, SigningDenied
from signet.issuing.signers import gcp, signer_for
from signet.issuing.signers.gcp import GcpKmsSigner
from tests.unit.issuing import fake_cloud_kms
from tests.unit.issuing.fake_cloud_kms import Damage, FakeCloudKms, version
from tests.unit.issuing.local_keys import ALGORITHMS, check, shared_key

MESSAGE = b"header.payload"
QUICK = gcp._RETRY.with_delay(initial=0.001, maximum=0.002).with_timeout(0.2)


@pytest.fixture
def kms() -> Iterator[FakeCloudKms]:
    with fake_cloud_kms.running() as fake:
        yield fake


def signer(kms: FakeCloudKms, algorithm: str, *, made_for: str = "") -> GcpKmsSigner:
    return GcpKmsSigner(kms.client, version(made_for or algorithm), algorithm, retry=QUICK)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_signature_is_in_the_form_of_jws(kms: FakeCloudKms, algorithm: str) -> None:
    signature = signer(kms, algorithm).sign(MESSAGE)
    check(shared_key(algorithm).public_key(), algorithm, signature, MESSAGE)


def test_only_the_digest_leaves_the_machine_and_with_its_checksum(kms: FakeCloudKms) -> None:
    signer(kms, "ES384").sign(MESSAGE)
    [asked] = kms.asked
    assert asked.digest.sha384 == hashlib.sha384(MESSAGE).digest()
    assert asked.digest_crc32c == google_crc32c.value(hashlib.sha384(MESSAGE).digest())
    assert not asked.data


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_public_half_is_the_key_that_signs(kms: FakeCloudKms, algorithm: str) -> None:
    pem = signer(kms, algorithm).public_key_pem()
    assert load_pem_public_key(pem.encode()) == shared_key(algorithm).public_key()


def test_a_version_made_for_another_algorithm_is_unusable(kms: FakeCloudKms) -> None:
    with pytest.raises(KeyUnusable, match="RSA_SIGN_PKCS1_2048_SHA256, not with PS256"):
        signer(kms, "PS256", made_for="RS256").public_key_pem()


def unverified(told: Any) -> None:
    told.verified_digest_crc32c = False


def other_signature(told: Any) -> None:
    told.signature = told.signature[:-1] + bytes([told.signature[-1] ^ 1])


def other_key(told: Any) -> None:
    told.name = version("RS256")


@pytest.mark.parametrize("damage", [unverified, other_signature, other_key])
def test_a_damaged_answer_is_asked_for_again(kms: FakeCloudKms, damage: Damage) -> None:
    kms.damage = [damage, damage]
    signature = signer(kms, "ES256").sign(MESSAGE)
    check(shared_key("ES256").public_key(), "ES256", signature, MESSAGE)
    assert kms.calls == 3


@pytest.mark.parametrize("damage", [unverified, other_signature, other_key])
def test_an_answer_that_stays_damaged_is_no_answer(kms: FakeCloudKms, damage: Damage) -> None:
    kms.damage = [damage] * 9
    with pytest.raises(KmsUnreachable, match="damaged 3 times"):
        signer(kms, "ES256").sign(MESSAGE)
    assert kms.calls == 3


def test_a_damaged_public_key_is_asked_for_again(kms: FakeCloudKms) -> None:
    def other_pem(told: Any) -> None:
        told.pem += "\n"

    kms.damage = [other_pem]
    signer(kms, "ES256").public_key_pem()
    assert kms.calls == 2


@pytest.mark.parametrize(
    ("code", "error", "says"),
    [
        (grpc.StatusCode.FAILED_PRECONDITION, KeyUnusable, "signet keys status"),
        (grpc.StatusCode.NOT_FOUND, KeyUnusable, "signet keys status"),
        (grpc.StatusCode.INVALID_ARGUMENT, KeyUnusable, "signet keys status"),
        (grpc.StatusCode.PERMISSION_DENIED, SigningDenied, "roles/cloudkms.signer"),
        (grpc.StatusCode.UNAUTHENTICATED, SigningDenied, "application-default login"),
        (grpc.StatusCode.INTERNAL, KmsUnreachable, "try again"),
    ],
)
def test_a_refusal_of_the_kms_says_what_to_do_and_is_not_retried(
    kms: FakeCloudKms, code: grpc.StatusCode, error: type[SignetError], says: str
) -> None:
    kms.faults = [code]
    with pytest.raises(error) as raised:
        signer(kms, "RS256").sign(MESSAGE)
    assert says in str(raised.value)
    assert kms.calls == 1


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (grpc.StatusCode.RESOURCE_EXHAUSTED, KmsBusy),
        (grpc.StatusCode.UNAVAILABLE, KmsUnreachable),
    ],
)
def test_a_passing_fault_is_retried_for_a_bounded_time(
    kms: FakeCloudKms, code: grpc.StatusCode, error: type[SignetError]
) -> None:
    kms.faults = [code] * 10_000
    with pytest.raises(error) as raised:
        signer(kms, "RS256").sign(MESSAGE)
    assert raised.value.exit_code == 3
    assert kms.calls > 1


def test_one_passing_fault_does_not_show(kms: FakeCloudKms) -> None:
    kms.faults = [grpc.StatusCode.UNAVAILABLE]
    signature = signer(kms, "RS256").sign(MESSAGE)
    check(shared_key("RS256").public_key(), "RS256", signature, MESSAGE)


def test_without_credentials_it_says_how_to_sign_in(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(**_: Any) -> None:
        raise DefaultCredentialsError("nobody is signed in")  # type: ignore[no-untyped-call]

    monkeypatch.setattr(google.auth, "default", nobody)
    with pytest.raises(SigningDenied, match="no Google credentials"):
        signer_for("gcp", version("RS256"), "RS256")


@pytest.mark.parametrize("identity", [None, "issuer@p.iam.gserviceaccount.com"])
def test_the_caller_signs_as_the_service_account_that_it_is_told(
    identity: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = AnonymousCredentials()  # type: ignore[no-untyped-call]
    monkeypatch.setattr(google.auth, "default", lambda **_: (own, "p"))
    made = signer_for("gcp", version("RS256"), "RS256", identity=identity)
    assert isinstance(made, GcpKmsSigner)
    used = made._client.transport._credentials
    if identity is None:
        assert used is own
    else:
        assert isinstance(used, impersonated_credentials.Credentials)
        assert used.service_account_email == identity
