"""`make load`: the Cloud Run server under load, over loopback; a table, and `build/load.json`.

Three runs, each of which ends by itself:

1. throughput and latency at 1, 16 and 128 connections, with fresh tokens and with repeated ones;
2. a soak (`--soak`, 600 seconds unless said otherwise): good and bad requests mixed, while the key
   store goes down and comes back, the signing key changes in the middle, and the old one is denied
   at three quarters. Every answer is compared with the right one; memory is read at the beginning
   and at the end;
3. an attack (`tests/load/attack.py`) beside steady good traffic, whose latency is compared with
   that alone (`tests/load/attacked.py`).

Exit 1 where a verdict was wrong, a request failed, memory grew or good traffic suffered.
"""

import argparse
import json
import os
import platform
import random
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any

from benchmarks.__main__ import table
from benchmarks.row import Row
from signet.paths import repo_root
from tests.cases.forge import Signer, good_claims, key_set, rsa_private
from tests.load.attacked import attacked
from tests.load.served import faultless, resident, served
from tests.load.service import Service, request
from tests.load.traffic import ALLOWED, Question, Traffic, in_turn

REFUSED = frozenset({401})
FORBIDDEN = frozenset({403})
EITHER = ALLOWED | REFUSED
MEMORY_GROWTH = 1.1
_CONNECTIONS = (1, 16, 128)
_SETTLING = 8.0
"""Seconds after a change of the published set in which a validator may know it or not: its set is
fresh for 2 s (`SHORTEST_REFRESH` and the ceiling), and it backs off while the store is down."""
_UNDER_WAY = 2.0
"""Seconds that a question may have been under way when the set changed."""
_SOAK_RATE = 200.0


def main() -> int:
    """Run all three, and say what came of them."""
    parser = argparse.ArgumentParser(prog="python -m tests.load", description=__doc__)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each throughput figure")
    parser.add_argument("--soak", type=float, default=600.0, help="seconds of mixed traffic")
    parser.add_argument("--attack", type=float, default=20.0, help="seconds of the attack")
    parser.add_argument(
        "--ahead",
        action="store_true",
        help="in the attack, let servers and asker run before the machine's other work (root)",
    )
    asked = parser.parse_args()
    results: dict[str, list[Row]] = {}
    for name, run in (
        ("throughput", lambda: throughput(asked.seconds)),
        ("soak", lambda: soak(asked.soak)),
        ("attack", lambda: attacked(asked.attack, ahead=asked.ahead)),
    ):
        print(f"{name} ...", file=sys.stderr, flush=True)
        results[name] = run()
    out = repo_root() / "build" / "load.json"
    out.parent.mkdir(parents=True, exist_ok=True)
    rows = {name: [asdict(row) for row in each] for name, each in results.items()}
    told = {"python": platform.python_version(), "cores": os.cpu_count(), "rows": rows}
    out.write_text(json.dumps(told, indent=1) + "\n")
    print(table(results))
    return 0 if all(row.kept for rows in results.values() for row in rows) else 1


def throughput(seconds: float) -> list[Row]:
    """Answers a second and their latency, by connections and by kind of token."""
    rows = []
    with served(token_cache={"entries": 4_096, "bytes": 16_777_216}) as (service, port, _):
        repeated = in_turn([Question(request(service.token()), ALLOWED)])
        for connections in _CONNECTIONS:
            most = int(400 * seconds)
            fresh = iter([Question(request(token), ALLOWED) for token in service.tokens(most)])
            for kind, questions in (("fresh", lambda: next(fresh, None)), ("repeated", repeated)):  # noqa: B023
                seen = Traffic(port, connections).run(questions, seconds)
                note = f"{len(seen.seconds)} answers, p50 {seen.part(0.5) * 1e3:.2g} ms, p99 "
                note += f"{seen.part(0.99) * 1e3:.2g} ms"
                name = f"{connections} connections, {kind} tokens"
                rate = len(seen.seconds) / seen.elapsed
                rows += [Row(name=name, value=rate, unit="per s", note=note)]
                rows += faultless(name, [seen.wrong, seen.errors])
    return rows


def soak(seconds: float) -> list[Row]:
    """Mixed traffic through an outage, a rotation and a denial."""
    following = Signer("RS256", rsa_private(label="the next key"))
    timing = {"jwks_max_age": 2, "cache_ceiling": 2, "stale_if_error": 21_600}
    with served([following], timing=timing) as (service, port, pid):
        mix = _Mix(service, following, seconds)
        Traffic(port, 16).run(in_turn(mix.warm()), 3.0)
        begun_with = resident(pid)
        seen = Traffic(port, 16).run(mix.next, seconds, _SOAK_RATE)
        grown = resident(pid) / begun_with
        asked = service.store.asked
    note = f"{len(seen.seconds)} answers in {seen.elapsed:.0f} s, store asked {asked} times"
    return [
        *faultless("soak", [seen.wrong, seen.errors], note),
        Row(name="soak, memory at the end", value=grown, unit="x begin", limit=MEMORY_GROWTH),
    ]


class _Mix:
    """The questions of the soak, and what happens meanwhile, by the clock."""

    def __init__(self, service: Service, following: Signer, seconds: float) -> None:
        self._service = service
        self._old, self._new = service.signer, following
        self._begun = 0.0
        share = seconds / 20
        self._denied_after = 15 * share
        self._events: list[tuple[float, Callable[[], None]]] = [
            (4 * share, lambda: setattr(service.store, "down", True)),
            (7 * share, lambda: setattr(service.store, "down", False)),
            (10 * share, lambda: setattr(service, "signer", following)),
            (self._denied_after, self._deny),
        ]
        self._bad = [Question(*each) for each in self._wrong_ones()]
        self._random = random.Random(7)  # noqa: S311 - the same mix in every run

    def warm(self) -> list[Question]:
        """What opens every part of the server before memory is read."""
        return [Question(request(self._service.token()), ALLOWED), self._elsewhere(), *self._bad]

    def next(self) -> Question:
        """Two good ones in three, old and new keys as their time is."""
        now = time.monotonic()
        self._begun = self._begun or now
        while self._events and now - self._begun >= self._events[0][0]:
            self._events.pop(0)[1]()
        draw = self._random.random()
        if draw < 1 / 20:
            return self._elsewhere()
        if draw < 1 / 3:
            return self._random.choice(self._bad)
        if self._service.signer is self._new and draw < 1 / 2:
            return Question(request(self._old.token(self._claims())), self._old_right(now), "old")
        return Question(request(self._service.token()), ALLOWED)

    def _elsewhere(self) -> Question:
        """A good token where no route is."""
        return Question(request(self._service.token(), "/authorize/nowhere"), FORBIDDEN, "no route")

    def _old_right(self, now: float) -> frozenset[int]:
        since = now - self._begun - self._denied_after
        if since < -_UNDER_WAY:
            return ALLOWED
        return EITHER if since < _SETTLING else REFUSED

    def _deny(self) -> None:
        self._service.store.publish(key_set(self._new, sequence=2, denied=[self._old.kid]))

    @staticmethod
    def _claims() -> dict[str, Any]:
        now = int(time.time())
        return good_claims(iat=now - 5, nbf=now - 5, exp=now + 595)

    def _wrong_ones(self) -> Iterator[tuple[bytes, frozenset[int], str]]:
        service, now = self._service, int(time.time())
        good = service.token()
        yield request(service.token(exp=now - 100, iat=now - 700)), REFUSED, "expired"
        yield request(service.token(aud="https://other.invalid")), REFUSED, "another audience"
        yield request(good[:-8] + "AAAAAAAA"), REFUSED, "bad signature"
        stranger = Signer("RS256", rsa_private(label="a stranger"))
        yield request(stranger.token(self._claims())), REFUSED, "unknown key"
        yield request("nonsense"), REFUSED, "nonsense"


if __name__ == "__main__":
    sys.exit(main())
