"""The foreign-issuer profile, on tokens and key sets shaped as the platforms send them.

Sources: GitHub's documented example token (quoted in Azure/AKS#4162; real ones in
pypi/warehouse#10645). GitLab's "OpenID Connect (OIDC) Authentication Using ID Tokens" and a real
claim set at docs.ezoidc.dev/issuers/gitlab. Google's `oauth2/v3/certs` as quoted in
joken-elixir/joken_jwks#20. Entra's `discovery/v2.0/keys`, which has certificates, an `issuer` and
no `alg`, as quoted in BookStackApp/BookStack#3206. AWS: IAM User Guide, "Understanding token
claims", and the STS API's `GetWebIdentityToken` (RS256 or ES384).
"""

import json
from typing import Any

import pytest

from tests.cases import forge
from tests.cases.forge import NOW, Signer
from validator_functions.verification.errors import SettingsError, TokenRefused
from validator_functions.verification.keys import KeySet, foreign
from validator_functions.verification.policy import Policy
from validator_functions.verification.reasons import Reason
from validator_functions.verification.token import verify

_CERTIFICATE = "MIIDBTCCAe2gAwIBAgIQ"

_GITHUB = {
    "jti": "example-id",
    "sub": "repo:octo-org/octo-repo:environment:prod",
    "environment": "prod",
    "aud": "https://github.com/octo-org",
    "ref": "refs/heads/main",
    "sha": "example-sha",
    "repository": "octo-org/octo-repo",
    "repository_owner": "octo-org",
    "actor_id": "12",
    "repository_visibility": "private",
    "repository_id": "74",
    "repository_owner_id": "65",
    "run_id": "example-run-id",
    "run_number": "10",
    "run_attempt": "2",
    "runner_environment": "github-hosted",
    "actor": "octocat",
    "workflow": "example-workflow",
    "head_ref": "",
    "base_ref": "",
    "event_name": "workflow_dispatch",
    "ref_type": "branch",
    "job_workflow_ref": "octo-org/octo-automation/.github/workflows/oidc.yml@refs/heads/main",
    "iss": "https://token.actions.githubusercontent.com",
    "nbf": NOW - 600,
    "exp": NOW + 300,
    "iat": NOW,
}
_GITLAB = {
    "namespace_id": "68413579",
    "namespace_path": "org",
    "project_id": "46573356",
    "project_path": "org/repo",
    "user_id": "184239",
    "user_login": "user",
    "pipeline_source": "push",
    "job_id": "8222997048",
    "ref": "main",
    "ref_type": "branch",
    "ref_path": "refs/heads/main",
    "ref_protected": "true",
    "groups_direct": ["org", "org/subgroup"],
    "runner_id": 12270835,
    "sub": "project_path:org/repo:ref_type:branch:ref:main",
    "iss": "https://gitlab.com",
    "aud": "https://first.service.com",
    "jti": "0d7b0a3e-3f6b-4a8a-9d8f-0b7b6c5e4d3c",
    "nbf": NOW - 5,
    "iat": NOW,
    "exp": NOW + 3600,
}
_GOOGLE = {
    "aud": "https://service.example.com",
    "azp": "113774264463038321964",
    "email": "job@project.iam.gserviceaccount.com",
    "email_verified": True,
    "exp": NOW + 3600,
    "iat": NOW,
    "iss": "https://accounts.google.com",
    "sub": "113774264463038321964",
}
_ENTRA = {
    "aud": "api://exchange",
    "iss": "https://login.microsoftonline.com/72f988bf-0000-0000-0000-000000000000/v2.0",
    "iat": NOW,
    "nbf": NOW,
    "exp": NOW + 86_700,
    "aio": "E2ZgYBAV",
    "azp": "6e74172b-0000-0000-0000-000000000000",
    "azpacr": "2",
    "oid": "6fc7fb4d-0000-0000-0000-000000000000",
    "rh": "0.AAA.",
    "roles": ["Exchange.All"],
    "sub": "6fc7fb4d-0000-0000-0000-000000000000",
    "tid": "72f988bf-0000-0000-0000-000000000000",
    "uti": "abc",
    "ver": "2.0",
}
_AWS = {
    "iss": "https://abc123-def456-ghi789-jkl012.tokens.sts.global.api.aws",
    "aud": "https://api.example.com",
    "sub": "arn:aws:iam::123456789012:role/DataProcessingRole",
    "iat": NOW,
    "exp": NOW + 900,
    "jti": "xyz123-def456-ghi789-jkl012",
    "https://sts.amazonaws.com/": {
        "aws_account": "123456789012",
        "source_region": "us-east-1",
        "org_id": "o-abc1234567",
        "principal_tags": {"environment": "production", "team": "data-engineering"},
        "lambda_source_function_arn": "arn:aws:lambda:us-east-1:123456789012:function:process",
        "request_tags": {"job-id": "job-2024-001", "priority": "high"},
    },
}


def _entra_key() -> Signer:
    return Signer(
        "RS256",
        alg=None,
        x5t="key-thumbprint",
        x5c=[_CERTIFICATE],
        issuer="https://login.microsoftonline.com/{tenantid}/v2.0",
    )


_ISSUERS = [
    pytest.param(
        _GITHUB, Signer("RS256", x5t="a", x5c=[_CERTIFICATE]), {"x5t": "a", "typ": "JWT"},
        id="GitHub Actions",
    ),
    pytest.param(_GITLAB, Signer("RS256"), {"typ": "JWT"}, id="GitLab"),
    pytest.param(_GOOGLE, Signer("RS256"), {"typ": "JWT"}, id="Google"),
    pytest.param(_ENTRA, _entra_key(), {"typ": "JWT", "x5t": "key-thumbprint"}, id="Entra"),
    pytest.param(_AWS, Signer("ES384"), {"typ": "JWT"}, id="AWS STS, ES384"),
    pytest.param(_AWS, Signer("RS256"), {"typ": "JWT"}, id="AWS STS, RS256"),
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
    token = signer.token(_GITHUB, signer.header(typ="JWT", x5c=[_CERTIFICATE]))
    keys = _key_set(signer)
    assert verify(token, keys, _policy(_GITHUB, signer), NOW).subject == _GITHUB["sub"]
    with pytest.raises(TokenRefused, match="header_forbidden"):
        verify(token, keys, _policy(_GITHUB, signer, foreign=False), NOW)


@pytest.mark.parametrize("name", ["jku", "jwk", "x5u", "crit"])
def test_a_steering_header_is_refused_in_this_profile_too(name: str) -> None:
    signer = Signer("RS256")
    token = signer.token(_GITHUB, signer.header(typ="JWT", **{name: "x"}))
    with pytest.raises(TokenRefused, match="header_forbidden"):
        verify(token, _key_set(signer), _policy(_GITHUB, signer), NOW)


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
    document = forge.key_set(_entra_key(), Signer("ES256"))
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
