"""Which key signs: the confirmed active generation, whatever the journal intends."""

from __future__ import annotations

from dataclasses import replace

import pytest

from signet.confirmed import Confirmed, KeyResource
from signet.errors import SettingsError
from signet.issuing.active import active_key
from signet.issuing.errors import KeyUnusable
from signet.journal import Journal
from signet.key_ring import Generation, KeyRing, State
from signet.timings import Timings

TIMINGS = Timings(900, 300, 300, 21_600, 86_400, 60, 60)


def generation(number: int, state: State) -> Generation:
    return Generation(
        number=number,
        cloud="aws",
        algorithm="RS256",
        key_size=2048,
        state=state,
        timings=TIMINGS,
        prepared_at=1_800_000_000,
        activated_at=1_800_000_100,
        retiring_at=1_800_000_200,
    )


def ring(*states: State) -> KeyRing:
    return KeyRing(
        name="environment",
        issuer="https://issuer.example/a",
        sequence=3,
        next_generation=len(states) + 1,
        generations=tuple(generation(n, state) for n, state in enumerate(states, 1)),
    )


JOURNAL = Journal("dev", {"environment": ring(State.RETIRING, State.ACTIVE, State.PREPARED)})
CONFIRMED = Confirmed(
    journal_digest="0" * 64,
    sequence={"environment": 3},
    kids={"environment": {1: "kid-1", 2: "kid-2"}},
    key_resources={"environment": {1: KeyResource("aws", "arn:1"), 2: KeyResource("aws", "arn:2")}},
    active={"environment": 1},
    token_lifetime={"environment": 600},
)


def test_the_confirmed_generation_signs_although_the_journal_is_ahead() -> None:
    key = active_key("dev", JOURNAL, CONFIRMED)
    assert (key.generation, key.kid, key.key_reference) == (1, "kid-1", "arn:1")
    assert (key.issuer, key.algorithm, key.cloud) == ("https://issuer.example/a", "RS256", "aws")


def test_the_lifetime_is_capped_by_what_every_validator_accepts() -> None:
    assert active_key("dev", JOURNAL, CONFIRMED).longest_lifetime == 600


@pytest.mark.parametrize(
    ("journal", "confirmed"),
    [
        (None, None),
        (JOURNAL, None),
        (None, CONFIRMED),
        (JOURNAL, replace(CONFIRMED, kids={})),
        (JOURNAL, replace(CONFIRMED, key_resources={})),
        (JOURNAL, replace(CONFIRMED, token_lifetime={})),
    ],
)
def test_without_a_completely_applied_run_nothing_signs(
    journal: Journal | None, confirmed: Confirmed | None
) -> None:
    with pytest.raises(SettingsError) as raised:
        active_key("dev", journal, confirmed)
    assert raised.value.exit_code == 2
    assert "signet up dev" in str(raised.value)


def test_an_unknown_ring_is_named_with_those_that_there_are() -> None:
    with pytest.raises(SettingsError) as raised:
        active_key("dev", JOURNAL, CONFIRMED, ring="orders")
    assert "environment" in str(raised.value)


def test_a_key_denied_since_does_not_sign() -> None:
    denied = replace(JOURNAL.rings["environment"], denied=frozenset({"kid-1"}))
    with pytest.raises(KeyUnusable, match="denied"):
        active_key("dev", Journal("dev", {"environment": denied}), CONFIRMED)
