"""From a validator's settings to key sources that ask real servers on loopback."""

import json
from typing import Any

import pytest

from validator_functions.verification import fetch
from validator_functions.verification.cache import TokenCache
from validator_functions.verification.decision import StaticKeys
from validator_functions.verification.errors import SettingsError
from validator_functions.verification.key_source import KeyEvent, RefreshMode
from validator_functions.verification.key_sources import KeySources
from validator_functions.verification.settings import ValidatorSettings
from validator_functions.verification.validator import Validator, key_events

from .loopback import response, serving
from .stores import ISSUER, START, Stores, body, document, kid


def settings_text(
    urls: list[str],
    *,
    trust: str = "deployed",
    sandbox: bool = True,
    private_store: dict[str, Any] | None = None,
    deployed: dict[str, Any] | None = None,
    routes: dict[str, Any] | None = None,
) -> str:
    return json.dumps(
        {
            "schema": 1,
            "environment": "test",
            "service": "environment",
            "cloud": "aws",
            "sandbox": sandbox,
            "bundle_sha256": "0" * 64,
            "trust": trust,
            "issuers": [
                {
                    "issuer": ISSUER,
                    "ring": "environment",
                    "jwks": deployed,
                    "jwks_urls": urls,
                    "private_store": private_store,
                }
            ],
            "policy": {
                "audiences": ["https://api.test"],
                "algorithms": ["ES256"],
                "max_lifetime": 900,
                "clock_skew": 60,
                "typ": "at+jwt",
                "required_claims": [],
                "denied_jtis": [],
            },
            "routes": routes or {"default": "allow", "rules": []},
            "timing": {"jwks_max_age": 300, "cache_ceiling": 300, "stale_if_error": 21_600},
            "token_cache": {"entries": 0, "bytes": 0},
            "audit": {"passes": False, "subject": "plain", "rotation_due": None},
        }
    )


def settings(urls: list[str], **more: Any) -> ValidatorSettings:
    return ValidatorSettings.parse(settings_text(urls, **more).encode())


def test_a_deployed_validator_hears_of_a_denial_from_its_store() -> None:
    events: list[KeyEvent] = []
    with serving(response(body(["a", "b"], 6, denied=["a"]))) as server:
        keys = KeySources.from_settings(
            settings([server.url], deployed=document(["a", "b"], 5)), on_event=events.append
        )
        found = keys.keyset_for(ISSUER, kid("a"), START)
    assert found.kids == {kid("b")}
    assert [event.kind for event in events] == ["kid_denied"]


def test_a_container_that_trusts_what_is_published_takes_its_keys_from_there() -> None:
    with serving(response(body(["a"], 6))) as server:
        keys = KeySources.from_settings(settings([server.url], trust="published"))
        assert keys.keyset_for(ISSUER, kid("a"), START).kids == {kid("a")}


def test_a_private_store_is_asked_with_the_roles_signature_and_no_mirror_is() -> None:
    environ = {
        "AWS_ACCESS_KEY_ID": "AKIDTEST",
        "AWS_SECRET_ACCESS_KEY": "none",
        "AWS_REGION": "eu-west-1",
    }
    with serving(response(body(["a"], 6))) as server, serving(response()) as mirror:
        private = {"kind": "aws_s3", "url": server.url}
        keys = KeySources.from_settings(
            settings([mirror.url], private_store=private, deployed=document(["a"], 5)),
            environ=environ,
            wall=lambda: 1_369_353_600.0,
            mode=RefreshMode.INLINE,
        )
        keys.keyset_for(ISSUER, kid("a"), START)
    assert mirror.requests == []
    assert b"Credential=AKIDTEST/20130524/eu-west-1/s3/aws4_request" in server.requests[0]


def test_outside_the_sandbox_a_private_store_is_https() -> None:
    private = {"kind": "aws_s3", "url": "http://127.0.0.1:1/jwks.json"}
    with pytest.raises(SettingsError, match="scheme is not https"):
        KeySources.from_settings(
            settings([], sandbox=False, private_store=private, deployed=document(["a"], 5))
        )


def test_an_issuer_without_any_store_is_a_fault_of_the_settings() -> None:
    with pytest.raises(SettingsError, match="denials could not reach it"):
        KeySources.from_settings(settings([], deployed=document(["a"], 5)))


def test_a_fetcher_that_is_given_stands_in_for_https() -> None:
    stores = Stores()
    keys = KeySources.from_settings(
        settings(["https://own.test/jwks.json"], sandbox=False, deployed=document(["a"], 5)),
        fetcher=stores,
    )
    keys.keyset_for(ISSUER, kid("a"), START)
    assert stores.calls == ["https://own.test/jwks.json"]


def test_what_happens_to_keys_is_one_structured_log_line() -> None:
    lines: list[str] = []
    read = settings(["https://own.test/jwks.json"], sandbox=False, deployed=document(["a"], 5))
    stores = Stores()
    stores.held["https://own.test/jwks.json"] = body(["a"], 4)
    keys = KeySources.from_settings(
        read, fetcher=stores, on_event=key_events(read, lines.append, lambda: 1_800_000_000.25)
    )
    keys.keyset_for(ISSUER, kid("a"), START)
    (line,) = lines
    assert json.loads(line) == {
        "signet": "keys",
        "time": "2027-01-15T08:00:00.250Z",
        "event": "sequence_lower",
        "alarm": True,
        "detail": "",
        "service": "environment",
        "environment": "test",
        "cloud": "aws",
        "iss": ISSUER,
        "kid": None,
        "url": "https://own.test/jwks.json",
    }


def test_a_validator_remembers_tokens_only_where_its_settings_say_so() -> None:
    for entries, kind in ((0, type(None)), (10, TokenCache)):
        read = settings(["https://own.test/"], sandbox=False, deployed=document(["a"], 5))
        object.__setattr__(read, "cache_entries", entries)
        object.__setattr__(read, "cache_bytes", 100_000)
        validator = Validator(read, StaticKeys.of(read), lambda _line: None)
        assert validator._authorizer is not None
        assert isinstance(validator._authorizer._verified, kind)


def test_a_function_that_will_lose_its_cpu_loads_what_fetching_needs_at_its_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    trust: list[Any] = []
    monkeypatch.setattr(fetch, "_tls", trust)
    read = settings(["http://127.0.0.1:1/"], deployed=document(["a"], 5))
    KeySources.from_settings(read, mode=RefreshMode.INLINE)
    assert trust == []
    read = settings(["https://own.test/"], sandbox=False, deployed=document(["a"], 5))
    KeySources.from_settings(read, mode=RefreshMode.BACKGROUND)
    assert trust == []
    KeySources.from_settings(read, mode=RefreshMode.INLINE)
    assert len(trust) == 1
