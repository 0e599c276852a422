"""The journal: what is intended, written down before any effect.

One canonical JSON string in the stack's state (a ``pulumi.Stash`` that everything else depends
on). A field that this version does not know is refused: an older checkout must not drop what a
newer one wrote.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any

from signet import strict_json as strict
from signet.key_ring import Generation, KeyRing, State
from signet.strict_json import RecordError
from signet.timings import NAMES, Timings
from signet.token_ceiling import Ceiling

SCHEMA = 1

_GENERATION = tuple(each.name for each in fields(Generation))
_CEILING = tuple(each.name for each in fields(Ceiling))
_TIMES = ("activated_at", "retiring_at", "handed_over_at", "retired_at", "tainted_at", "deleted_at")
_RING = (
    "issuer", "sequence", "sequence_floor", "next_generation",
    "denied", "undecided", "rejected", "generations",
)  # fmt: skip
_TIME_OF_STATE = {
    State.ACTIVE: "activated_at",
    State.RETIRING: "retiring_at",
    State.RETIRED: "retired_at",
    State.TAINTED: "tainted_at",
    State.DELETED: "deleted_at",
}


@dataclass(frozen=True)
class Journal:
    """Every key ring of an environment, as intended."""

    environment: str
    rings: Mapping[str, KeyRing]
    services: Mapping[str, Ceiling] = field(default_factory=dict)
    """By onboarded service: how long its tokens may live, and may still be alive."""

    @cached_property
    def text(self) -> str:
        """The canonical JSON string.

        Without services there is no such field: a record of before there were any is the same.
        """
        services = {name: _ceiling_out(each) for name, each in self.services.items()}
        return strict.dumps(
            {
                "schema": SCHEMA,
                "environment": self.environment,
                "rings": {name: _ring_out(ring) for name, ring in self.rings.items()},
                **({"services": services} if services else {}),
            }
        )

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the canonical string, in hex: the name of this very journal."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    def dumps(self) -> str:
        """Return the canonical JSON string."""
        return self.text

    @classmethod
    def parse(cls, text: str) -> Journal:
        """Read what ``dumps`` wrote; raises RecordError for anything else."""
        loaded = strict.loads(text, "journal")
        strict.schema(loaded, SCHEMA, "journal")
        loaded.setdefault("services", {})
        top = strict.members(loaded, ("schema", "environment", "rings", "services"), "journal")
        rings = top["rings"]
        if not isinstance(rings, dict):
            raise RecordError("journal.rings: not an object")
        return cls(
            strict.text(top["environment"], "journal.environment"),
            {name: _ring_in(name, ring) for name, ring in rings.items()},
            strict.mapping(top["services"], "journal.services", _ceiling_in),
        )


def _ring_out(ring: KeyRing) -> dict[str, Any]:
    return {
        "issuer": ring.issuer,
        "sequence": ring.sequence,
        "sequence_floor": ring.sequence_floor,
        "next_generation": ring.next_generation,
        "denied": sorted(ring.denied),
        "undecided": sorted(ring.undecided),
        "rejected": sorted(ring.rejected),
        "generations": [_generation_out(g) for g in ring.generations],
    }


def _generation_out(generation: Generation) -> dict[str, Any]:
    out: dict[str, Any] = {name: getattr(generation, name) for name in _GENERATION}
    out["state"] = generation.state.value
    out["timings"] = {name: getattr(generation.timings, name) for name in NAMES}
    out["read_back"] = dict(generation.read_back)
    return out


def _ceiling_out(ceiling: Ceiling) -> dict[str, int | None]:
    return {name: getattr(ceiling, name) for name in _CEILING}


def _ceiling_in(value: object, where: str) -> Ceiling:
    top = strict.members(value, _CEILING, where)
    ceiling = Ceiling(
        offered=strict.count(top["offered"], f"{where}.offered"),
        accepted=strict.count(top["accepted"], f"{where}.accepted"),
        ends=strict.optional_moment(top["ends"], f"{where}.ends"),
    )
    if ceiling.accepted < ceiling.offered:
        raise RecordError(f"{where}: tokens are issued that validators do not take")
    return ceiling


def _ring_in(name: str, value: object) -> KeyRing:
    where = f"journal.rings.{strict.text(name, 'journal.rings')}"
    top = strict.members(value, _RING, where)
    items = top["generations"]
    if not isinstance(items, list):
        raise RecordError(f"{where}.generations: not a list")
    generations = tuple(_generation_in(item, f"{where}.generations") for item in items)
    ring = KeyRing(
        name=name,
        issuer=strict.text(top["issuer"], f"{where}.issuer"),
        sequence=strict.count(top["sequence"], f"{where}.sequence"),
        sequence_floor=strict.count(top["sequence_floor"], f"{where}.sequence_floor"),
        next_generation=strict.count(top["next_generation"], f"{where}.next_generation"),
        denied=strict.strings(top["denied"], f"{where}.denied"),
        undecided=strict.strings(top["undecided"], f"{where}.undecided"),
        rejected=strict.strings(top["rejected"], f"{where}.rejected"),
        generations=generations,
    )
    _check(ring, where)
    return ring


def _generation_in(value: object, where: str) -> Generation:
    top = strict.members(value, _GENERATION, where)
    timings = strict.members(top["timings"], NAMES, f"{where}.timings")
    try:
        state = State(top["state"])
    except ValueError as error:
        raise RecordError(f"{where}: unknown state {top['state']!r}") from error
    times = {name: strict.optional_moment(top[name], f"{where}.{name}") for name in _TIMES}
    if (needed := _TIME_OF_STATE.get(state)) and times[needed] is None:
        raise RecordError(f"{where}: {state} without {needed}")
    return Generation(
        number=strict.count(top["number"], f"{where}.number"),
        cloud=strict.text(top["cloud"], f"{where}.cloud"),
        algorithm=strict.text(top["algorithm"], f"{where}.algorithm"),
        key_size=strict.count(top["key_size"], f"{where}.key_size"),
        state=state,
        timings=Timings(**{n: strict.count(timings[n], f"{where}.timings.{n}") for n in NAMES}),
        prepared_at=strict.moment(top["prepared_at"], f"{where}.prepared_at"),
        read_back=strict.mapping(top["read_back"], f"{where}.read_back", strict.moment),
        **times,
    )


def _check(ring: KeyRing, where: str) -> None:
    numbers = [g.number for g in ring.generations]
    if numbers != sorted(set(numbers)) or any(n < 1 for n in numbers):
        raise RecordError(f"{where}: generation numbers do not rise")
    if numbers and ring.next_generation <= numbers[-1]:
        raise RecordError(f"{where}: next_generation was used before")
    if not ring.undecided <= ring.denied or ring.rejected & ring.denied:
        raise RecordError(f"{where}: the lists of denials contradict each other")
    active = [g.number for g in ring.generations if g.state is State.ACTIVE]
    if len(active) != (1 if ring.published else 0):
        raise RecordError(f"{where}: {len(active)} active generations instead of one")
