"""A taint on the data plane: what is written to which store, and what is told of the rest."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import pytest

from components.adoption import FoundKey
from components.break_glass import Held, Overtaken
from components.denying import Denier, Target
from signet.confirmed import KeyResource
from signet.denial import refusal_times
from signet.documents import jwk_from_pem, render_jwks
from signet.errors import CouldNotCheck
from signet.key_ring import KeyRing
from signet.observed import StoreReading
from signet.published import judge
from tests.unit.issuing.local_keys import new_key, public_pem
from tests.unit.rotation.runs import DAY, POLICY, Runs
from validator_functions.verification.keys import KeySet


@cache
def jwk(number: int) -> dict[str, str]:
    """A generation's public key, made for this run of the tests."""
    assert number
    return jwk_from_pem(public_pem(new_key("RS256")), "RS256")


def ring() -> KeyRing:
    """One retiring, one active, one prepared key."""
    runs = Runs()
    for _ in range(32):
        runs.up(DAY)
    return runs.ring


RING = ring()
NUMBERS = tuple(generation.number for generation in RING.generations)


def kids() -> dict[int, str]:
    return {number: jwk(number)["kid"] for number in NUMBERS}


def published(sequence: int | None = None, denied: tuple[str, ...] = ()) -> str:
    keys = [jwk(n) for n in NUMBERS if jwk(n)["kid"] not in denied]
    return render_jwks(keys, RING.sequence if sequence is None else sequence, denied)


@dataclass
class Store:
    """One cloud's data plane: a document with a version, and keys that are on or off."""

    body: str | None
    down: bool = False
    before_write: Callable[["Store"], None] = lambda _: None
    version: int = 1
    disabled: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)

    def disable_key(self, key: str) -> None:
        self._reach()
        self.disabled.append(key)

    def remove_key(self, key: FoundKey, days: int) -> str:
        self._reach()
        self.removed.append(key.id)
        return f"is deleted in {days} days"

    def held(self) -> Held:
        self._reach()
        if self.body is None:
            return Held(reading=StoreReading("absent"))
        body = self.body.encode()
        return Held(reading=judge(body), body=body, version=str(self.version))

    def write(self, body: str, held: Held) -> None:
        self._reach()
        self.before_write(self)
        if held.version != (None if self.body is None else str(self.version)):
            raise Overtaken
        self.overwrite(body)

    def overwrite(self, body: str) -> None:
        self.body = body
        self.version += 1

    def _reach(self) -> None:
        if self.down:
            raise CouldNotCheck("no answer", where="S3: timeout", remedy="check the network")

    @property
    def set(self) -> KeySet:
        assert self.body is not None
        return KeySet.parse(self.body.encode())


def target(number: int = 2, **changes: Any) -> Target:
    given: dict[str, Any] = {
        "ring": RING,
        "kid": jwk(number)["kid"],
        "kids": kids(),
        "key": KeyResource("aws", f"key/{number}"),
        "public_keys": tuple(jwk(n) for n in NUMBERS),
    }
    return Target(**(given | changes))


def stores(**changes: Store) -> dict[str, Store]:
    return {cloud: Store(published()) for cloud in POLICY.clouds} | changes


def denier(at: dict[str, Store], what: Target | None = None) -> Denier:
    return Denier(at, what or target())


@pytest.mark.parametrize("number", NUMBERS)
def test_every_published_state_is_denied_everywhere_byte_for_byte_the_same(number: int) -> None:
    at = stores()
    outcomes = denier(at, target(number)).assert_sets()
    assert all(outcome.done for outcome in outcomes)
    assert len({store.body for store in at.values()}) == 1
    found = at["gcp"].set
    assert found.denied == {jwk(number)["kid"]}
    assert found.kids == {kid for n, kid in kids().items() if n != number}
    assert found.sequence == RING.sequence + 1


def test_the_kms_key_is_disabled_in_its_own_cloud_and_again_is_harmless() -> None:
    at = stores()
    made = denier(at)
    for _ in range(2):
        outcome = made.disable()
        assert outcome is not None
        assert outcome.done
    assert at["aws"].disabled == ["key/2"] * 2
    assert at["azure"].disabled == []


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (None, None),
        (KeyResource("elsewhere", "key/2"), "the settings no longer name elsewhere"),
    ],
)
def test_a_kms_key_that_cannot_be_disabled_is_told(
    key: KeyResource | None, expected: str | None
) -> None:
    outcome = denier(stores(), target(key=key)).disable()
    assert (outcome is None) == (expected is None)
    if outcome is not None and expected is not None:
        assert not outcome.done
        assert outcome.text.startswith(expected)


def test_a_cloud_out_of_reach_is_told_and_the_others_go_on() -> None:
    at = stores(azure=Store(published(), down=True))
    made = denier(at)
    told = {outcome.cloud: outcome for outcome in made.assert_sets()}
    assert (told["aws"].done, told["azure"].done, told["gcp"].done) == (True, False, True)
    assert "check the network" in told["azure"].text
    at["azure"].down = False
    assert {outcome.done for outcome in made.assert_sets()} == {True}
    assert at["azure"].body == at["aws"].body


def test_a_run_that_brings_the_key_back_is_written_over_again() -> None:
    at = stores()
    made = denier(at)
    made.assert_sets()
    at["aws"].overwrite(published(RING.sequence + 1))
    made.assert_sets()
    assert at["aws"].set.denied == {jwk(2)["kid"]}
    assert at["aws"].set.sequence == RING.sequence + 2


def test_one_who_writes_between_the_look_and_the_write_is_not_overwritten_blindly() -> None:
    at = stores()

    def meddle(store: Store) -> None:
        store.before_write = lambda _: None
        store.overwrite(published(RING.sequence + 5))

    at["aws"].before_write = meddle
    outcomes = denier(at).assert_sets()
    assert all(outcome.done for outcome in outcomes)
    assert at["aws"].set.denied == {jwk(2)["kid"]}
    assert at["aws"].set.sequence == RING.sequence + 6


def test_what_is_denied_already_is_left_alone() -> None:
    at = stores()
    made = denier(at)
    made.assert_sets()
    versions = {cloud: store.version for cloud, store in at.items()}
    outcomes = made.assert_sets()
    assert {outcome.text for outcome in outcomes} == {"the published set denies it already"}
    assert {cloud: store.version for cloud, store in at.items()} == versions


@pytest.mark.parametrize("body", [None, "<html>", '{"keys":[]}', "{}"])
def test_a_store_that_holds_no_set_of_ours_gets_the_record_s(body: str | None) -> None:
    at = stores(gcp=Store(body))
    assert all(outcome.done for outcome in denier(at).assert_sets())
    assert at["gcp"].body == at["aws"].body


def test_nothing_that_an_intruder_put_into_a_store_is_carried_along() -> None:
    forged = jwk_from_pem(public_pem(new_key("RS256")), "RS256")
    strange = render_jwks([jwk(1), forged], RING.sequence + 1, ["somebody-elses"])
    at = stores(aws=Store(strange))
    denier(at).assert_sets()
    assert at["aws"].set.kids == {jwk(1)["kid"], jwk(3)["kid"]}
    assert at["aws"].set.denied == {jwk(2)["kid"]}


def test_a_denial_of_another_of_our_keys_is_never_taken_back() -> None:
    at = stores(aws=Store(published(RING.sequence + 1, (jwk(1)["kid"],))))
    denier(at).assert_sets()
    assert at["gcp"].set.denied == {jwk(1)["kid"], jwk(2)["kid"]}


def test_keys_that_only_the_stores_show_are_proven_by_their_thumbprint() -> None:
    at = stores()
    denier(at, target(public_keys=())).assert_sets()
    assert at["aws"].set.kids == {jwk(1)["kid"], jwk(3)["kid"]}


def test_an_empty_set_is_never_written() -> None:
    at = stores()
    before = at["aws"].body
    only = {2: jwk(2)["kid"]}
    outcomes = denier(at, target(kids=only, public_keys=())).assert_sets()
    assert {outcome.done for outcome in outcomes} == {False}
    assert at["aws"].body == before
    assert "the run makes one" in outcomes[0].text


def test_the_times_to_refusal_are_the_timings_of_the_ring() -> None:
    times = refusal_times(POLICY.timings)
    assert (times.store_reachable, times.out_of_contact) == (600, 21_600)
    assert (times.foreign, times.token_lifetime) == (86_400, 900)
