"""Which KMS keys that exist belong to which generation, and what to do with the others. Pure.

A run that is killed between KMS making a key and the engine noting it leaves a key that nothing
records. Keys cost money and may sign, so the next run adopts it instead of making another.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from signet.confirmed import Confirmed
from signet.journal import Journal
from signet.observed import KeyReading

_UNLABELLED: Final = frozenset({"gcp"})
"""Clouds whose keys cannot say of which generation they are."""


@dataclass(frozen=True, kw_only=True)
class FoundKey:
    """A KMS key that carries the tags of a generation."""

    cloud: str
    id: str
    ring: str
    generation: int
    """0 when its tag is no number."""
    status: Literal["enabled", "disabled", "gone"]
    created_at: int
    """Epoch seconds."""
    name: str = ""
    """The key whose version it is, for a cloud that removes whole keys only."""


@dataclass(frozen=True, kw_only=True)
class Adoption:
    """What is to become of the keys that the state does not record."""

    adopt: Mapping[str, Mapping[int, str]] = field(default_factory=dict)
    """Ring -> generation -> id of the key to take over."""
    leftovers: tuple[FoundKey, ...] = ()
    """Keys that no generation needs, for an operator to remove."""


def decide(
    found: Iterable[FoundKey],
    recorded: Collection[str],
    journal: Journal,
    confirmed: Confirmed | None = None,
) -> Adoption:
    """Match keys that exist with the generations of the journal that this run will register.

    `recorded` holds the ids of the KMS keys in the state. A generation without a recorded key
    adopts the one that was confirmed for it (an older state was restored), or else the oldest that
    exists: only the first could have reached a published set. All other unrecorded keys are
    leftovers; one that waits for its deletion is neither.
    """
    keys = [key for key in found if key.status != "gone"]
    keys.sort(key=lambda key: (not _was_confirmed(confirmed, key), key.created_at, key.id))
    settled = {(key.ring, key.generation) for key in keys if key.id in recorded}
    adopt: dict[str, dict[int, str]] = {}
    leftovers: list[FoundKey] = []
    for key in keys:
        if key.id in recorded:
            continue
        number = key.generation
        if not number and key.cloud in _UNLABELLED and key.status == "enabled":
            number = _first_free(journal, key, settled)
        place = (key.ring, number)
        if place in settled or not _wanted(journal, replace(key, generation=number)):
            leftovers.append(key)
            continue
        adopt.setdefault(key.ring, {})[number] = key.id
        settled.add(place)
    return Adoption(adopt=adopt, leftovers=tuple(leftovers))


def numbered(found: Iterable[FoundKey], recorded: Mapping[str, int]) -> list[FoundKey]:
    """Give keys that carry no generation themselves the one that the state records for them.

    Google numbers a key's versions itself and labels none.
    """
    return [
        replace(key, generation=recorded.get(key.id, 0)) if key.cloud in _UNLABELLED else key
        for key in found
    ]


def _first_free(journal: Journal, key: FoundKey, settled: Collection[tuple[str, int]]) -> int:
    """The first generation without a key for one that says none; 0 where there is none."""
    ring = journal.rings.get(key.ring)
    numbers = (
        each.number
        for each in (ring.generations if ring is not None else ())
        if each.exists and each.cloud == key.cloud and (key.ring, each.number) not in settled
    )
    return min(numbers, default=0)


def readings(
    found: Iterable[FoundKey], recorded: Collection[str], confirmed: Confirmed | None
) -> dict[str, dict[int, KeyReading]]:
    """Return how each generation's KMS key stands, for planning.

    Of several keys for one generation the recorded one counts, or else the oldest that exists.
    """
    chosen: dict[tuple[str, int], FoundKey] = {}
    for key in found:
        place = (key.ring, key.generation)
        earlier = chosen.get(place)
        if earlier is None or (_rank(key, recorded) > _rank(earlier, recorded)):
            chosen[place] = key
    told: dict[str, dict[int, KeyReading]] = {}
    for (ring, generation), key in chosen.items():
        kid = confirmed.kid(ring, generation) if confirmed is not None else None
        told.setdefault(ring, {})[generation] = KeyReading(key.status, kid or "")
    return told


def _rank(key: FoundKey, recorded: Collection[str]) -> int:
    return 2 if key.id in recorded else 1 if key.status != "gone" else 0


def _was_confirmed(confirmed: Confirmed | None, key: FoundKey) -> bool:
    if confirmed is None:
        return False
    known = confirmed.key_resources.get(key.ring, {}).get(key.generation)
    return known is not None and key.id in (known.id, known.id.rpartition("/")[2])


def _wanted(journal: Journal, key: FoundKey) -> bool:
    ring = journal.rings.get(key.ring)
    generation = ring.generation(key.generation) if ring is not None else None
    return generation is not None and generation.exists and generation.cloud == key.cloud
