"""Denies a key on the data plane, in every cloud at once: invariant 7, before any pipeline.

The key's KMS key is disabled, and every published set is rewritten without it and with it denied.
What is written comes from the record (`signet.denial`), never from what a store holds.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from components.bounded import Answer, ask_all, wait_for
from components.break_glass import BreakGlass, Held, Overtaken, readings
from signet.confirmed import KeyResource
from signet.denial import Assertion, assertion, proven
from signet.documents import render_jwks
from signet.errors import CouldNotCheck, SignetError
from signet.key_ring import KeyRing
from validator_functions.verification.keys import KeySet

T = TypeVar("T")

SECONDS: Final = 15.0
"""Longest that one step may take in one cloud, tries of its SDK included."""

_TRIES: Final = 3
"""How often one pass looks and writes where somebody else writes at the same time."""


@dataclass(frozen=True, kw_only=True)
class Target:
    """What is denied, and what the record says of its ring."""

    ring: KeyRing
    kid: str
    kids: Mapping[int, str]
    """`kid` of each generation that is known."""
    key: KeyResource | None
    """Its KMS key; None where nothing says which it is, or where it is given up."""
    public_keys: tuple[Mapping[str, object], ...]
    """Public keys that the state shows; those of the stores come on top."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of one step."""

    cloud: str
    done: bool
    text: str
    sequence: int | None = None
    """The number of the set that was written; None where nothing had to be."""


@dataclass
class Denier:
    """Denies one key. `hands` is each cloud's data plane; only what it is given is ever asked."""

    hands: Mapping[str, BreakGlass]
    target: Target
    _last: Assertion | None = field(default=None, init=False)

    def disable(self) -> Outcome | None:
        """Disable the KMS key; None where there is none to disable. Again is harmless."""
        key = self.target.key
        if key is None:
            return None
        hand = self.hands.get(key.cloud)
        if hand is None:
            text = f"the settings no longer name {key.cloud}: disable {key.id} there by hand"
            return Outcome(cloud=key.cloud, done=False, text=text)
        answer = _asked({key.cloud: lambda: hand.disable_key(key.id)})[key.cloud]
        if (fault := _fault(answer)) is not None:
            return Outcome(cloud=key.cloud, done=False, text=f"KMS key {key.id}: {fault}")
        return Outcome(cloud=key.cloud, done=True, text=f"KMS key {key.id} is disabled")

    def assert_sets(self) -> list[Outcome]:
        """See to it that every store that can be reached denies the key; one outcome a cloud."""
        told: dict[str, Outcome] = {}
        for _ in range(_TRIES):
            open_ = [cloud for cloud in self.hands if cloud not in told or not told[cloud].done]
            if not open_:
                break
            overtaken = self._one_pass(told)
            if not overtaken:
                break
        return [told[cloud] for cloud in self.hands]

    def _one_pass(self, told: dict[str, Outcome]) -> bool:
        """Look and write once. Returns whether somebody else wrote in between."""
        looked = _asked({cloud: hand.held for cloud, hand in self.hands.items()})
        held: dict[str, Held] = {}
        for cloud, answer in looked.items():
            if (fault := _fault(answer)) is None:
                held[cloud] = answer.result()
            else:
                told[cloud] = Outcome(cloud=cloud, done=False, text=f"not reached: {fault}")
        wanted = self._wanted(held)
        for cloud in held:
            if cloud not in wanted.clouds and (cloud not in told or not told[cloud].done):
                text = "the published set denies it already"
                told[cloud] = Outcome(cloud=cloud, done=True, text=text)
        if not wanted.clouds:
            return False
        body, missing = self._body(wanted, held)
        if body is None:
            for cloud in wanted.clouds:
                text = "no set can be written: no other key of the ring is known; the run makes one"
                told[cloud] = Outcome(cloud=cloud, done=False, text=text)
            return False
        self._last = wanted
        return self._write(wanted, body, missing, held, told)

    def _wanted(self, held: Mapping[str, Held]) -> Assertion:
        """Return what to write: what was written last, where it still says all, or a new set.

        Clouds that come late get the same bytes under the same number as the others did.
        """
        target = self.target
        fresh = assertion(target.ring, target.kids, readings(held), target.kid)
        last = self._last
        if last is None or (last.kids, last.denied) != (fresh.kids, fresh.denied):
            return fresh
        below = all((held[cloud].judged.sequence or 0) < last.sequence for cloud in fresh.clouds)
        return Assertion(last.sequence, last.kids, last.denied, fresh.clouds) if below else fresh

    def _body(
        self, wanted: Assertion, held: Mapping[str, Held]
    ) -> tuple[str | None, frozenset[str]]:
        """Return the set's bytes, None where it would be empty; and keys that nobody could show."""
        target = self.target
        algorithms = {
            target.kids[g.number]: g.algorithm
            for g in target.ring.generations
            if g.number in target.kids
        }
        shown = [*target.public_keys, *(jwk for each in held.values() for jwk in _keys(each.body))]
        known = proven(shown, algorithms)
        keys = [known[kid] for kid in sorted(wanted.kids) if kid in known]
        if not keys:
            return None, wanted.kids
        body = render_jwks(keys, wanted.sequence, wanted.denied)
        KeySet.parse(body.encode())  # never publish what a validator would refuse
        return body, wanted.kids - known.keys()

    def _write(
        self,
        wanted: Assertion,
        body: str,
        missing: frozenset[str],
        held: Mapping[str, Held],
        told: dict[str, Outcome],
    ) -> bool:
        written = _asked(
            {cloud: _writer(self.hands[cloud], body, held[cloud]) for cloud in wanted.clouds}
        )
        overtaken = False
        for cloud, answer in written.items():
            try:
                answer.result()
            except Overtaken:
                overtaken = True
                text = "somebody else wrote the set at the same moment"
                told[cloud] = Outcome(cloud=cloud, done=False, text=text)
            except (SignetError, TimeoutError) as error:
                told[cloud] = Outcome(cloud=cloud, done=False, text=f"not written: {_said(error)}")
            else:
                left = f", without {', '.join(sorted(missing))}: nobody shows it" if missing else ""
                text = f"the published set denies it now (number {wanted.sequence}{left})"
                told[cloud] = Outcome(cloud=cloud, done=True, text=text, sequence=wanted.sequence)
        return overtaken


def _writer(hand: BreakGlass, body: str, held: Held) -> Callable[[], None]:
    return lambda: hand.write(body, held)


def _asked(questions: Mapping[str, Callable[[], T]]) -> dict[str, Answer[T]]:
    answers = ask_all(questions)
    wait_for(answers.values(), SECONDS)
    return answers


def _fault(answer: Answer[Any]) -> str | None:
    try:
        answer.result()
    except (SignetError, TimeoutError) as error:
        return _said(error)
    return None


def _said(error: Exception) -> str:
    if isinstance(error, CouldNotCheck) and error.where:
        return f"{error.where} ({error.remedy})"
    return str(error)


def _keys(body: bytes) -> Iterable[Mapping[str, object]]:
    """Return the keys that a store's bytes show, whoever wrote them; `proven` sorts them out."""
    try:
        told = json.loads(body)
    except ValueError:
        return []
    found = told.get("keys") if isinstance(told, dict) else None
    return [jwk for jwk in found if isinstance(jwk, dict)] if isinstance(found, list) else []
