"""Verdicts on tokens seen before (REFUSALS.md, line 73): who may share one, and for how long."""

import threading
import tracemalloc
from typing import Any

import pytest

from tests.unit.cli.tokens import Signer
from validator_functions.verification import decision as decision_module
from validator_functions.verification.cache import TokenCache, entry_bytes
from validator_functions.verification.claims import Claims
from validator_functions.verification.decision import Authorizer, Request
from validator_functions.verification.errors import KeysUnavailable
from validator_functions.verification.keys import KeySet
from validator_functions.verification.policy import Policy
from validator_functions.verification.reasons import Reason
from validator_functions.verification.settings import ValidatorSettings

from .stores import ISSUER, document, key_set
from .test_key_sources import settings, settings_text

NOW = 1_800_000_000
KEYS = key_set(["a"], 5)


def policy(**changes: Any) -> Policy:
    return Policy(
        **{
            "issuer": "https://keys.test",
            "audiences": ["https://api.test"],
            "clock_skew": 30,
            **changes,
        }
    )


POLICY = policy()


def claims(**changes: Any) -> Claims:
    members = {"iat": NOW, "exp": NOW + 900, "sub": "someone", **changes}
    return Claims(members, "kid", "RS256")


def cached(**changes: Any) -> TokenCache:
    cache = TokenCache(10, 1_000_000)
    cache.put("token", KEYS, POLICY, claims(**changes), NOW)
    return cache


def test_a_verdict_is_found_again() -> None:
    cache = cached()
    found = cache.get("token", KEYS, POLICY, NOW)
    assert found is not None
    assert found.subject == "someone"


def test_a_token_seen_before_tells_whose_keys_to_ask_for() -> None:
    assert cached().find("token") == ("https://keys.test", "kid")
    assert cached().find("other") is None
    cache = TokenCache(10, 1_000_000)
    cache.put("token", KEYS, policy(issuer=None), claims(), NOW)
    assert cache.find("token") is None


def test_another_token_has_no_verdict() -> None:
    cache = cached()
    assert cache.get("tokem", KEYS, POLICY, NOW) is None
    assert cache.get("token ", KEYS, POLICY, NOW) is None


DATES = [
    ("up to `exp` and the skew", {}, NOW + 929, True),
    ("not at `exp` and the skew", {}, NOW + 930, False),
    ("from `iat` less the skew", {}, NOW - 30, True),
    ("not before", {}, NOW - 31, False),
    ("from `nbf` less the skew", {"nbf": NOW + 10}, NOW - 20, True),
    ("not before `nbf`", {"nbf": NOW + 10}, NOW - 21, False),
]


@pytest.mark.parametrize(("_case", "dates", "now", "holds"), DATES)
def test_a_verdict_holds_exactly_as_long_as_the_tokens_dates(
    _case: str, dates: dict[str, int], now: int, holds: bool
) -> None:
    assert (cached(**dates).get("token", KEYS, POLICY, now) is not None) == holds


OTHERS: list[tuple[str, KeySet, Policy]] = [
    ("another key set", key_set(["b"], 6), POLICY),
    ("an equal key set of another time", key_set(["a"], 5), POLICY),
    ("the same keys with one denied", key_set(["a"], 5, denied=["a"]), POLICY),
    ("another audience", KEYS, policy(audiences=["https://other.test"])),
    ("another issuer", KEYS, policy(issuer="https://other.test")),
    ("a denied token", KEYS, policy(denied_jtis=["7"])),
    ("an equal policy of another validator", KEYS, policy()),
]


@pytest.mark.parametrize(("_case", "keys", "rules"), OTHERS)
def test_a_verdict_under_other_keys_or_another_policy_does_not_count(
    _case: str, keys: KeySet, rules: Policy
) -> None:
    assert cached().get("token", keys, rules, NOW) is None


def test_another_policy_does_not_evict_and_other_keys_do() -> None:
    cache = cached()
    cache.get("token", KEYS, policy(), NOW)
    assert len(cache) == 1
    cache.get("token", key_set(["b"], 6), POLICY, NOW)
    assert (len(cache), cache.bytes_used) == (0, 0)


def test_dropping_twice_counts_once() -> None:
    cache = cached()
    cache._drop("token")
    cache._drop("token")
    assert cache.bytes_used == 0


def test_an_expired_verdict_is_never_stored() -> None:
    cache = TokenCache(10, 1_000_000)
    cache.put("token", KEYS, POLICY, claims(exp=NOW - 30), NOW)
    assert len(cache) == 0


def test_the_number_of_entries_is_bounded_and_the_oldest_goes_first() -> None:
    cache = TokenCache(3, 1_000_000)
    for number in range(10):
        cache.put(f"token-{number}", KEYS, POLICY, claims(), NOW)
    assert len(cache) == 3
    assert cache.bytes_used == 3 * entry_bytes("token-0")
    assert cache.get("token-6", KEYS, POLICY, NOW) is None
    assert cache.get("token-7", KEYS, POLICY, NOW) is not None


def test_a_verdict_that_is_renewed_is_young_again_and_counts_once() -> None:
    cache = TokenCache(2, 1_000_000)
    for token in ("one", "two", "one", "six"):
        cache.put(token, KEYS, POLICY, claims(), NOW)
    assert cache.get("one", KEYS, POLICY, NOW) is not None
    assert cache.get("two", KEYS, POLICY, NOW) is None
    assert cache.bytes_used == 2 * entry_bytes("one")


def test_the_bytes_are_bounded() -> None:
    cache = TokenCache(1_000, 10 * entry_bytes("x" * 100))
    for number in range(100):
        cache.put(f"{number:0100}", KEYS, POLICY, claims(), NOW)
    assert len(cache) == 10


def test_a_token_larger_than_all_room_is_not_stored_and_one_that_just_fits_is() -> None:
    cache = TokenCache(10, entry_bytes("x" * 100))
    cache.put("x" * 101, KEYS, POLICY, claims(), NOW)
    assert len(cache) == 0
    cache.put("x" * 100, KEYS, POLICY, claims(), NOW)
    assert len(cache) == 1


def test_a_short_token_counts_for_its_claims_too() -> None:
    assert entry_bytes("") >= 2_000
    assert entry_bytes("x" * 1_000) - entry_bytes("") >= 5_000


def test_an_entry_counts_for_at_least_the_memory_that_it_takes() -> None:
    cache = TokenCache(2_000, 2**30)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for number in range(1_000):
            members = {
                "iss": f"https://keys.test/{number}",
                "sub": f"service-{number}",
                "aud": [f"https://api.test/{number}"],
                "jti": f"{number:032}",
                "scope": " ".join(f"scope{number}:{part}" for part in range(5)),
                "roles": [f"role-{number}-{part}" for part in range(5)],
                "iat": NOW + number,
                "nbf": NOW + number,
                "exp": NOW + 900 + number,
            }
            cache.put(f"{number:0700}", KEYS, POLICY, Claims(members, f"{number}", "RS256"), NOW)
        used = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert used <= cache.bytes_used <= 5 * used


def test_threads_that_race_leave_the_count_right() -> None:
    cache = TokenCache(50, 100 * entry_bytes("000"))
    keys = [KEYS, key_set(["b"], 6)]

    def churn(seed: int) -> None:
        for number in range(2_000):
            token = f"{(number * 7 + seed) % 120:03}"
            cache.put(token, keys[number % 2], POLICY, claims(), NOW)
            cache.get(f"{number % 120:03}", keys[seed % 2], POLICY, NOW)

    threads = [threading.Thread(target=churn, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(cache) <= 50
    assert cache.bytes_used == len(cache) * entry_bytes("000")


SIZES = [(0, 0, None), (0, 100, None), (100, 0, None), (100, 9_999, (100, 9_999))]


@pytest.mark.parametrize(("entries", "size", "bounds"), SIZES)
def test_settings_turn_the_cache_off(
    entries: int, size: int, bounds: tuple[int, int] | None
) -> None:
    read = settings(["https://own.test/"], sandbox=False, deployed=document(["a"], 5))
    object.__setattr__(read, "cache_entries", entries)
    object.__setattr__(read, "cache_bytes", size)
    cache = TokenCache.of(read)
    assert (None if cache is None else (cache._most_entries, cache._most_bytes)) == bounds


SIGNER = Signer()


class Keys:
    """A key provider that is told what to answer."""

    def __init__(self) -> None:
        self.answer: KeySet | KeysUnavailable = KeySet.parse(SIGNER.jwks())
        self.asked: list[tuple[str, str]] = []

    def keyset_for(self, unverified_issuer: str, kid: str, _now: int) -> KeySet:
        self.asked.append((unverified_issuer, kid))
        if isinstance(self.answer, KeysUnavailable):
            raise self.answer
        return self.answer


def asked(authorizer: Authorizer, token: str, path: str = "/a") -> str:
    request = Request("GET", path, (("authorization", f"Bearer {token}"),))
    decision = authorizer.authorize(request, NOW)
    assert decision.kid == SIGNER.kid
    return str(decision.reason)


ROUTES = {"default": "refuse", "rules": [{"methods": ["GET"], "path": "/a"}]}


def deciding() -> tuple[Authorizer, Keys, TokenCache]:
    read = settings(["https://own.test/"], sandbox=False, deployed=SIGNER.jwks(), routes=ROUTES)
    keys, cache = Keys(), TokenCache(10, 1_000_000)
    return Authorizer(read, keys, verified=cache), keys, cache


def test_a_repeated_token_is_not_verified_again_but_its_keys_and_route_are_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    authorizer, keys, cache = deciding()
    token = SIGNER.token()
    assert asked(authorizer, token) == "None"
    monkeypatch.setattr(decision_module, "judge", None)
    assert asked(authorizer, token) == "None"
    assert asked(authorizer, token, "/b") == "route_not_allowed"
    assert keys.asked == [(ISSUER, SIGNER.kid)] * 3
    assert len(cache) == 1


def test_a_repeated_token_is_refused_as_soon_as_its_key_is_denied_or_stale() -> None:
    authorizer, keys, _ = deciding()
    token = SIGNER.token()
    assert asked(authorizer, token) == "None"
    keys.answer = KeysUnavailable(Reason.KEYS_STALE)
    assert asked(authorizer, token) == "keys_stale"
    keys.answer = KeySet.parse(SIGNER.jwks(denied=[SIGNER.kid]))
    assert asked(authorizer, token) == "key_denied"
    keys.answer = KeySet.parse(SIGNER.jwks())
    assert asked(authorizer, token) == "None"


def test_a_verdict_of_an_issuer_that_is_not_trusted_here_does_not_count() -> None:
    first, _, cache = deciding()
    token = SIGNER.token()
    assert asked(first, token) == "None"
    other = settings_of("https://other.test/ring")
    second = Authorizer(other, Keys(), verified=cache)
    assert asked(second, token) == "issuer_mismatch"


def settings_of(issuer: str) -> ValidatorSettings:
    text = settings_text(["https://own.test/"], sandbox=False, deployed=SIGNER.jwks())
    return ValidatorSettings.parse(text.replace(ISSUER, issuer).encode())
