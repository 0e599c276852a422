"""The AWS adapter, through the real boto3 client and a loopback KMS."""

from __future__ import annotations

import hashlib
from base64 import b64decode
from collections.abc import Iterator
from typing import TYPE_CHECKING

import boto3
import pytest
from botocore.stub import Stubber
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from signet.errors import SettingsError, SignetError
from signet.issuing.errors import KeyUnusable, KmsBusy, KmsUnreachable, SigningDenied
from signet.issuing.signers import signer_for
from signet.issuing.signers.aws import _CONFIG, AwsKmsSigner, become
from tests.unit.issuing import fake_aws_kms
from tests.unit.issuing.fake_aws_kms import FakeKms
from tests.unit.issuing.local_keys import ALGORITHMS, check, shared_key

if TYPE_CHECKING:
    from mypy_boto3_kms import KMSClient
    from mypy_boto3_sts import STSClient

MESSAGE = b"header.payload"


@pytest.fixture
def kms() -> Iterator[FakeKms]:
    with fake_aws_kms.running() as fake:
        yield fake


@pytest.fixture(autouse=True)
def no_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    # The standard retry mode sleeps up to a second between attempts.
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda seconds: None)


def client(endpoint: str) -> KMSClient:
    return boto3.client(
        "kms",
        endpoint_url=endpoint,
        region_name="eu-central-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=_CONFIG,
    )


def signer(kms: FakeKms, algorithm: str) -> AwsKmsSigner:
    return AwsKmsSigner(client(kms.endpoint), algorithm, algorithm)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_signature_is_in_the_form_of_jws(kms: FakeKms, algorithm: str) -> None:
    signature = signer(kms, algorithm).sign(MESSAGE)
    check(shared_key(algorithm).public_key(), algorithm, signature, MESSAGE)


def test_only_the_digest_leaves_the_machine(kms: FakeKms) -> None:
    signer(kms, "RS256").sign(MESSAGE)
    [(operation, asked)] = kms.requests
    assert operation == "Sign"
    assert asked["MessageType"] == "DIGEST"
    assert b64decode(asked["Message"]) == hashlib.sha256(MESSAGE).digest()
    assert asked["SigningAlgorithm"] == "RSASSA_PKCS1_V1_5_SHA_256"


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_public_half_is_the_key_that_signs(kms: FakeKms, algorithm: str) -> None:
    pem = signer(kms, algorithm).public_key_pem()
    assert load_pem_public_key(pem.encode()) == shared_key(algorithm).public_key()


@pytest.mark.parametrize(
    ("status", "code", "error", "says"),
    [
        (400, "DisabledException", KeyUnusable, "signet keys status"),
        (400, "KMSInvalidStateException", KeyUnusable, "signet keys status"),
        (400, "NotFoundException", KeyUnusable, "signet keys status"),
        (400, "InvalidKeyUsageException", KeyUnusable, "signet keys status"),
        (400, "AccessDeniedException", SigningDenied, "signet:awsIssuerPrincipals"),
        (400, "UnrecognizedClientException", SigningDenied, "signet:awsIssuerPrincipals"),
        (400, "ExpiredTokenException", SigningDenied, "signet:awsIssuerPrincipals"),
        (400, "ValidationException", KmsUnreachable, "try again"),
    ],
)
def test_a_refusal_of_the_kms_says_what_to_do_and_is_not_retried(
    kms: FakeKms, status: int, code: str, error: type[SignetError], says: str
) -> None:
    kms.faults = [(status, code)]
    with pytest.raises(error) as raised:
        signer(kms, "RS256").sign(MESSAGE)
    assert says in str(raised.value)
    assert code in str(raised.value)
    assert len(kms.requests) == 1


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (400, "ThrottlingException", KmsBusy),
        (500, "KMSInternalException", KmsUnreachable),
        (503, "DependencyTimeoutException", KmsUnreachable),
    ],
)
def test_a_passing_fault_is_retried_three_times_and_no_more(
    kms: FakeKms, status: int, code: str, error: type[SignetError]
) -> None:
    kms.faults = [(status, code)] * 9
    with pytest.raises(error) as raised:
        signer(kms, "RS256").sign(MESSAGE)
    assert raised.value.exit_code == 3
    assert len(kms.requests) == 3


def test_one_passing_fault_does_not_show(kms: FakeKms) -> None:
    kms.faults = [(400, "ThrottlingException")]
    signature = signer(kms, "ES256").sign(MESSAGE)
    check(shared_key("ES256").public_key(), "ES256", signature, MESSAGE)
    assert len(kms.requests) == 2


def test_a_kms_that_nobody_answers_for_is_out_of_reach(kms: FakeKms) -> None:
    nowhere = AwsKmsSigner(client("http://127.0.0.1:9"), "RS256", "RS256")
    with pytest.raises(KmsUnreachable) as raised:
        nowhere.sign(MESSAGE)
    assert "check the network" in str(raised.value)


def test_a_signature_that_is_not_der_is_no_answer(kms: FakeKms) -> None:
    kms.signature = b"\x01" * 64
    with pytest.raises(KmsUnreachable, match="not one of ES256"):
        signer(kms, "ES256").sign(MESSAGE)


def test_without_credentials_it_says_how_to_sign_in(
    monkeypatch: pytest.MonkeyPatch, kms: FakeKms
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    anonymous = boto3.Session(region_name="eu-central-1").client("kms", endpoint_url=kms.endpoint)
    with pytest.raises(SigningDenied, match="no usable AWS credentials"):
        AwsKmsSigner(anonymous, "RS256", "RS256").sign(MESSAGE)


def test_the_region_is_that_of_the_keys_arn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_REGION", raising=False)
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    arn = "arn:aws:kms:eu-west-3:000000000000:key/0a1b2c3d-0000-4000-8000-000000000000"
    made = signer_for("aws", arn, "ES256")
    assert isinstance(made, AwsKmsSigner)
    assert made._client.meta.region_name == "eu-west-3"


ROLE = "arn:aws:iam::000000000000:role/team/issuer"


def stubbed_sts() -> tuple[STSClient, Stubber]:
    sts = boto3.client(
        "sts", region_name="eu-west-3", aws_access_key_id="x", aws_secret_access_key="x"
    )
    stubber = Stubber(sts)
    stubber.activate()
    return sts, stubber


@pytest.mark.parametrize(
    "caller",
    [
        "arn:aws:iam::000000000000:user/ann",
        "arn:aws:sts::000000000000:assumed-role/deployer/session",
        "arn:aws:sts::111111111111:assumed-role/issuer/session",
    ],
)
def test_a_caller_takes_on_the_role_that_may_sign(caller: str) -> None:
    sts, stubber = stubbed_sts()
    stubber.add_response("get_caller_identity", {"Arn": caller})
    given = {
        "AccessKeyId": "ASIA" + "0" * 16,
        "SecretAccessKey": "s",
        "SessionToken": "t",
        "Expiration": "2027-01-01T00:00:00Z",
    }
    asked = {"RoleArn": ROLE, "RoleSessionName": "signet-token-issue", "DurationSeconds": 900}
    stubber.add_response("assume_role", {"Credentials": given}, asked)
    taken = become(sts, ROLE)
    assert taken is not None
    assert taken["SessionToken"] == "t"
    stubber.assert_no_pending_responses()


def test_a_caller_that_is_that_role_already_stays_as_it_is() -> None:
    sts, stubber = stubbed_sts()
    own = "arn:aws:sts::000000000000:assumed-role/issuer/job-7"
    stubber.add_response("get_caller_identity", {"Arn": own})
    assert become(sts, ROLE) is None
    stubber.assert_no_pending_responses()


def test_a_caller_that_may_not_take_on_the_role_is_told_which_setting_allows_it() -> None:
    sts, stubber = stubbed_sts()
    stubber.add_response("get_caller_identity", {"Arn": "arn:aws:iam::000000000000:user/ann"})
    stubber.add_client_error("assume_role", "AccessDenied")
    with pytest.raises(SigningDenied) as raised:
        become(sts, ROLE)
    assert ROLE in str(raised.value)
    assert "signet:awsIssuerPrincipals" in str(raised.value)


@pytest.mark.parametrize(
    ("cloud", "reference", "algorithm", "keys"),
    [
        ("aws", "alias/jwt", "RS256", {"key"}),
        ("aws", "", "RS256", {"key"}),
        ("azure", "https://v.vault.azure.net/keys/sig-1", "RS256", {"key"}),
        ("gcp", "projects/p/locations/l/keyRings/r/cryptoKeys/k", "RS256", {"key"}),
        ("oracle", "x", "HS256", {"cloud", "algorithm"}),
    ],
)
def test_a_key_that_cannot_be_meant_is_refused_before_any_call(
    cloud: str, reference: str, algorithm: str, keys: set[str]
) -> None:
    with pytest.raises(SettingsError) as raised:
        signer_for(cloud, reference, algorithm)
    assert {fault.key for fault in raised.value.faults} == keys
