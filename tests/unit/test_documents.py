"""The published documents: public members only, canonical, and never a bad set."""

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc.jwk import KeySet as JoseKeySet

from signet.documents import jwk_from_pem, render_discovery, render_jwks
from validator_functions.verification.keys import KeySet


def pem(key: Any) -> str:
    public = key.public_key()
    return str(public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo), "ascii")


RSA = pem(rsa.generate_private_key(65537, 2048))
P256 = pem(ec.generate_private_key(ec.SECP256R1()))
P384 = pem(ec.generate_private_key(ec.SECP384R1()))
SMALL = pem(rsa.generate_private_key(65537, 1024))  # noqa: S505 - refused, that is the test
EDWARDS = pem(ed25519.Ed25519PrivateKey.generate())


@pytest.mark.parametrize(
    ("text", "algorithm", "members"),
    [
        (RSA, "RS256", {"kty", "n", "e"}),
        (RSA, "PS256", {"kty", "n", "e"}),
        (P256, "ES256", {"kty", "crv", "x", "y"}),
    ],
)
def test_a_public_key_becomes_a_jwk_with_public_members_alone(
    text: str, algorithm: str, members: set[str]
) -> None:
    jwk = jwk_from_pem(text, algorithm)
    assert set(jwk) == members | {"kid", "alg", "use"}
    assert (jwk["alg"], jwk["use"]) == (algorithm, "sig")


def test_the_kid_is_the_thumbprint_that_others_compute_too() -> None:
    for text, algorithm in ((RSA, "RS256"), (P256, "ES256")):
        jwk = jwk_from_pem(text, algorithm)
        (key,) = JoseKeySet.import_key_set({"keys": [dict(jwk)]}).keys
        assert jwk["kid"] == key.thumbprint()


def test_short_coordinates_keep_their_leading_zeros() -> None:
    for secret in range(1, 600):
        jwk = jwk_from_pem(pem(ec.derive_private_key(secret, ec.SECP256R1())), "ES256")
        assert len(jwk["x"]) == len(jwk["y"]) == 43


@pytest.mark.parametrize(
    ("text", "algorithm", "said"),
    [
        (P256, "RS256", "wants an RSA key"),
        (RSA, "ES256", "P-256"),
        (P384, "ES256", "P-256"),
        (SMALL, "RS256", "1024 bits"),
        (EDWARDS, "ES256", "P-256"),
        (RSA, "HS256", "not an algorithm"),
        (RSA, "none", "not an algorithm"),
        ("not a key", "RS256", "PEM"),
    ],
)
def test_a_key_that_does_not_fit_its_algorithm_is_refused(
    text: str, algorithm: str, said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        jwk_from_pem(text, algorithm)


def test_a_set_is_the_same_bytes_whatever_the_order() -> None:
    keys = [jwk_from_pem(RSA, "RS256"), jwk_from_pem(P256, "ES256")]
    text = render_jwks(keys, 3, {"b", "a"})
    assert text == render_jwks(keys[::-1], 3, ["a", "b", "a"])
    document = json.loads(text)
    assert [key["kid"] for key in document["keys"]] == sorted(key["kid"] for key in keys)
    assert document["denied"] == ["a", "b"]
    found = KeySet.parse(text.encode())
    assert found.sequence == 3
    assert " " not in text


@pytest.mark.parametrize(
    ("count", "denied_own", "said"),
    [(0, False, "at least one"), (2, False, "twice"), (1, True, "denied")],
)
def test_no_bad_set_is_ever_rendered(count: int, denied_own: bool, said: str) -> None:
    key = jwk_from_pem(RSA, "RS256")
    with pytest.raises(ValueError, match=said):
        render_jwks([key] * count, 1, [key["kid"]] if denied_own else [])


def test_the_discovery_document_names_issuer_set_and_algorithms() -> None:
    url = "https://keys.example.com/.well-known/jwks.json"
    document = json.loads(
        render_discovery("https://keys.example.com", url, ["RS256", "ES256", "RS256"])
    )
    assert document["issuer"] == "https://keys.example.com"
    assert document["jwks_uri"] == url
    assert document["id_token_signing_alg_values_supported"] == ["ES256", "RS256"]
