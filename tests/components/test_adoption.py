"""Which key belongs to which generation, and which is left over."""

import pytest

from components.adoption import FoundKey, decide, readings
from signet.confirmed import Confirmed, KeyResource
from signet.journal import Journal
from signet.observed import KeyReading
from tests.components.conftest import Whole
from tests.components.test_environment import journal_of


def key(identity: str, generation: int = 1, at: int = 1, status: str = "enabled") -> FoundKey:
    return FoundKey(
        cloud="aws",
        id=identity,
        ring="environment",
        generation=generation,
        status=status,  # type: ignore[arg-type]
        created_at=at,
    )


@pytest.fixture
def journal(whole: Whole) -> Journal:
    return journal_of(whole())


CASES: list[tuple[str, list[FoundKey], set[str], dict[int, str], list[str]]] = [
    ("nothing exists", [], set(), {}, []),
    ("everything is recorded", [key("a"), key("b", 2)], {"a", "b"}, {}, []),
    ("one is unrecorded", [key("a"), key("b", 2)], {"a"}, {2: "b"}, []),
    ("nothing is recorded", [key("a"), key("b", 2)], set(), {1: "a", 2: "b"}, []),
    ("two for one generation", [key("a", at=2), key("b", at=1)], set(), {1: "b"}, ["a"]),
    ("a twin of a recorded one", [key("a", at=2), key("b", at=1)], {"a"}, {}, ["b"]),
    ("equally old", [key("b"), key("a")], set(), {1: "a"}, ["b"]),
    ("disabled", [key("a", status="disabled")], set(), {1: "a"}, []),
    ("waiting for deletion", [key("a", status="gone")], set(), {}, []),
    ("of no generation", [key("a", 7), key("b", 0)], set(), {}, ["a", "b"]),
]


@pytest.mark.parametrize(
    ("found", "recorded", "adopt", "left"),
    [case[1:] for case in CASES],
    ids=[case[0] for case in CASES],
)
def test_unrecorded_keys_are_adopted_or_reported(
    journal: Journal,
    found: list[FoundKey],
    recorded: set[str],
    adopt: dict[int, str],
    left: list[str],
) -> None:
    decided = decide(found, recorded, journal)
    assert dict(decided.adopt.get("environment", {})) == adopt
    assert [leftover.id for leftover in decided.leftovers] == left


def test_a_key_of_another_cloud_or_ring_is_left_over(journal: Journal) -> None:
    foreign = [
        FoundKey(cloud=cloud, id=ring, ring=ring, generation=1, status="enabled", created_at=1)
        for cloud, ring in (("gcp", "environment"), ("aws", "orders"))
    ]
    decided = decide(foreign, set(), journal)
    assert decided.adopt == {}
    assert len(decided.leftovers) == 2


def test_after_an_older_state_was_restored_the_confirmed_key_is_adopted(journal: Journal) -> None:
    confirmed = Confirmed(
        journal_digest="x",
        key_resources={"environment": {1: KeyResource("aws", "arn:aws:kms:r:1:key/newer")}},
    )
    found = [key("older", at=1), key("newer", at=2)]
    decided = decide(found, set(), journal, confirmed)
    assert decided.adopt == {"environment": {1: "newer"}}
    assert [leftover.id for leftover in decided.leftovers] == ["older"]


@pytest.mark.parametrize(
    ("found", "recorded", "expected"),
    [
        ([key("a")], {"a"}, "enabled"),
        ([key("a", status="disabled"), key("b", at=2)], {"a"}, "disabled"),
        ([key("a", status="gone"), key("b", at=2)], set(), "enabled"),
        ([key("a", status="gone")], set(), "gone"),
    ],
)
def test_a_generation_stands_as_its_recorded_key_does(
    found: list[FoundKey], recorded: set[str], expected: str
) -> None:
    confirmed = Confirmed(journal_digest="x", kids={"environment": {1: "kid-1"}})
    told = readings(found, recorded, confirmed)
    assert told == {"environment": {1: KeyReading(expected, "kid-1")}}  # type: ignore[arg-type]
