"""Puts every case to every runtime and holds what is seen against the tables."""

import http.client
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from signet.gateway_answers import ANSWERS

from .deployed import Asked, Barred, Deployment, with_store
from .runtimes import Host, Runtime
from .seen import OWN_STATUSES, Seen, Untakable, decision_status, over_http

_TELL_EVERY = 40

Groups = Sequence[tuple[Deployment, Sequence[Asked]]]


class Column:
    """What one runtime did."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self.name = runtime.name
        self.same: Counter[int] = Counter()
        self.statuses: Counter[int] = Counter()
        self.own: dict[str, int] = {}
        """Cases that the gateway answered itself, and its status."""
        self.barred: dict[str, str] = {}
        self.differences: list[str] = []

    def add(self, other: "Column") -> None:
        """Take in what another of the same kind did with other settings."""
        self.same += other.same
        self.statuses += other.statuses
        self.own |= other.own
        self.barred |= other.barred
        self.differences += other.differences


def run(
    hosts: Sequence[Host | Sequence[Host]],
    groups: Groups,
    folder: Path,
    store: str,
    *,
    at_once: int = 1,
    say: Callable[[str], Any] = lambda _: None,
) -> list[Column]:
    """Deploy each group to every host and put its cases; `at_once` hosts at a time.

    Where several of a kind stand for one host, the groups are dealt out among them. `store` is an
    address for the published set, where nothing has to answer.
    """
    told = [(Deployment(with_store(each, store), each.now), cases) for each, cases in groups]
    crews = [[each] if isinstance(each, Host) else list(each) for each in hosts]
    with ThreadPoolExecutor(at_once) as pool:
        begun = [
            [
                pool.submit(_run, host, told[at :: len(crew)], Path(mkdtemp(dir=folder)), say)
                for at, host in enumerate(crew)
            ]
            for crew in crews
        ]
        return [column for crew in begun for column in _merged([each.result() for each in crew])]


def _merged(found: Sequence[list[Column]]) -> list[Column]:
    first, *others = found
    for columns in others:
        for column, other in zip(first, columns, strict=True):
            column.add(other)
    return first


def _run(host: Host, groups: Groups, folder: Path, say: Callable[[str], Any]) -> list[Column]:
    columns = [Column(runtime) for runtime in host.runtimes]
    began = time.monotonic()
    told: Counter[str] = Counter()
    for number, (deployment, cases) in enumerate(groups, 1):
        with host.deployed(deployment, folder):
            for column in columns:
                for asked in cases:
                    put(column.runtime, asked, column)
        for column in columns:
            for each in column.differences[told[column.name] :]:
                say(f"DIFFERENCE {column.name}: {each}")
            told[column.name] = len(column.differences)
        if number % _TELL_EVERY == 1 or number == len(groups):
            took = f"{time.monotonic() - began:.0f} s"
            say(f"{columns[0].name}: {number} of {len(groups)} settings, {took}")
    return columns


def put(runtime: Runtime, asked: Asked, column: Column) -> None:
    """Put one case and note what came of it."""
    reasons = frozenset({asked.reason})
    if runtime.speaks_http:
        sent = over_http(asked)
        if isinstance(sent, Untakable):
            column.barred[asked.id] = sent.why
            return
        reasons = sent.reasons
    try:
        seen = runtime.ask(asked)
    except (OSError, http.client.HTTPException) as error:
        column.differences.append(f"{asked.id}: no answer ({error!r})")
        return
    column.statuses[seen.status] += 1
    if _answered_itself(asked, seen):
        column.own[asked.id] = seen.status
    elif any(_is(runtime, asked, reason, seen) for reason in reasons):
        column.same[asked.number] += 1
    else:
        wanted = " or ".join(sorted(str(reason) for reason in reasons))
        column.differences.append(f"{asked.id}: {seen}, and not {wanted}")


def _answered_itself(asked: Asked, seen: Seen) -> bool:
    """Whether a gateway refused what no gateway has to take: size, or octets outside ASCII."""
    value = asked.authorization or ""
    odd = len(value) > _LINE or not value.isascii() or not value.isprintable()
    return odd and not seen.logged and seen.status in OWN_STATUSES


_LINE = 8_000
"""About the longest header that every gateway takes (nginx: 8 KB)."""


def _is(runtime: Runtime, asked: Asked, reason: str | None, seen: Seen) -> bool:
    status = decision_status(reason)
    logged = ((status, reason),)
    if runtime.gateway is None:
        return seen == Seen(status, logged)
    answers = ANSWERS[runtime.gateway]
    if asked.authorization is None and not asked.settled:
        allowed = {(), logged} if answers.asks_without_token else {()}
        return seen.status == answers.without_token and seen.logged in allowed
    if asked.authorization is None and not answers.asks_without_token:
        return seen == Seen(answers.without_token, ())
    return seen == Seen(answers.by_status[status], logged)


def render(columns: Sequence[Column], groups: Groups, barred: Iterable[Barred]) -> str:
    """The tables of `docs/runtimes.md`, in Markdown; the same for every run that found the same."""
    per_line: Counter[int] = Counter(asked.number for _, cases in groups for asked in cases)
    heads = [column.name for column in columns]
    total = [
        ("cases put", [sum(c.statuses.values()) for c in columns]),
        ("as the tables say", [sum(c.same.values()) for c in columns]),
        ("answered by the gateway itself", [len(c.own) for c in columns]),
        ("**differences**", [len(c.differences) for c in columns]),
        ("HTTP cannot carry", [len(c.barred) for c in columns]),
    ]
    lines = [_row(["", *heads]), _row(["---"] * (len(heads) + 1))]
    lines += [_row([name, *map(str, values)]) for name, values in total]
    lines += ["", _row(["line of the list", "cases", *heads]), _row(["---"] * (len(heads) + 2))]
    for number in sorted(per_line):
        cells = [str(column.same[number]) for column in columns]
        lines.append(_row([_title(number), str(per_line[number]), *cells]))
    lines += ["", *_own(columns), "", *_not_put(columns, barred)]
    return "\n".join(lines) + "\n"


def _title(number: int) -> str:
    return "allowed, and faults of settings" if number == 0 else str(number)


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _own(columns: Sequence[Column]) -> list[str]:
    lines = ["| case | answered by | with |", "|---|---|---|"]
    found: dict[tuple[str, int], list[str]] = defaultdict(list)
    for column in columns:
        for case, status in column.own.items():
            found[case, status].append(column.name)
    lines += [
        f"| {case} | {', '.join(names)} | {status} |"
        for (case, status), names in sorted(found.items())
    ]
    return lines


def _not_put(columns: Sequence[Column], barred: Iterable[Barred]) -> list[str]:
    whys: dict[str, list[str]] = defaultdict(list)
    for each in barred:
        whys[f"no deployment: {each.why}"].append(f"{each.number}: {each.name}")
    for column in columns:
        for case, why in column.barred.items():
            if case not in whys[f"HTTP: {why}"]:
                whys[f"HTTP: {why}"].append(case)
    lines = ["| not put, because | cases |", "|---|---|"]
    lines += [f"| {why} | {'; '.join(cases)} |" for why, cases in sorted(whys.items())]
    return lines
