"""The settings artefact: read once, every fault named at once."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from tests.cases import forge
from tests.cases.forge import Signer
from tests.cases.settings import artefact, document, issuer
from validator_functions.verification.errors import SettingsError
from validator_functions.verification.settings import (
    ValidatorSettings,
    is_allowed_url,
    load,
)


def parsed(**changes: Any) -> ValidatorSettings:
    return ValidatorSettings.parse(artefact(document(Signer("RS256"), **changes)))


def faults(settings: dict[str, Any]) -> list[str]:
    with pytest.raises(SettingsError) as error:
        ValidatorSettings.parse(artefact(settings))
    return error.value.faults


def changed(path: str, value: Any) -> dict[str, Any]:
    """The good settings with one member, named by its path, replaced; `...` takes it away."""
    settings: Any = json.loads(artefact(document(Signer("RS256"))))
    *parents, name = (int(part) if part.isdigit() else part for part in path.split("."))
    inner = settings
    for parent in parents:
        inner = inner[parent]
    if value is ...:
        del inner[name]
    else:
        inner[name] = value
    assert isinstance(settings, dict)
    return settings


def test_good_settings_are_read() -> None:
    settings = parsed()
    (trusted,) = settings.issuers
    assert (settings.environment, settings.service, settings.cloud) == (
        "test",
        "environment",
        "aws",
    )
    assert (settings.trust, settings.sandbox, settings.audit_passes) == ("deployed", False, False)
    assert (settings.cache_entries, settings.cache_bytes) == (0, 0)
    assert (settings.timing.jwks_max_age, settings.timing.cache_ceiling) == (300, 300)
    assert settings.timing.stale_if_error == 21600
    assert trusted.issuer == trusted.policy.issuer == forge.ISSUER
    assert trusted.policy.audiences == frozenset({forge.AUDIENCE})
    assert trusted.policy.typ == "at+jwt"
    assert trusted.key_set is not None
    assert trusted.key_set.kids == {Signer("RS256").kid}
    assert trusted.ring == "environment"
    assert trusted.private_store is None
    assert trusted.jwks_urls == (f"{forge.ISSUER}/.well-known/jwks.json",)
    assert len(settings.sha256) == 64
    assert hash(trusted) == hash(parsed().issuers[0])


@pytest.mark.parametrize(
    ("path", "value", "fault"),
    [
        ("schema", 2, "`schema`"),
        ("schema", True, "`schema`"),
        ("schema", ..., "lacks `schema`"),
        ("extra", 1, "not known"),
        ("environment", "", "`environment`"),
        ("environment", 7, "`environment`"),
        ("service", "a\nb", "`service`"),
        ("cloud", None, "`cloud`"),
        ("sandbox", 0, "`sandbox`"),
        ("bundle_sha256", "x", "`bundle_sha256`"),
        ("bundle_sha256", 7, "`bundle_sha256`"),
        ("bundle_sha256", "0" * 64 + "\n", "`bundle_sha256`"),
        ("trust", "both", "`trust`"),
        ("issuers", [], "`issuers`"),
        ("issuers", {}, "`issuers`"),
        ("issuers.0", 7, "`issuers[0]` is not an object"),
        ("issuers.0.extra", 1, "not known"),
        ("issuers.0.issuer", "", "`issuers[0].issuer`"),
        ("issuers.0.issuer", "http://keys.example", "not an HTTPS URL"),
        ("issuers.0.ring", 7, "`issuers[0].ring`"),
        ("issuers.0.jwks", None, "`issuers[0].jwks`"),
        ("issuers.0.jwks", {"keys": []}, "`issuers[0].jwks`"),
        ("issuers.0.jwks_urls", "x", "`issuers[0].jwks_urls`"),
        ("issuers.0.jwks_urls", [7], "`issuers[0].jwks_urls`"),
        ("issuers.0.jwks_urls", ["http://127.0.0.1/x"], "`issuers[0].jwks_urls`"),
        ("issuers.0.private_store", {"kind": "ftp"}, "`issuers[0].private_store`"),
        ("issuers.0.private_store", "x", "`issuers[0].private_store`"),
        ("policy", None, "`policy` is not an object"),
        ("policy.audiences", None, "`policy.audiences`"),
        ("policy.audiences", [], "`policy`: `audience`"),
        ("policy.typ", None, "`policy.typ`"),
        ("policy.scopes", [], "not known"),
        ("policy.max_lifetime", 0, "`max_lifetime`"),
        ("policy.max_lifetime", 86_401, "`policy.max_lifetime` is over 86400"),
        ("policy.algorithms", ["none"], "`algorithms`"),
        ("policy.denied_jtis", [["a"]], "`denied_jtis`"),
        ("routes", None, "`routes`"),
        ("routes.default", "maybe", "`routes.default`"),
        ("timing", None, "`timing`"),
        ("timing.jwks_max_age", -1, "`timing.jwks_max_age`"),
        ("timing.cache_ceiling", True, "`timing.cache_ceiling`"),
        ("timing.stale_if_error", 604_801, "`timing.stale_if_error`"),
        ("token_cache", [], "`token_cache`"),
        ("token_cache.entries", -1, "`token_cache.entries`"),
        ("token_cache.bytes", 1.5, "`token_cache.bytes`"),
        ("audit", {}, "lacks `passes`"),
        ("audit", {"passes": True, "subject": "plain"}, "lacks `rotation_due`"),
        ("audit.subject", "hashed", "`audit.subject`"),
        ("audit.subject", None, "`audit.subject`"),
        ("audit.rotation_due", 0, "`audit.rotation_due`"),
        ("audit.rotation_due", 1.5e9, "`audit.rotation_due`"),
        ("audit.passes", "yes", "`audit.passes`"),
    ],
)
def test_a_wrong_member_is_named(path: str, value: Any, fault: str) -> None:
    assert any(fault in found for found in faults(changed(path, value)))


def test_all_faults_are_reported_together() -> None:
    settings = changed("schema", 9)
    settings["trust"] = "x"
    settings["timing"]["jwks_max_age"] = "x"
    settings["routes"]["rules"] = [7]
    assert len(faults(settings)) == 4


def test_an_issuer_twice_is_a_fault() -> None:
    found = faults(document(Signer("RS256"), issuers=[issuer(Signer("RS256"))] * 2))
    assert found == ["`issuers[1].issuer` stands twice"]


def test_several_issuers_each_have_their_own_keys_and_policy() -> None:
    settings = parsed(
        issuers=[
            issuer(Signer("RS256")),
            issuer(Signer("PS256"), name="https://other.signet.invalid"),
        ]
    )
    first, second = settings.issuers
    assert first.key_set is not None
    assert second.key_set is not None
    assert first.key_set.kids.isdisjoint(second.key_set.kids)
    assert second.policy.issuer == "https://other.signet.invalid"


def test_published_trust_needs_no_deployed_keys() -> None:
    (trusted,) = parsed(trust="published", issuers=[issuer(jwks=None)]).issuers
    assert trusted.key_set is None


def test_a_private_store_is_kept() -> None:
    store = {"kind": "aws_s3", "bucket": "keys"}
    (trusted,) = parsed(issuers=[issuer(Signer("RS256"), private_store=store)]).issuers
    assert trusted.private_store == store


def test_the_sandbox_may_use_loopback_http() -> None:
    name = "http://keys.localhost:4566/ring"
    (trusted,) = parsed(sandbox=True, issuers=[issuer(Signer("RS256"), name=name)]).issuers
    assert trusted.issuer == name


@pytest.mark.parametrize(
    ("url", "real", "sandbox"),
    [
        ("https://keys.example", True, True),
        ("https://keys.example:8443/x/jwks.json?appid=1", True, True),
        ("http://keys.example/x", False, False),
        ("http://127.0.0.1:4566/x", False, True),
        ("http://[::1]/x", False, True),
        ("http://localhost", False, True),
        ("http://a.b.localhost:1/x", False, True),
        ("http://127.0.0.1@evil.example/", False, False),
        ("http://127.0.0.1:80@evil.example/", False, False),
        ("http://127.0.0.1.evil.example/", False, False),
        ("http://localhost.evil.example/", False, False),
        ("http://evillocalhost/", False, False),
        ("https://user@keys.example/", False, False),
        ("https://keys.example/#x", False, False),
        ("https://keys.example/a b", False, False),
        ("https://keys.example/\n", False, False),
        ("HTTPS://keys.example/", False, False),
        ("https://", False, False),
        ("ftp://127.0.0.1/", False, False),
        ("", False, False),
    ],
)
def test_only_https_and_in_the_sandbox_loopback_http_is_allowed(
    url: str, real: bool, sandbox: bool
) -> None:
    assert is_allowed_url(url, sandbox=False) is real
    assert is_allowed_url(url, sandbox=True) is sandbox


@pytest.mark.parametrize("data", [b"", b"[]", b"\xff", b'{"a":1,"a":1}', b"{"])
def test_a_file_that_is_not_strict_json_is_a_fault(data: bytes) -> None:
    with pytest.raises(SettingsError, match="strict JSON"):
        ValidatorSettings.parse(data)


def test_a_file_over_its_limit_is_a_fault() -> None:
    with pytest.raises(SettingsError, match="too large"):
        ValidatorSettings.parse(b" " * 1_048_577)


def test_the_file_is_found_on_the_search_path(tmp_path: Path) -> None:
    data = artefact(document(Signer("RS256")))
    (tmp_path / "signet_settings.json").write_bytes(data)
    found = load({}, [str(tmp_path / "absent"), str(tmp_path)])
    assert found.sha256 == ValidatorSettings.parse(data).sha256
    assert load({"SIGNET_SETTINGS_SHA256": found.sha256}, [str(tmp_path)]).sha256 == found.sha256


def test_the_file_can_be_named(tmp_path: Path) -> None:
    file = tmp_path / "other.json"
    file.write_bytes(artefact(document(Signer("RS256"))))
    assert load({"SIGNET_SETTINGS_FILE": str(file)}, []).service == "environment"


def test_a_file_with_another_hash_than_deployed_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "signet_settings.json").write_bytes(artefact(document(Signer("RS256"))))
    with pytest.raises(SettingsError, match="SIGNET_SETTINGS_SHA256"):
        load({"SIGNET_SETTINGS_SHA256": "0" * 64}, [str(tmp_path)])


def test_the_settings_can_travel_as_text(tmp_path: Path) -> None:
    data = artefact(document(Signer("RS256")))
    (tmp_path / "signet_settings.json").write_bytes(b"not these")
    text = base64.b64encode(data).decode()
    assert load({"SIGNET_SETTINGS": text}, [str(tmp_path)]).service == "environment"
    with pytest.raises(SettingsError, match="not base64"):
        load({"SIGNET_SETTINGS": "{}"})


def test_no_file_is_a_fault() -> None:
    with pytest.raises(SettingsError, match=r"no signet_settings\.json"):
        load({})
