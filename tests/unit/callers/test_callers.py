"""The `callers` section of a manifest: faults, warnings, and whom a rule lets in."""

from typing import Any

import pytest

from signet.caller_warnings import warnings_of
from signet.callers import Caller, parse_callers
from signet.errors import SettingsError
from signet.identities import KINDS

WHERE = "services/orders.yaml: callers"
GITHUB: dict[str, Any] = {
    "name": "orders-ci",
    "identity": "github",
    "match": {
        "repository_id": "74",
        "repository_owner_id": "65",
        "environment": "prod",
        "ref": "refs/heads/main",
    },
    "scopes": ["orders:read"],
}
RUN: dict[str, Any] = {
    "repository": "octo-org/octo-repo",
    "repository_id": "74",
    "repository_owner_id": "65",
    "environment": "prod",
    "ref": "refs/heads/main",
    "ref_protected": "true",
    "event_name": "push",
}
GITLAB_RUN = {"project_id": "46", "ref_protected": "true", "pipeline_source": "push", "ref": "main"}
AWS_ROLE = "arn:aws:iam::123456789012:role/Nightly"


def caller(**changes: Any) -> Caller:
    (only,) = parse_callers([{**GITHUB, **changes}], WHERE)
    return only


def gitlab(**match: Any) -> Caller:
    return caller(identity="gitlab", match={"project_id": "46", **match})


def faults(*members: Any) -> list[str]:
    with pytest.raises(SettingsError) as error:
        parse_callers(list(members), WHERE)
    return [f"{fault.key}: {fault.problem} / {fault.remedy}" for fault in error.value.faults]


def test_a_service_without_callers_gives_nobody_a_token() -> None:
    assert parse_callers(None, WHERE) == ()
    assert parse_callers([], WHERE) == ()


def test_a_caller_is_read_with_its_defaults() -> None:
    found = caller()
    assert found.issuer == "https://token.actions.githubusercontent.com"
    assert found.kind is KINDS["github"]
    assert (found.lifetime, found.once, found.roles) == (300, False, ())
    assert found.scopes == ("orders:read",)


def test_every_field_is_read() -> None:
    found = caller(lifetime="90s", once=True, roles=["deployer"], subject_audience="api://orders")
    assert (found.lifetime, found.once, found.roles) == (90, True, ("deployer",))
    assert found.subject_audience == "api://orders"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"name": "Orders CI"}, "callers[0].name: is not text"),
        ({"name": "Orders"}, "callers[0].name: is not a name of a caller"),
        ({"name": None}, "callers[0].name: is missing"),
        ({"identity": "jenkins"}, "callers[0].identity: is no platform we know / use one of"),
        ({"secret": "x"}, "callers[0].secret: is no field of a caller"),
        ({"identity": "aws"}, "callers[0].issuer: is missing; AWS has many"),
        ({"issuer": "http://token.example"}, "callers[0].issuer: is not an HTTPS URL"),
        ({"issuer": "http://127.0.0.1:8000"}, "callers[0].issuer: is not an HTTPS URL"),
        ({"issuer": "https://a.example/?x=1"}, "callers[0].issuer: is not an HTTPS URL"),
        ({"match": {}}, "callers[0].match: names no claim"),
        ({"match": None}, "callers[0].match: names no claim"),
        ({"match": {"repository": "o/r", "ref": "refs/heads/main"}}, "matches on names alone"),
        ({"match": {"ref": "refs/heads/main"}}, "match: matches on names alone"),
        ({"match": {"aud": "x", "repository_id": "1"}}, "match.aud: is no claim of GitHub"),
        ({"match": {"repository_id": "7*"}}, "match.repository_id: is an id and has a wildcard"),
        ({"match": {"repository_id": ["7", "*"]}}, "is an id and has a wildcard"),
        ({"match": {"repository_id": 74}}, 'is a number, and ids are text / write "74"'),
        ({"match": {"repository_id": []}}, "has too few or too many values"),
        ({"match": {"repository_id": {"a": 1}}}, "match.repository_id: is not a text"),
        ({"match": {"repository_id": "1", "ref": "refs/**"}}, "has two wildcards in a row"),
        ({"match": {"repository_id": "1", "ref": "r" * 300}}, "match.ref: is too long"),
        ({"scopes": "orders:read"}, "callers[0].scopes: is not a list of words"),
        ({"scopes": ["orders read"]}, "callers[0].scopes: is not a list of words"),
        ({"scopes": ["a", "a"]}, "callers[0].scopes: has a word twice"),
        ({"scopes": []}, "callers[0].scopes: gives nothing"),
        ({"lifetime": 300}, "callers[0].lifetime: is not a duration"),
        ({"lifetime": "2h"}, "callers[0].lifetime: is over 60m"),
        ({"lifetime": "0s"}, "callers[0].lifetime: is not a duration"),
        ({"once": "yes"}, "callers[0].once: is not true or false"),
        (
            {"identity": "google", "match": {"sub": "1137"}, "once": True},
            "callers[0].once: cannot be kept",
        ),
        (
            {"identity": "google", "match": {"email": "job@p.iam.gserviceaccount.com"}},
            "match: matches on names alone",
        ),
    ],
)
def test_a_fault_says_where_and_what_to_do(changes: dict[str, Any], told: str) -> None:
    assert any(told in line for line in faults({**GITHUB, **changes}))


def test_all_faults_of_all_callers_come_at_once() -> None:
    found = faults({**GITHUB, "name": "B"}, 7, {**GITHUB, "lifetime": "1d"}, GITHUB, GITHUB)
    assert [line.split(": ")[1] for line in found] == [
        "callers[0].name",
        "callers[1]",
        "callers[2].lifetime",
        "callers",
    ]


def test_what_is_not_a_list_is_a_fault() -> None:
    with pytest.raises(SettingsError, match="is not a list"):
        parse_callers({"name": "a"}, WHERE)


def test_an_issuer_on_loopback_is_for_the_sandbox_alone() -> None:
    raw = [{**GITHUB, "issuer": "http://127.0.0.1:8000/github"}]
    (found,) = parse_callers(raw, WHERE, sandbox=True)
    assert found.kind.jwks_uri(found.issuer) == "http://127.0.0.1:8000/github/.well-known/jwks"


@pytest.mark.parametrize(
    ("kind", "issuer", "uri"),
    [
        ("github", None, "https://token.actions.githubusercontent.com/.well-known/jwks"),
        ("gitlab", None, "https://gitlab.com/oauth/discovery/keys"),
        ("gitlab", "https://git.example", "https://git.example/oauth/discovery/keys"),
        (
            "aws",
            "https://abc.tokens.sts.global.api.aws",
            "https://abc.tokens.sts.global.api.aws/.well-known/jwks.json",
        ),
        (
            "azure",
            "https://login.microsoftonline.com/t/v2.0",
            "https://login.microsoftonline.com/t/discovery/v2.0/keys",
        ),
        (
            "azure",
            "https://sts.windows.net/t/",
            "https://login.microsoftonline.com/t/discovery/keys",
        ),
        ("google", None, "https://www.googleapis.com/oauth2/v3/certs"),
        ("signet", "https://keys.example/prod", "https://keys.example/prod/.well-known/jwks.json"),
    ],
)
def test_keys_come_from_the_address_that_the_platform_documents(
    kind: str, issuer: str | None, uri: str
) -> None:
    chosen = KINDS[kind]
    assert chosen.jwks_uri(issuer or chosen.issuer or "") == uri


@pytest.mark.parametrize(
    ("rule", "run", "claim"),
    [
        (caller(), RUN, None),
        (caller(), {**RUN, "repository_id": "75"}, "repository_id"),
        (caller(), {**RUN, "repository_owner_id": "66"}, "repository_owner_id"),
        (caller(), {**RUN, "environment": "prod2"}, "environment"),
        (caller(), {**RUN, "ref": "refs/heads/main2"}, "ref"),
        (caller(), {**RUN, "ref": ["refs/heads/main"]}, "ref"),
        (caller(), {**RUN, "ref_protected": "false"}, "ref_protected"),
        (caller(), {n: v for n, v in RUN.items() if n != "ref_protected"}, "ref_protected"),
        (caller(), {**RUN, "event_name": "pull_request"}, "event_name"),
        (caller(), {**RUN, "event_name": "pull_request_target"}, "event_name"),
        (caller(), {n: v for n, v in RUN.items() if n != "event_name"}, "event_name"),
        (caller(match={"repository_id": ["73", "74"]}), RUN, None),
        (caller(match={"repository_id": "74", "ref": "refs/heads/*"}), RUN, None),
        (
            caller(match={"repository_id": "74", "ref": "refs/heads/*"}),
            {**RUN, "ref": "refs/heads/a/b"},
            "ref",
        ),
        (
            caller(match={"repository_id": "74", "event_name": "pull_request"}),
            {**RUN, "event_name": "pull_request"},
            None,
        ),
        (gitlab(), GITLAB_RUN, None),
        (gitlab(), {**GITLAB_RUN, "project_id": "47"}, "project_id"),
        (gitlab(), {**GITLAB_RUN, "ref_protected": "false"}, "ref_protected"),
        (gitlab(), {**GITLAB_RUN, "pipeline_source": "merge_request_event"}, "pipeline_source"),
        (gitlab(ref_protected=[True, False]), {**GITLAB_RUN, "ref_protected": "false"}, None),
        (
            caller(
                identity="aws",
                issuer="https://abc.tokens.sts.global.api.aws",
                match={"sub": AWS_ROLE, "aws_account": "123456789012", "principal_tags.team": "a"},
            ),
            {
                "sub": AWS_ROLE,
                "https://sts.amazonaws.com/": {
                    "aws_account": "123456789012",
                    "principal_tags": {"team": "a"},
                },
            },
            None,
        ),
        (
            caller(
                identity="aws",
                issuer="https://abc.tokens.sts.global.api.aws",
                match={"sub": AWS_ROLE, "principal_tags.team": "a"},
            ),
            {"sub": AWS_ROLE, "https://sts.amazonaws.com/": {"request_tags": {"team": "a"}}},
            "principal_tags.team",
        ),
        (
            caller(identity="google", match={"sub": "11", "email": "a@b"}),
            {"sub": "11", "email": "a@b", "email_verified": True},
            None,
        ),
        (
            caller(identity="google", match={"sub": "11", "email": "a@b"}),
            {"sub": "11", "email": "a@b", "email_verified": False},
            "email_verified",
        ),
        (
            caller(
                identity="google",
                match={"sub": "11", "google.compute_engine.project_number": "739419398126"},
            ),
            {"sub": "11", "google": {"compute_engine": {"project_number": 739419398126}}},
            None,
        ),
    ],
)
def test_a_rule_lets_in_whom_it_names(rule: Caller, run: dict[str, Any], claim: str | None) -> None:
    assert rule.mismatch(run) == claim


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"match": {"repository_owner_id": "65", "environment": "a"}}, "any repository of the own"),
        ({"match": {"repository_id": "74", "environment": "a"}}, "transferred to another owner"),
        ({"match": {"repository_id": "74", "repository_owner_id": "65"}}, "every job on every"),
        (
            {"match": {"repository_id": "1", "repository_owner_id": "2", "ref": "*/*/*"}},
            "has a pattern that anything fits",
        ),
        (
            {"match": {"repository_id": "1", "ref": "refs/heads/a", "ref_protected": False}},
            "lets in unprotected refs",
        ),
        (
            {"match": {"repository_id": "1", "ref": "x", "event_name": ["push", "pull_request"]}},
            "lets in events of outsiders",
        ),
        (
            {"identity": "gitlab", "match": {"namespace_id": "3", "ref": "main"}},
            "any project of the namespace",
        ),
        (
            {
                "identity": "azure",
                "issuer": "https://sts.windows.net/t/",
                "match": {"tid": "t"},
            },
            "any application and person of the tenant",
        ),
    ],
)
def test_a_wide_rule_is_warned_of(changes: dict[str, Any], told: str) -> None:
    found = warnings_of([caller(**changes)], WHERE)
    assert any(told in warning.problem for warning in found)
    assert all(warning.key.startswith(f"{WHERE}[0].match") for warning in found)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"match": {"repository_id": "1", "repository_owner_id": "2", "ref": "x",
                   "event_name": "push", "ref_protected": True}},
        {"identity": "gitlab", "match": {"project_id": "1", "environment": "prod"}},
        {"identity": "google", "match": {"sub": "1"}},
        {"identity": "signet", "issuer": "https://keys.example", "match": {"sub": "job"}},
    ],
)  # fmt: skip
def test_a_narrow_rule_is_not(changes: dict[str, Any]) -> None:
    assert warnings_of([caller(**changes)], WHERE) == []
