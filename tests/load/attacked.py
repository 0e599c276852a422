"""Good traffic alone, beside an attack on another server, and under attack itself: in turns.

The turns are short and follow each other, so that whatever else the machine does is in all three.
The attack on a neighbour shows what attackers cost by needing the same two processors, which those
of the Internet do not; what is above it is the server's own, and printed as such beside what the
limit is about. On a machine that is busy with other work, whoever waits for a processor waits
longer than for the server: `ahead` lets the two servers and the asker have one at once, as they
would on a machine of their own.
"""

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext

from benchmarks.row import Row
from signet.paths import repo_root
from tests.load import attack
from tests.load.asking import cpu_seconds
from tests.load.served import faultless, resident, served
from tests.load.service import request
from tests.load.traffic import ALLOWED, Question, Seen, Traffic, in_turn

LATENCY_GROWTH = 2.0
LEAST_STRENGTH = 0.9
"""Of the stated rates: a weaker attack shows nothing."""
_RATE = 100.0
_CONNECTIONS = 4
_TURN, _BEGINNING = 4.0, 0.5


class Attacker:
    """The attacks' process, which waits for a target."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self.sent: Counter[str] = Counter()
        self.seconds = 0.0

    def begin(self, port: int) -> None:
        """Attack for one turn, and let it get under way."""
        if self._process.stdin is not None:
            self._process.stdin.write(f"{port} {_TURN}\n")
            self._process.stdin.flush()
        time.sleep(_BEGINNING)

    def end(self) -> None:
        """Wait until the turn is over, and count what was sent in it."""
        told = self._process.stdout.readline() if self._process.stdout is not None else ""
        self.sent.update(json.loads(told))
        self.seconds += _TURN

    @property
    def strength(self) -> float:
        """Of what should have been sent, the part that was; the weakest kind counts."""
        return min(self.sent[kind] / (rate * self.seconds) for kind, rate in attack.RATES.items())


def attacked(seconds: float, *, ahead: bool = False) -> list[Row]:
    """Rows for about `seconds` of attack, `ahead` of the machine's other work where so asked."""
    alone, neighbour, under = Seen(), Seen(), Seen()
    turns, spent = max(1, round(seconds / _TURN)), 0.0
    busy = f"load average of the machine before: {os.getloadavg()[0]:.1f}"
    with (
        served() as (service, port, pid),
        served() as (_, other_port, other_pid),
        _attacker() as attacker,
        _first_in_line([pid, other_pid, 0]) if ahead else nullcontext(),
    ):
        questions = in_turn([Question(request(token), ALLOWED) for token in service.tokens(200)])

        def ask(of: Seen, target: int | None) -> None:
            if target is not None:
                attacker.begin(target)
            of.add(Traffic(port, _CONNECTIONS).run(questions, _TURN - 2 * _BEGINNING, _RATE))
            if target is not None:
                attacker.end()

        ask(Seen(), None)
        for _ in range(turns):
            ask(alone, None)
            ask(neighbour, other_port)
            begun = cpu_seconds(pid)
            ask(under, port)
            spent += cpu_seconds(pid) - begun
        asked, memory = service.store.asked, resident(pid) / 1e6
    return [
        Row(name="good traffic alone, p50", value=alone.part(0.5) * 1e3, unit="ms", note=busy),
        *_growth("beside an attack on another server", neighbour, alone, limit=None),
        *_growth("under attack", under, alone, limit=LATENCY_GROWTH),
        *_growth("under attack", under, neighbour, limit=None, unit="x beside the other"),
        *faultless("attack", [under.wrong, under.errors], f"store asked {asked} times"),
        Row(
            name="attack, of the stated rates",
            value=attacker.strength,
            unit="",
            limit=LEAST_STRENGTH,
            more_is_better=True,
            note=", ".join(f"{rate} {kind}" for kind, rate in attack.RATES.items())
            + f" a second, {attack.SLOW_CLIENTS} slow clients",
        ),
        Row(
            name="attack, CPU of the server",
            value=100 * spent / (turns * _TURN),
            unit="%",
            note="good traffic included",
        ),
        Row(name="attack, memory", value=memory, unit="MB"),
    ]


def _growth(
    name: str, seen: Seen, before: Seen, *, limit: float | None, unit: str = "x alone"
) -> list[Row]:
    return [
        Row(
            name=f"good traffic {name}, p{share}",
            value=seen.part(share / 100) / before.part(share / 100),
            unit=unit,
            limit=limit,
            note=f"{seen.part(share / 100) * 1e3:.3g} ms, {len(seen.seconds)} answers",
        )
        for share in (50, 90, 99)
    ]


@contextmanager
def _first_in_line(pids: Sequence[int]) -> Iterator[None]:
    """Let these processes run before all others (sched(7), SCHED_FIFO); 0 is this one.

    Needs the right to. Raises PermissionError without.
    """
    for pid in pids:
        os.sched_setscheduler(pid, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, os.sched_param(1))
    try:
        yield
    finally:
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


@contextmanager
def _attacker() -> Iterator[Attacker]:
    command = [sys.executable, "-m", "tests.load.attack"]
    with subprocess.Popen(
        command, cwd=repo_root(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield Attacker(process)
        finally:
            process.terminate()
