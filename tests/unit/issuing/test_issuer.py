"""Whole tokens: signed by a KMS-shaped signer, verified by libraries that are not ours."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any

import jwt
import pytest
from joserfc import jwk as joserfc_jwk
from joserfc import jwt as joserfc_jwt
from jwt.algorithms import Algorithm, get_default_algorithms

from signet.documents import jwk_from_pem
from signet.errors import SettingsError
from signet.issuing.claims import TokenRequest
from signet.issuing.errors import KeyUnusable, WrongKey
from signet.issuing.issuer import confirmed_keys, issue
from signet.issuing.pyjwt_algorithm import KmsAlgorithm, encode
from tests.unit.issuing.local_keys import LocalSigner, new_key

NOW = 1_800_000_000
ISSUER = "https://issuer.example/a"
REQUEST = TokenRequest(
    subject="orders-service", audience="https://api.example", lifetime=600, scopes=("demo:read",)
)
ALGORITHMS = ("RS256", "PS256", "ES256")


def public_jwk(signer: LocalSigner) -> dict[str, str]:
    return jwk_from_pem(signer.public_key_pem(), signer.algorithm)


def issued(signer: Any, request: TokenRequest = REQUEST, **more: Any) -> str:
    settings: dict[str, Any] = {
        "kid": public_jwk(signer)["kid"] if "kid" not in more else None,
        "issuer": ISSUER,
        "longest_lifetime": 900,
        "now": NOW,
    }
    told = settings | more
    keys = told.pop("keys", None)
    return issue(signer, request, keys=lambda: keys or confirmed_keys(signer, told["kid"]), **told)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_pyjwt_accepts_the_token(algorithm: str) -> None:
    signer = LocalSigner(algorithm)
    token = issued(signer)
    complete = jwt.decode_complete(
        token,
        jwt.PyJWK.from_dict(public_jwk(signer)),
        algorithms=[algorithm],
        audience=REQUEST.audience,
        issuer=ISSUER,
        options={"verify_exp": False, "verify_iat": False, "verify_nbf": False},
    )
    assert complete["header"] == {
        "alg": algorithm,
        "kid": public_jwk(signer)["kid"],
        "typ": "at+jwt",
    }
    assert complete["payload"]["exp"] - complete["payload"]["iat"] == 600


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_joserfc_accepts_the_token(algorithm: str) -> None:
    signer = LocalSigner(algorithm)
    keys = joserfc_jwk.KeySet.import_key_set({"keys": [{**public_jwk(signer)}]})
    token = joserfc_jwt.decode(issued(signer), keys, algorithms=[algorithm])
    assert token.claims["sub"] == "orders-service"
    assert token.claims["scope"] == "demo:read"


def test_two_tokens_of_one_request_differ_by_their_jti_alone() -> None:
    signer = LocalSigner("RS256")
    one, two = (payload_of(issued(signer)) for _ in range(2))
    assert len(base64.urlsafe_b64decode(one["jti"] + "==")) == 16
    assert one.pop("jti") != two.pop("jti")
    assert one == two


def test_the_public_half_is_asked_for_once_when_it_is_kept() -> None:
    signer = CountingSigner("ES256")
    kid = public_jwk(signer)["kid"]
    signer.asked = 0
    keys = confirmed_keys(signer, kid)
    for _ in range(3):
        issued(signer, kid=kid, keys=keys)
    assert signer.asked == 1


def test_a_request_over_the_cap_never_reaches_the_kms() -> None:
    signer = CountingSigner("ES256")
    with pytest.raises(SettingsError, match="1 setting is wrong"):
        issued(signer, replace(REQUEST, lifetime=901), kid="any")
    assert (signer.asked, signer.signed) == (0, 0)


def test_another_key_in_the_kms_is_found_by_its_thumbprint_before_it_signs() -> None:
    confirmed = LocalSigner("ES256")
    other = CountingSigner("ES256", new_key("ES256"))
    with pytest.raises(WrongKey, match="thumbprint"):
        issued(other, kid=public_jwk(confirmed)["kid"])
    assert other.signed == 0


def test_a_key_of_another_kind_is_not_the_confirmed_one() -> None:
    class Rewired(LocalSigner):
        def public_key_pem(self) -> str:
            return LocalSigner("ES256").public_key_pem()

    with pytest.raises(WrongKey, match="cannot be"):
        issued(Rewired("RS256"), kid="any")


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_token_that_does_not_verify_with_the_confirmed_key_never_leaves(algorithm: str) -> None:
    class Swapped(LocalSigner):
        """Shows one public half and signs with another key."""

        def sign(self, message: bytes) -> bytes:
            return LocalSigner(algorithm, new_key(algorithm)).sign(message)

    with pytest.raises(WrongKey, match="does not verify"):
        issued(Swapped(algorithm))


def test_a_token_that_validators_would_refuse_for_its_size_never_leaves() -> None:
    long = replace(REQUEST, roles=tuple(f"{n:05}" + "r" * 250 for n in range(60)))
    with pytest.raises(WrongKey, match="would refuse"):
        issued(LocalSigner("ES256"), long)


def test_what_the_kms_refuses_is_passed_on_as_it_is() -> None:
    class Disabled(LocalSigner):
        def sign(self, message: bytes) -> bytes:
            raise KeyUnusable("disabled")

    with pytest.raises(KeyUnusable, match="disabled"):
        issued(Disabled("ES256"))


def test_the_kms_algorithm_stays_out_of_pyjwts_global_registry() -> None:
    issued(LocalSigner("RS256"))
    assert not any(isinstance(a, KmsAlgorithm) for a in get_default_algorithms().values())
    own: Algorithm = jwt.PyJWS().get_algorithm_by_name("RS256")
    assert not isinstance(own, KmsAlgorithm)


def test_the_kms_algorithm_neither_verifies_nor_exports() -> None:
    algorithm = KmsAlgorithm()
    with pytest.raises(NotImplementedError):
        algorithm.verify(b"", None, b"")
    with pytest.raises(NotImplementedError):
        algorithm.to_jwk(None)
    with pytest.raises(NotImplementedError):
        algorithm.from_jwk("{}")


def test_encode_signs_claims_just_as_they_are() -> None:
    signer = LocalSigner("ES256")
    token = encode(signer, {"exp": 1, "sub": "x"}, kid="k", typ=None)
    assert payload_of(token) == {"exp": 1, "sub": "x"}
    assert jwt.get_unverified_header(token) == {"alg": "ES256", "kid": "k"}


class CountingSigner(LocalSigner):
    """Counts what it is asked for."""

    asked = 0
    signed = 0

    def sign(self, message: bytes) -> bytes:
        self.signed += 1
        return super().sign(message)

    def public_key_pem(self) -> str:
        self.asked += 1
        return super().public_key_pem()


def payload_of(token: str) -> dict[str, Any]:
    segment = token.split(".")[1]
    decoded: dict[str, Any] = json.loads(base64.urlsafe_b64decode(segment + "=="))
    return decoded
