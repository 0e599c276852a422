"""The platforms whose identities can be swapped for a token, and what their claims are worth. Pure.

Sources, by kind:

- `github`: docs.github.com, "OpenID Connect reference" (claims; `iss`), and `claims_supported` of
  https://token.actions.githubusercontent.com/.well-known/openid-configuration.
- `gitlab`: docs.gitlab.com/ci/secrets/id_token_authentication, "Token payload". In a merge request
  pipeline of a fork `project_id` is the fork's (gitlab-org/gitlab#563038), and `ref_protected` is
  false in every merge request pipeline (#420463).
- `aws`: IAM User Guide, "Understanding token claims" (identity claims below one namespace); STS
  API reference, GetWebIdentityToken (60 s to 1 h, RS256 or ES384); IAM API reference,
  EnableOutboundWebIdentityFederation (issuer and `/.well-known/jwks.json`).
- `azure`: learn.microsoft.com/entra/identity-platform/access-token-claims-reference. `oid` and
  `tid` never change; `uti` identifies the token. Managed identities' tokens live 24 h.
- `google`: developers.google.com/identity/openid-connect ("sub ... never reused"), and Compute
  Engine, "Verify VM identity" (claims below `google.compute_engine`, one hour).
- `signet`: another environment of ours, by its issuer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

AWS_NAMESPACE: Final = "https://sts.amazonaws.com/"
_ENTRA_V2 = re.compile(r"(https?://[^/]+)/([^/]+)/v2\.0")
_ENTRA_V1 = re.compile(r"https://sts\.windows\.net/([^/]+)/")


@dataclass(frozen=True, kw_only=True)
class IdentityKind:
    """What is known of one platform's tokens; seconds throughout."""

    name: str
    says: str
    """How the platform is called in messages."""
    immutable: Mapping[str, str]
    """Claims that stand for one thing for good, and what to say of a rule with that one alone
    ("" where nothing: it names one caller)."""
    named: frozenset[str]
    """Further claims that a rule may narrow by; they are names, and names are reused."""
    prefixes: tuple[str, ...] = ()
    """Beginnings of further names, such as tags."""
    issuer: str | None = None
    """The issuer where a rule names none; None: a rule must name it."""
    jwks_path: str = "/.well-known/jwks.json"
    algorithms: tuple[str, ...] = ("RS256",)
    longest_lifetime: int = 3_600
    typ: str = "JWT"
    foreign: bool = True
    token_id: str | None = "jti"  # noqa: S105 - a claim's name
    """The claim that identifies one token; None: the platform sends none."""
    required: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Claims that must have one of these values unless the rule itself names the claim."""
    refused: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Claims that must have none of these values unless the rule itself names the claim."""
    paired: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """A claim that is worth nothing unless another one has that value."""

    def knows(self, claim: str) -> bool:
        """Whether a rule may name this claim."""
        return (
            claim in self.immutable
            or claim in self.named
            or any(claim.startswith(prefix) and claim != prefix for prefix in self.prefixes)
        )

    def path(self, claim: str) -> tuple[str, ...]:
        """Where a claim that a rule names stands in the token."""
        if self.name == "aws" and claim != "sub":
            return (AWS_NAMESPACE, *claim.split(".", 1))
        if self.name == "google" and claim.startswith("google."):
            return tuple(claim.split("."))
        return (claim,)

    def jwks_uri(self, issuer: str) -> str:
        """Return where the issuer publishes its keys: pinned by kind, never read from a token."""
        if self.name == "google" and issuer == self.issuer:
            return "https://www.googleapis.com/oauth2/v3/certs"
        if found := _ENTRA_V1.fullmatch(issuer):
            return f"https://login.microsoftonline.com/{found[1]}/discovery/keys"
        if self.name == "azure" and (found := _ENTRA_V2.fullmatch(issuer)):
            return f"{found[1]}/{found[2]}/discovery/v2.0/keys"
        return issuer.rstrip("/") + self.jwks_path


_OUTSIDERS = (
    "pull_request", "pull_request_target", "pull_request_review", "pull_request_review_comment",
    "issue_comment", "issues", "discussion", "discussion_comment", "fork", "watch", "workflow_run",
)  # fmt: skip
"""GitHub events that somebody without write access can cause ("Events that trigger workflows")."""

_GITHUB = IdentityKind(
    name="github",
    says="GitHub Actions",
    issuer="https://token.actions.githubusercontent.com",
    jwks_path="/.well-known/jwks",
    immutable={
        "repository_id": "",
        "repository_owner_id": "any repository of the owner",
        "enterprise_id": "any repository of the enterprise",
        "actor_id": "any repository that this account runs workflows in, its own ones too",
    },
    named=frozenset(
        {"actor", "base_ref", "environment", "event_name", "head_ref", "job_workflow_ref"}
        | {"job_workflow_sha", "ref", "ref_protected", "ref_type", "repository"}
        | {"repository_owner", "repository_visibility", "runner_environment", "sub", "workflow"}
        | {"workflow_ref", "workflow_sha", "sha", "enterprise"}
    ),
    required={"ref_protected": ("true",)},
    refused={"event_name": _OUTSIDERS},
)
_GITLAB = IdentityKind(
    name="gitlab",
    says="GitLab CI/CD",
    issuer="https://gitlab.com",
    jwks_path="/oauth/discovery/keys",
    immutable={
        "project_id": "",
        "namespace_id": "any project of the namespace",
        "user_id": "any project that this user runs pipelines in, their own ones too",
        "runner_id": "any project that this runner serves",
    },
    named=frozenset(
        {"ci_config_ref_uri", "ci_config_sha", "deployment_tier", "environment"}
        | {"environment_protected", "namespace_path", "pipeline_source", "project_path"}
        | {"project_visibility", "ref", "ref_path", "ref_protected", "ref_type"}
        | {"runner_environment", "sha", "sub", "user_login"}
    ),
    # A job's token lives as long as the job may run.
    longest_lifetime=86_400,
    required={"ref_protected": ("true",)},
    refused={"pipeline_source": ("merge_request_event", "external_pull_request_event")},
)
_AWS = IdentityKind(
    name="aws",
    says="AWS",
    immutable={
        "sub": "",
        "aws_account": "any principal of the account",
        "org_id": "any principal of the organisation",
    },
    named=frozenset(
        {"source_region", "ou_path", "lambda_source_function_arn", "ec2_source_instance_arn"}
    ),
    prefixes=("principal_tags.", "request_tags."),
    algorithms=("RS256", "ES384"),
)
_AZURE = IdentityKind(
    name="azure",
    says="Microsoft Entra ID",
    immutable={
        "oid": "",
        "appid": "any person who signs in through the application",
        "azp": "any person who signs in through the application",
        "tid": "any application and person of the tenant",
    },
    named=frozenset({"idtyp", "sub", "ver", "xms_mirid"}),
    # Up to 24 h for managed identities, and the minutes by which Entra dates `iat` back.
    longest_lifetime=90_000,
    token_id="uti",  # noqa: S106 - a claim's name
)
_GOOGLE = IdentityKind(
    name="google",
    says="Google",
    issuer="https://accounts.google.com",
    jwks_path="/oauth2/v3/certs",
    immutable={
        "sub": "",
        "google.compute_engine.project_number": "any service account of any machine there",
        "google.compute_engine.instance_id": "any service account of the machine",
    },
    named=frozenset(
        {"azp", "email", "email_verified", "google.compute_engine.project_id"}
        | {"google.compute_engine.zone", "google.compute_engine.instance_name"}
    ),
    token_id=None,
    paired={"email": ("email_verified", "true")},
)
_SIGNET = IdentityKind(
    name="signet",
    says="another environment of Signet",
    immutable={"sub": "", "client_id": ""},
    named=frozenset(),
    algorithms=("RS256", "PS256", "ES256"),
    typ="at+jwt",
    foreign=False,
)

KINDS: Final[Mapping[str, IdentityKind]] = {
    kind.name: kind for kind in (_GITHUB, _GITLAB, _AWS, _AZURE, _GOOGLE, _SIGNET)
}
