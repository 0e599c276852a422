"""What a token may say. Sources: RFC 6749 section 3.3, RFC 7519 section 2, RFC 9068 section 2.2."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Any

import pytest

from signet.errors import SettingsError
from signet.issuing.claims import TokenRequest, claims_of, faults_of
from signet.standard_claims import STANDARD

NOW = 1_800_000_000
ENTROPY = bytes(range(16))
GOOD = TokenRequest(
    subject="orders-service",
    audience="https://api.example",
    lifetime=600,
    scopes=("orders:read", "orders:write"),
    roles=("clerk",),
)


def made(request: TokenRequest = GOOD, **more: Any) -> dict[str, object]:
    return claims_of(
        request,
        issuer="https://issuer.example/a",
        longest_lifetime=900,
        now=NOW,
        entropy=ENTROPY,
        **more,
    )


def test_the_claims_of_a_token_are_these() -> None:
    assert made() == {
        "iss": "https://issuer.example/a",
        "sub": "orders-service",
        "aud": "https://api.example",
        "client_id": "orders-service",
        "iat": NOW,
        "nbf": NOW,
        "exp": NOW + 600,
        "jti": base64.urlsafe_b64encode(ENTROPY).rstrip(b"=").decode(),
        "scope": "orders:read orders:write",
        "roles": ["clerk"],
    }


def test_scope_and_roles_are_left_out_when_there_are_none() -> None:
    assert not {"scope", "roles", "act"} & made(replace(GOOD, scopes=(), roles=())).keys()


def test_a_scope_given_twice_stands_once() -> None:
    assert made(replace(GOOD, scopes=("b", "a", "b")))["scope"] == "b a"


def test_an_actor_and_a_client_are_named() -> None:
    claims = made(replace(GOOD, actor="ci", client_id="pipeline-7"))
    assert claims["act"] == {"sub": "ci"}
    assert claims["client_id"] == "pipeline-7"


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"subject": ""}, "subject"),
        ({"subject": "a b"}, "subject"),
        ({"subject": "a\nx-role: admin"}, "subject"),
        ({"subject": "Jos\u00e9"}, "subject"),
        ({"subject": "x" * 256}, "subject"),
        ({"subject": "7:not-a-uri"}, "subject"),
        ({"audience": ""}, "audience"),
        ({"audience": "https://a https://b"}, "audience"),
        ({"audience": "https:"}, "audience"),
        ({"client_id": "a b"}, "client-id"),
        ({"actor": ""}, "actor"),
        ({"scopes": ("",)}, "scope"),
        ({"scopes": ("a b",)}, "scope"),
        ({"scopes": ('a"b',)}, "scope"),
        ({"scopes": ("a\\b",)}, "scope"),
        ({"scopes": ("gr\u00fcn",)}, "scope"),
        ({"roles": ("a\tb",)}, "role"),
        ({"lifetime": 0}, "ttl"),
        ({"lifetime": -5}, "ttl"),
        ({"lifetime": 901}, "ttl"),
        ({"extra": {"tenant": "a"}}, "claim"),
        ({"extra": {"exp": 9}}, "claim"),
    ],
)
def test_what_no_consumer_should_have_to_read_is_refused(change: dict[str, Any], key: str) -> None:
    with pytest.raises(SettingsError) as raised:
        made(replace(GOOD, **change))
    [fault] = raised.value.faults
    assert fault.key == key
    assert fault.remedy


def test_all_faults_come_at_once() -> None:
    wrong = replace(GOOD, subject="", audience="", scopes=("a b", '"'), lifetime=3600)
    found = [fault.key for fault in faults_of(wrong, longest_lifetime=900)]
    assert found == ["subject", "audience", "scope", "scope", "ttl"]


@pytest.mark.parametrize(
    "subject", ["a", "repo:org/x:ref:main", "urn:a:b", "a@b.example", "x" * 255]
)
def test_names_that_callers_really_have_pass(subject: str) -> None:
    assert faults_of(replace(GOOD, subject=subject), longest_lifetime=900) == []


def test_the_longest_lifetime_itself_is_allowed() -> None:
    assert made(replace(GOOD, lifetime=900))["exp"] == NOW + 900


def test_a_claim_of_the_contract_is_carried_but_never_a_standard_one() -> None:
    assert made(replace(GOOD, extra={"tenant": "a"}), agreed={"tenant"})["tenant"] == "a"
    for name in STANDARD:
        faults = faults_of(replace(GOOD, extra={name: 1}), longest_lifetime=900, agreed={name})
        assert [fault.value for fault in faults] == [name]


def test_a_jti_of_less_than_128_bits_is_a_bug() -> None:
    with pytest.raises(ValueError, match="128"):
        claims_of(GOOD, issuer="i", longest_lifetime=900, now=NOW, entropy=b"short")
