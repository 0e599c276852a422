"""The signers of a deployed token service: what they ask of a KMS, and what each answer means."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import utils

from signet.errors import SignetError
from signet.issuing.cloud_api import CloudApi
from signet.issuing.errors import KeyUnusable, KmsBusy, KmsUnreachable, SigningDenied
from signet.issuing.signers import TokenSigner
from signet.issuing.signers.cloud_kms_rest import CloudKmsRestSigner
from signet.issuing.signers.key_vault_rest import KeyVaultRestSigner
from tests.unit.issuing.local_keys import ALGORITHMS, HASHES, check, shared_key, sign_digest
from validator_functions.verification.fetch import Answer, FailureReason, FetchFailed, Target

MESSAGE = b"header.payload"
KEY_ID = "https://v.vault.azure.net/keys/prod-environment-1/" + "0" * 32
VERSION = "projects/p/locations/l/keyRings/r/cryptoKeys/environment/cryptoKeyVersions/3"


class Kms:
    """Signs as both KMSs do, unless it is told to answer something else."""

    def __init__(self, algorithm: str, answer: Answer | FetchFailed | None = None) -> None:
        self.algorithm = algorithm
        self.answer = answer
        self.asked: list[tuple[str, Target, Mapping[str, str], Any]] = []

    def __call__(
        self,
        method: str,
        target: Target,
        headers: Mapping[str, str],
        deadline: float,
        max_bytes: int,
        *,
        body: bytes | None,
    ) -> Answer:
        assert deadline == 53.0
        assert body is not None
        told = json.loads(body)
        self.asked.append((method, target, headers, told))
        if isinstance(self.answer, FetchFailed):
            raise self.answer
        return self.answer or Answer(200, {}, json.dumps(self._signed(told)).encode())

    def _signed(self, told: Mapping[str, Any]) -> dict[str, str]:
        key = shared_key(self.algorithm)
        if "value" in told:  # Key Vault: base64url without padding, and r||s
            digest = base64.urlsafe_b64decode(told["value"] + "==")
            signature = sign_digest(key, self.algorithm, digest)
            if self.algorithm.startswith("ES"):
                width = HASHES[self.algorithm].digest_size
                r, s = utils.decode_dss_signature(signature)
                signature = r.to_bytes(width, "big") + s.to_bytes(width, "big")
            return {"value": base64.urlsafe_b64encode(signature).rstrip(b"=").decode()}
        (digest,) = map(base64.b64decode, told["digest"].values())
        signature = sign_digest(key, self.algorithm, digest)
        return {"signature": base64.b64encode(signature).decode(), "name": VERSION}


def api(kms: Kms) -> CloudApi:
    return CloudApi(
        lambda _url, _seconds: {"authorization": "Bearer platform"},
        transport=kms,
        monotonic=lambda: 50.0,
    )


def vault(kms: Kms) -> TokenSigner:
    return KeyVaultRestSigner(api(kms), KEY_ID, kms.algorithm)


def google(kms: Kms) -> TokenSigner:
    return CloudKmsRestSigner(api(kms), VERSION, kms.algorithm)


BOTH = pytest.mark.parametrize("made", [vault, google])


@BOTH
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_signature_is_in_the_form_of_jws(made: Any, algorithm: str) -> None:
    kms = Kms(algorithm)
    signer = made(kms)
    assert signer.algorithm == algorithm
    signature = signer.sign(MESSAGE)
    check(shared_key(algorithm).public_key(), algorithm, signature, MESSAGE)
    ((method, _, headers, _),) = kms.asked
    assert method == "POST"
    assert headers["authorization"] == "Bearer platform"
    assert headers["content-type"] == "application/json"


def test_key_vault_is_asked_as_its_reference_says() -> None:
    kms = Kms("RS256")
    vault(kms).sign(MESSAGE)
    ((_, target, _, told),) = kms.asked
    assert (target.secure, target.host) == (True, "v.vault.azure.net")
    assert target.path == f"/keys/prod-environment-1/{'0' * 32}/sign?api-version=7.4"
    digest = base64.urlsafe_b64encode(hashlib.sha256(MESSAGE).digest()).rstrip(b"=").decode()
    assert told == {"alg": "RS256", "value": digest}


def test_cloud_kms_is_asked_as_its_reference_says() -> None:
    kms = Kms("ES384")
    google(kms).sign(MESSAGE)
    ((_, target, _, told),) = kms.asked
    assert (target.secure, target.host) == (True, "cloudkms.googleapis.com")
    assert target.path == f"/v1/{VERSION}:asymmetricSign"
    assert told == {
        "digest": {"sha384": base64.b64encode(hashlib.sha384(MESSAGE).digest()).decode()}
    }


DISABLED = b'{"error":{"code":"Forbidden","innererror":{"code":"KeyDisabled"}}}'
# Key Vault: "Authentication, requests and responses"; Cloud KMS: google.rpc.Code as HTTP
# (FAILED_PRECONDITION is 400, RESOURCE_EXHAUSTED is 429).
MEANINGS = [
    (vault, Answer(403, {}, DISABLED), KeyUnusable),
    (vault, Answer(403, {}, b'{"error":{"code":"Forbidden"}}'), SigningDenied),
    (google, Answer(400, {}, b'{"error":{"status":"FAILED_PRECONDITION"}}'), KeyUnusable),
    (google, Answer(403, {}, b'{"error":{"status":"PERMISSION_DENIED"}}'), SigningDenied),
    *(
        (made, answer, kind)
        for made in (vault, google)
        for answer, kind in (
            (Answer(401, {}, b""), SigningDenied),
            (Answer(404, {}, b""), KeyUnusable),
            (Answer(429, {}, b""), KmsBusy),
            (Answer(500, {}, b""), KmsUnreachable),
            (Answer(503, {}, b""), KmsUnreachable),
            (Answer(302, {"location": "https://elsewhere.test"}, b""), KmsUnreachable),
            (Answer(200, {}, b"<html>"), KmsUnreachable),
            (Answer(200, {}, b"[]"), KmsUnreachable),
            (Answer(200, {}, b'{"value":7,"signature":7}'), KmsUnreachable),
            (Answer(200, {}, b'{"value":"*","signature":"*"}'), KmsUnreachable),
            (Answer(200, {}, b'{"value":"AAAA","signature":"AAAA"}'), KmsUnreachable),
            (FetchFailed(FailureReason.TIMEOUT), KmsUnreachable),
            (FetchFailed(FailureReason.CREDENTIALS_MISSING), SigningDenied),
        )
    ),
]


@pytest.mark.parametrize(("made", "answer", "kind"), MEANINGS)
def test_no_signature_is_told_apart_by_why(
    made: Any, answer: Answer | FetchFailed, kind: type[SignetError]
) -> None:
    with pytest.raises(kind):
        made(Kms("ES256", answer)).sign(MESSAGE)


@BOTH
def test_a_kms_elsewhere_than_by_https_is_not_asked(made: Any) -> None:
    kms = Kms("ES256")
    there = "http://127.0.0.1:1"
    signer = (
        KeyVaultRestSigner(api(kms), KEY_ID, "ES256", there)
        if made is vault
        else CloudKmsRestSigner(api(kms), VERSION, "ES256", there)
    )
    with pytest.raises(KmsUnreachable):
        signer.sign(MESSAGE)
    assert kms.asked == []
