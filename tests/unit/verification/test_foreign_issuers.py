"""The foreign-issuer profile, on tokens and key sets shaped as the platforms send them.

The shapes and their sources are in `tests/cases/platforms.py`.
"""

import json
from typing import Any

import pytest

from tests.cases import forge
from tests.cases.forge import NOW, Signer
from tests.cases.platforms import AWS, CERTIFICATE, ENTRA, GITHUB, GITLAB, GOOGLE, entra_key
from validator_functions.verification.errors import SettingsError, TokenRefused
from validator_functions.verification.keys import KeySet, foreign
from validator_functions.verification.policy import Policy
from validator_functions.verification.reasons import Reason
from validator_functions.verification.token import verify

_ISSUERS = [
    pytest.param(
        GITHUB, Signer("RS256", x5t="a", x5c=[CERTIFICATE]), {"x5t": "a", "typ": "JWT"},
        id="GitHub Actions",
    ),
    pytest.param(GITLAB, Signer("RS256"), {"typ": "JWT"}, id="GitLab"),
    pytest.param(GOOGLE, Signer("RS256"), {"typ": "JWT"}, id="Google"),
    pytest.param(ENTRA, entra_key(), {"typ": "JWT", "x5t": "key-thumbprint"}, id="Entra"),
    pytest.param(AWS, Signer("ES384"), {"typ": "JWT"}, id="AWS STS, ES384"),
    pytest.param(AWS, Signer("RS256"), {"typ": "JWT"}, id="AWS STS, RS256"),
]  # fmt: skip


def _policy(claims: dict[str, Any], signer: Signer, **changes: Any) -> Policy:
    arguments: dict[str, Any] = {
        "issuer": claims["iss"],
        "audiences": [claims["aud"]],
        "algorithms": [signer.algorithm],
        "max_lifetime": 90_000,
        "typ": "JWT",
        "foreign": True,
    }
    return Policy(**{**arguments, **changes})


def _key_set(*members: Any, algorithm: str = "RS256") -> KeySet:
    document = forge.key_set(*members)
    return KeySet.parse(json.dumps(document).encode(), profile=foreign(algorithm))


@pytest.mark.parametrize(("claims", "signer", "header"), _ISSUERS)
def test_a_platforms_token_is_verified(
    claims: dict[str, Any], signer: Signer, header: dict[str, Any]
) -> None:
    token = signer.token(claims, signer.header(**header))
    keys = _key_set(signer, algorithm=signer.algorithm)
    verified = verify(token, keys, _policy(claims, signer), NOW)
    assert verified.as_dict() == claims
    assert verified.algorithm == signer.algorithm


@pytest.mark.parametrize(("claims", "signer", "header"), _ISSUERS)
@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"max_lifetime": 60}, Reason.LIFETIME_TOO_LONG),
        ({"issuer": "https://accounts.google.com.example"}, Reason.ISSUER_MISMATCH),
        ({"audiences": ["other"]}, Reason.AUDIENCE_MISMATCH),
        ({"typ": "at+jwt"}, Reason.TYPE_NOT_ALLOWED),
        ({"algorithms": ["PS256"]}, Reason.ALGORITHM_NOT_ALLOWED),
    ],
)
def test_a_platforms_token_meets_the_same_checks(
    claims: dict[str, Any],
    signer: Signer,
    header: dict[str, Any],
    change: dict[str, Any],
    reason: Reason,
) -> None:
    token = signer.token(claims, signer.header(**header))
    keys = _key_set(signer, algorithm=signer.algorithm)
    with pytest.raises(TokenRefused) as refusal:
        verify(token, keys, _policy(claims, signer, **change), NOW)
    assert refusal.value.reason is reason


def test_a_certificate_in_the_header_is_looked_past_only_in_this_profile() -> None:
    signer = Signer("RS256")
    token = signer.token(GITHUB, signer.header(typ="JWT", x5c=[CERTIFICATE]))
    keys = _key_set(signer)
    assert verify(token, keys, _policy(GITHUB, signer), NOW).subject == GITHUB["sub"]
    with pytest.raises(TokenRefused, match="header_forbidden"):
        verify(token, keys, _policy(GITHUB, signer, foreign=False), NOW)


@pytest.mark.parametrize("name", ["jku", "jwk", "x5u", "crit"])
def test_a_steering_header_is_refused_in_this_profile_too(name: str) -> None:
    signer = Signer("RS256")
    token = signer.token(GITHUB, signer.header(typ="JWT", **{name: "x"}))
    with pytest.raises(TokenRefused, match="header_forbidden"):
        verify(token, _key_set(signer), _policy(GITHUB, signer), NOW)


@pytest.mark.parametrize(
    "member",
    [
        {"kty": "OKP", "crv": "Ed25519", "x": "AAAA", "kid": "a", "use": "sig", "alg": "EdDSA"},
        {"kty": "RSA", "n": "AQAB", "e": "AQAB", "kid": "a", "use": "enc"},
        {"kty": "RSA", "n": "AQAB", "e": "AQAB", "kid": "a", "alg": "RSA-OAEP"},
        {"kty": "RSA", "n": "AQAB", "e": "AQAB", "kid": "a", "key_ops": ["encrypt"]},
        {"kty": "EC", "crv": "P-521", "x": "AAAA", "y": "AAAA", "kid": "a", "alg": "ES512"},
        {"kty": "EC", "crv": "P-256", "x": "AAAA", "y": "AAAA", "kid": "a"},
        {"kty": "future"},
        {"kty": ["RSA"], "crv": {}},
    ],
)
def test_a_member_that_is_not_for_us_is_skipped(member: dict[str, Any]) -> None:
    signer = Signer("RS256")
    assert _key_set(member, signer).kids == {signer.kid}


@pytest.mark.parametrize(
    "member",
    [
        {"kty": "oct", "k": "AAAA", "kid": "a"},
        {"kty": "OKP", "crv": "Ed25519", "x": "AAAA", "d": "AAAA", "kid": "a", "alg": "EdDSA"},
        Signer("RS256", kid=None).jwk,
        Signer("RS256", n="AQAB").jwk,
        Signer("RS256", kid=Signer("PS256").kid).jwk,
        7,
    ],
)
def test_a_private_symmetric_or_broken_member_refuses_the_whole_set(member: Any) -> None:
    with pytest.raises(SettingsError) as error:
        _key_set(Signer("RS256", kid=Signer("PS256").kid), member)
    assert error.value.reason is Reason.KEY_SET_INVALID


def test_a_set_with_nothing_for_us_is_refused() -> None:
    with pytest.raises(SettingsError, match="no member of the set can be used"):
        _key_set({"kty": "OKP"})


def test_a_key_without_alg_is_not_guessed_between_two_algorithms() -> None:
    document = forge.key_set(entra_key(), Signer("ES256"))
    data = json.dumps(document).encode()
    assert len(KeySet.parse(data, profile=foreign("RS256", "ES256"))) == 2
    assert KeySet.parse(data, profile=foreign("RS256", "PS256", "ES256")).kids == {
        Signer("ES256").kid
    }


def test_sequence_and_denied_of_a_foreign_set_mean_nothing() -> None:
    signer = Signer("RS256")
    document = forge.key_set(signer, sequence="x", denied=7, extra=1)
    keys = KeySet.parse(document, profile=foreign("RS256"))
    assert keys.sequence is None
    assert keys.denied == set()
    assert keys.kids == {signer.kid}
