"""Tokens and key sets shaped as five platforms send them, signed by keys of our own.

Sources: GitHub's documented example token (quoted in Azure/AKS#4162; real ones in
pypi/warehouse#10645). GitLab's "OpenID Connect (OIDC) Authentication Using ID Tokens" and a real
claim set at docs.ezoidc.dev/issuers/gitlab. Google's `oauth2/v3/certs` as quoted in
joken-elixir/joken_jwks#20. Entra's `discovery/v2.0/keys`, which has certificates, an `issuer` and
no `alg`, as quoted in BookStackApp/BookStack#3206. AWS: IAM User Guide, "Understanding token
claims", and the STS API's `GetWebIdentityToken` (RS256 or ES384).
"""

import json
from dataclasses import dataclass, field, replace
from typing import Any

from tests.cases import forge
from tests.cases.forge import NOW, Signer

CERTIFICATE = "MIIDBTCCAe2gAwIBAgIQ"

GITHUB: dict[str, Any] = {
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
    "ref_protected": "true",
    "job_workflow_ref": "octo-org/octo-automation/.github/workflows/oidc.yml@refs/heads/main",
    "iss": "https://token.actions.githubusercontent.com",
    "nbf": NOW - 600,
    "exp": NOW + 300,
    "iat": NOW,
}
GITLAB: dict[str, Any] = {
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
GOOGLE: dict[str, Any] = {
    "aud": "https://service.example.com",
    "azp": "113774264463038321964",
    "email": "job@project.iam.gserviceaccount.com",
    "email_verified": True,
    "exp": NOW + 3600,
    "iat": NOW,
    "iss": "https://accounts.google.com",
    "sub": "113774264463038321964",
}
ENTRA: dict[str, Any] = {
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
AWS: dict[str, Any] = {
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


def entra_key() -> Signer:
    """A key as Entra publishes it: with a certificate and an issuer, without `alg`."""
    return Signer(
        "RS256",
        forge.rsa_private(label="entra"),
        alg=None,
        x5t="key-thumbprint",
        x5c=[CERTIFICATE],
        issuer="https://login.microsoftonline.com/{tenantid}/v2.0",
    )


@dataclass(frozen=True)
class Platform:
    """One platform of ours that looks like a real one."""

    identity: str
    """The `identity` of a caller's rule."""
    claims: dict[str, Any]
    signer: Signer
    header: dict[str, Any]
    others: tuple[Any, ...] = field(default=())
    """Further members of its key set."""

    @property
    def issuer(self) -> str:
        """Its `iss`."""
        issuer: str = self.claims["iss"]
        return issuer

    def at(self, issuer: str) -> "Platform":
        """The same platform under another issuer, such as one on loopback."""
        return replace(self, claims={**self.claims, "iss": issuer})

    def token(self, audience: str, now: int = NOW, **changes: Any) -> str:
        """A token of this platform for `audience`, its dates moved to `now`; None takes away."""
        moved = {
            name: value - NOW + now if name in {"iat", "nbf", "exp"} else value
            for name, value in self.claims.items()
        }
        claims = {**moved, "aud": audience, **changes}
        kept = {name: value for name, value in claims.items() if value is not None}
        return self.signer.token(kept, self.signer.header(**self.header))

    def key_set(self) -> bytes:
        """What stands at its `jwks_uri`."""
        return json.dumps(forge.key_set(self.signer, *self.others)).encode()


def github() -> Platform:
    """GitHub Actions: `x5t` in the header, certificates in the set."""
    signer = Signer("RS256", forge.rsa_private(label="github"), x5t="a", x5c=[CERTIFICATE])
    return Platform("github", GITHUB, signer, {"typ": "JWT", "x5t": "a"})


def gitlab() -> Platform:
    """GitLab."""
    return Platform(
        "gitlab", GITLAB, Signer("RS256", forge.rsa_private(label="gitlab")), {"typ": "JWT"}
    )


def aws() -> Platform:
    """AWS STS, signing with ES384; its set has an RSA key beside it."""
    other = Signer("RS256", forge.rsa_private(label="aws"))
    return Platform("aws", AWS, Signer("ES384"), {"typ": "JWT"}, (other,))


def entra() -> Platform:
    """Microsoft Entra ID, for a managed identity."""
    return Platform("azure", ENTRA, entra_key(), {"typ": "JWT", "x5t": "key-thumbprint"})


def google() -> Platform:
    """Google, for a service account."""
    return Platform(
        "google", GOOGLE, Signer("RS256", forge.rsa_private(label="google")), {"typ": "JWT"}
    )


PLATFORMS = (github, gitlab, aws, entra, google)
