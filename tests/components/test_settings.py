"""Settings: what they become, and every fault at once with key, value and remedy."""

import json
from typing import Any

import pytest

from components.setting_values import seconds
from components.settings import parse
from components.surroundings import Surroundings
from signet.errors import SettingsError

REAL = Surroundings(stack="staging")
SANDBOX = Surroundings(stack="local", in_sandbox=True, aws_endpoint="http://127.0.0.1:4566")
ROLE = "arn:aws:iam::111122223333:role/pipeline"

GOOD: dict[str, Any] = {
    "audience": "https://api.example.com",
    "awsRegion": "eu-central-1",
    "awsBucket": "example-keys",
    "awsIssuerPrincipals": [ROLE],
}


def raw(**changes: Any) -> dict[str, str]:
    return {
        key: value if isinstance(value, str) else json.dumps(value)
        for key, value in {**GOOD, **changes}.items()
    }


def faults(given: dict[str, str], surroundings: Surroundings = REAL) -> dict[str, str]:
    with pytest.raises(SettingsError) as raised:
        parse(given, surroundings)
    return {fault.key: fault.problem for fault in raised.value.faults}


def test_the_smallest_good_settings_take_the_designs_defaults() -> None:
    settings = parse(raw(), REAL)
    assert settings.environment == "staging"
    assert settings.issuer == "https://example-keys.s3.eu-central-1.amazonaws.com"
    assert settings.issuer_is_default
    timings = settings.timings
    assert (timings.token_lifetime, timings.jwks_max_age, timings.cache_ceiling) == (900, 300, 300)
    assert (timings.stale_if_error, timings.foreign_cache_age) == (21_600, 86_400)
    assert (timings.clock_skew, timings.issuer_lag) == (60, 60)
    assert settings.rotation.rotation_period == 30 * 86_400
    assert settings.rotation.up_interval == 86_400
    assert (settings.rotation.algorithm, settings.rotation.key_size) == ("RS256", 2048)
    assert settings.protect_keys
    assert settings.publish == "public"
    assert settings.kms_deletion_days == 30


@pytest.mark.parametrize(
    ("text", "value"),
    [("0s", 0), ("90s", 90), ("15m", 900), ("6h", 21_600), ("30d", 2_592_000)],
)
def test_a_duration_is_a_number_and_a_unit(text: str, value: int) -> None:
    assert seconds(text) == value


@pytest.mark.parametrize(
    "text", ["", "15", "m", "1.5h", "-1s", "15 m", "1h30m", "15min", "1w", "٣s"]
)
def test_anything_else_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="not a duration"):
        seconds(text)


FAULTS: list[tuple[str, Any, str]] = [
    ("environment", "Prod", "form"),
    ("environment", "x" * 21, "form"),
    ("environment", "-a", "form"),
    ("clouds", [], "no cloud"),
    ("clouds", ["aws", "aws"], "twice"),
    ("clouds", ["awz"], "no cloud"),
    ("clouds", "aws", "list"),
    ("clouds", [1], "list"),
    ("home", "gcp", "none of the allowed"),
    ("issuer", "http://id.example.com", "https"),
    ("issuer", "id.example.com", "https"),
    ("issuer", "https://id.example.com/?a=b", "query"),
    ("issuer", "https://user@id.example.com", "user"),
    ("issuer", "https://id.example.com/", "slash"),
    ("algorithm", "HS256", "none of the allowed"),
    ("algorithm", "rs256", "none of the allowed"),
    ("keySize", "1024", "2048"),
    ("keySize", "large", "whole number"),
    ("publish", "pubic", "none of the allowed"),
    ("protectKeys", "maybe", "true nor false"),
    ("audience", "", "missing"),
    ("audience", "two words", "form"),
    ("requiredScope", "two scopes", "form"),
    ("requiredScope", 'a"b', "form"),
    ("python", "3.8", "none of the allowed"),
    ("python", "running", "machine"),
    ("rotationPeriod", "1d", "ready only after"),
    ("rotationPeriod", "monthly", "not a duration"),
    ("tokenLifetime", "61m", "at most"),
    ("tokenLifetime", "0s", "below"),
    ("clockSkew", "6m", "forgives"),
    ("upInterval", "0s", "below"),
    ("retention", "1m", "withdrawn"),
    ("kmsDeletionWindow", "6d", "out of range"),
    ("kmsDeletionWindow", "31d", "out of range"),
    ("kmsDeletionWindow", "180h", "whole number of days"),
    ("logRetention", "2d", "no such retention"),
    ("tokenCache", "20001", "out of range"),
    ("auditPasses", "yes", "true nor false"),
    ("auditSubject", "hidden", "none of the allowed"),
    ("awsRegion", "", "missing"),
    ("awsRegion", "Frankfurt", "form"),
    ("awsAccountId", "1234", "form"),
    ("awsBucket", "", "missing"),
    ("awsBucket", "with.dots", "form"),
    ("awsBucket", "Upper", "form"),
    ("awsBucket", "ab", "form"),
    ("awsBucket", "xn--bucket", "form"),
    ("awsKeyAdministrators", ["root"], "form"),
    ("awsIssuerPrincipals", [], "nobody"),
    ("awsIssuerPrincipals", ["*"], "form"),
    ("awsIssuerPrincipals", "role", "list"),
    ("awsHttpApi", "attach", "form"),
    ("awsHttpApi", "attach:", "form"),
    ("awsHttpAnswers", "policy", "none of the allowed"),
    ("awsRestApi", "yes", "form"),
    ("awsRestAccessLogs", "1", "true nor false"),
    ("awsBackend", "http://plain.example.com", "form"),
    ("awsBackend", "https://user@example.com", "form"),
    ("awsBackend", "https://example.com/?q", "form"),
    ("awsBackend", "arn:aws:s3:::bucket", "form"),
    ("awsValidatorMemory", "64", "out of range"),
    ("awsValidatorConcurrency", "-1", "out of range"),
    ("awsResultCache", "61s", "out of range"),
]


@pytest.mark.parametrize(("key", "value", "said"), FAULTS)
def test_a_wrong_setting_is_named_with_its_value_and_a_remedy(
    key: str, value: Any, said: str
) -> None:
    given = raw(**{key: value})
    with pytest.raises(SettingsError) as raised:
        parse(given, REAL)
    named = [fault for fault in raised.value.faults if fault.key == f"signet:{key}"]
    assert any(said in fault.problem for fault in named), raised.value
    for fault in named:
        assert fault.value == given[key]
        assert fault.remedy
    others = {fault.key for fault in raised.value.faults} - {f"signet:{key}"}
    assert not others or key in {"clouds", "issuer"}


def test_all_faults_come_together() -> None:
    given = {"audence": "x", "clouds": '["aws"]', "tokenLifetime": "15", "publish": "x"}
    assert set(faults(given)) == {
        "signet:audence",
        "signet:audience",
        "signet:awsBucket",
        "signet:awsIssuerPrincipals",
        "signet:awsRegion",
        "signet:publish",
        "signet:tokenLifetime",
    }


@pytest.mark.parametrize(
    ("key", "remedy"),
    [
        ("audence", "did you mean signet:audience?"),
        ("awsregion", "did you mean signet:awsRegion?"),
        ("zzz", "docs/settings.md"),
    ],
)
def test_an_unknown_key_is_refused_with_the_nearest_one(key: str, remedy: str) -> None:
    with pytest.raises(SettingsError) as raised:
        parse(raw(**{key: "x"}), REAL)
    assert [fault.key for fault in raised.value.faults] == [f"signet:{key}"]
    assert remedy in raised.value.faults[0].remedy


@pytest.mark.parametrize(
    ("key", "remedy"),
    [
        ("aws:region", "signet:awsRegion"),
        ("aws:allowedAccountIds", "signet:awsAccountId"),
        ("aws:profile", "AWS_PROFILE"),
    ],
)
def test_the_providers_own_settings_would_be_ignored_and_are_refused(key: str, remedy: str) -> None:
    with pytest.raises(SettingsError) as raised:
        parse({**raw(), key: "x"}, REAL)
    assert [fault.key for fault in raised.value.faults] == [key]
    assert remedy in raised.value.faults[0].remedy


def test_the_smallest_good_value_is_named_for_a_timing_fault() -> None:
    with pytest.raises(SettingsError) as raised:
        parse(raw(rotationPeriod="2d"), REAL)
    remedy = raised.value.faults[0].remedy
    assert "signet:rotationPeriod" in remedy
    smallest = int(remedy.split(" to ")[1].split("s")[0])
    parse(raw(rotationPeriod=f"{smallest}s"), REAL)
    with pytest.raises(SettingsError):
        parse(raw(rotationPeriod=f"{smallest - 1}s"), REAL)


@pytest.mark.parametrize(
    ("protect", "where", "disposable"),
    [("true", REAL, False), ("false", REAL, True), ("true", SANDBOX, True)],
)
def test_buckets_may_go_with_all_they_keep_where_the_environment_may(
    protect: str, where: Surroundings, disposable: bool
) -> None:
    assert parse(raw(protectKeys=protect), where).disposable is disposable


def test_the_sandbox_alone_allows_loopback_and_this_machines_python() -> None:
    settings = parse(raw(issuer="http://127.0.0.1:4566/x", python="running"), SANDBOX)
    assert settings.in_sandbox
    assert settings.python.startswith("3.")
    assert settings.aws is not None
    assert settings.aws.store_url == "http://127.0.0.1:4566/example-keys"
    assert "signet:issuer" in faults(raw(issuer="http://evil.example.com"), SANDBOX)


@pytest.mark.parametrize(
    ("region", "url"),
    [
        ("us-east-1", "https://example-keys.s3.us-east-1.amazonaws.com"),
        ("cn-north-1", "https://example-keys.s3.cn-north-1.amazonaws.com.cn"),
        ("us-gov-west-1", "https://example-keys.s3.us-gov-west-1.amazonaws.com"),
    ],
)
def test_the_default_issuer_is_the_first_clouds_store(region: str, url: str) -> None:
    assert parse(raw(awsRegion=region), REAL).issuer == url


@pytest.mark.parametrize(
    ("value", "mode", "api_id"),
    [("create", "create", ""), ("none", "none", ""), ("attach:a1b2c3", "attach", "a1b2c3")],
)
def test_a_gateway_is_made_attached_or_left_out(value: str, mode: str, api_id: str) -> None:
    aws = parse(raw(awsHttpApi=value, awsRestApi=value), REAL).aws
    assert aws is not None
    for choice in (aws.http_api, aws.rest_api):
        assert (choice.mode, choice.api_id) == (mode, api_id)


@pytest.mark.parametrize(
    ("value", "kind", "target"),
    [
        ("echo", "echo", ""),
        ("https://x.example.com/base/", "url", "https://x.example.com/base"),
        (
            "arn:aws:lambda:eu-west-1:111122223333:function:f:live",
            "lambda",
            "arn:aws:lambda:eu-west-1:111122223333:function:f:live",
        ),
    ],
)
def test_a_backend_is_the_demo_a_function_or_a_url(value: str, kind: str, target: str) -> None:
    aws = parse(raw(awsBackend=value), REAL).aws
    assert aws is not None
    assert (aws.backend.kind, aws.backend.target) == (kind, target)


@pytest.mark.parametrize("stack", ["local", "local-fast"])
def test_a_sandbox_stack_outside_the_sandbox_is_refused(stack: str) -> None:
    with pytest.raises(SettingsError, match="outside it"):
        Surroundings.observe(stack, {})


def test_an_endpoint_override_outside_the_sandbox_is_refused() -> None:
    with pytest.raises(SettingsError, match="sandbox only"):
        Surroundings.observe("prod", {"AWS_ENDPOINT_URL": "http://127.0.0.1:4566"})


def test_a_real_stack_in_a_clean_environment_is_outside_the_sandbox() -> None:
    seen = Surroundings.observe("prod", {})
    assert seen == Surroundings(stack="prod", actor=seen.actor)
    assert "@" in seen.actor
