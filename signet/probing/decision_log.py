"""Reads what a validator logged about a request (`verification/audit.py` writes the lines).

No gateway tells a caller the request's id in a way that all three share, so requests are made one
after the other and the lines that are new after each are taken to be its own.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from validator_functions.verification.reasons import Reason

if TYPE_CHECKING:
    from mypy_boto3_logs import CloudWatchLogsClient

_CLOCKS_APART: Final = 60_000
_PAUSES: Final = (0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 2.0, 4.0)


@dataclass(frozen=True)
class LogLine:
    """One line of a validator's log, with its time in epoch seconds."""

    time: int
    text: str


@dataclass(frozen=True, kw_only=True)
class LoggedDecision:
    """One decision as the validator logged it; `reason` None stands for one that passed."""

    time: int
    allowed: bool
    status: int
    reason: Reason | None
    request_id: str
    bundle: str | None = None
    """The hash of the bundle that decided."""

    def as_dict(self) -> dict[str, Any]:
        """Return it as `--json` prints it."""
        return asdict(self)


class LogSource(Protocol):
    """Where one validator's log lines are."""

    def new_lines(self) -> Iterator[LogLine]:
        """Give each line once, oldest first."""


class CloudWatchLog:
    """One service's lines in the log group of all validators, from epoch milliseconds on.

    A validator that cannot read its settings names no service in its lines: they are nobody's here.
    """

    def __init__(
        self, client: CloudWatchLogsClient, group: str, service: str, *, since: int = 0
    ) -> None:
        self._client = client
        self._group = group
        self._service = json.dumps(service)
        self._since = since
        self._seen: set[tuple[str, int, str]] = set()

    @classmethod
    def from_now(
        cls, client: CloudWatchLogsClient, group: str, service: str, now: float
    ) -> CloudWatchLog:
        """Return the log of what is requested from now on; earlier lines are passed over."""
        log = cls(client, group, service, since=int(now * 1000) - _CLOCKS_APART)
        for _ in log.new_lines():
            pass
        return log

    def new_lines(self) -> Iterator[LogLine]:
        """Give each line once, oldest first."""
        pages = self._client.get_paginator("filter_log_events").paginate(
            logGroupName=self._group,
            startTime=self._since,
            filterPattern=f"{{ $.service = {self._service} }}",
        )
        try:
            for page in pages:
                for event in page.get("events", []):
                    # Not every CloudWatch has event ids; a decision's line has its request's. Nor
                    # does every one apply a pattern; a value's own quotes are escaped in a line.
                    known_by = (event["logStreamName"], event["timestamp"], event["message"])
                    ours = f'"service":{self._service}' in event["message"]
                    if ours and known_by not in self._seen:
                        self._seen.add(known_by)
                        yield LogLine(event["timestamp"] // 1000, event["message"])
        except self._client.exceptions.ResourceNotFoundException:
            return  # The group was deleted by hand, and no validator has run since.


class WrittenLog:
    """A file of the sandbox: a line is epoch milliseconds, a space, and what was logged.

    A line that is not ended yet is left for the next time.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read = 0

    @classmethod
    def from_now(cls, path: Path) -> WrittenLog:
        """Return the log of what is requested from now on."""
        log = cls(path)
        for _ in log.new_lines():
            pass
        return log

    def new_lines(self) -> Iterator[LogLine]:
        """Give each line once, oldest first."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._read)
                data = file.read()
        except FileNotFoundError:
            return  # A function that never ran has no log yet.
        whole = data[: data.rfind(b"\n") + 1]
        self._read += len(whole)
        for line in whole.decode("utf-8", "replace").splitlines():
            moment, _, text = line.partition(" ")
            if moment.isdecimal():
                yield LogLine(int(moment) // 1000, text)


def decisions(lines: Iterable[LogLine]) -> Iterator[LoggedDecision]:
    """Give the decisions among log lines; whatever else a runtime logs is passed over."""
    for line in lines:
        start = line.text.find('{"signet":"decision"')
        if start < 0:
            continue
        told: dict[str, Any] = json.loads(line.text[start:])
        reason = told["reason"]
        yield LoggedDecision(
            time=line.time,
            allowed=told["allowed"],
            status=told["status"],
            reason=None if reason is None else Reason(reason),
            request_id=told["request_id"] or "",
            bundle=told.get("bundle"),
        )


def await_decisions(
    source: LogSource, *, wanted: bool, sleep: Callable[[float], None] = time.sleep
) -> list[LoggedDecision]:
    """Return the decisions logged since the last time.

    With `wanted` it waits (at most about 10 s) for a refusal to appear: logs come a little after
    answers. A pass among them is of a request before, whose line nobody waited for.
    """
    for pause in _PAUSES:
        if pause:
            sleep(pause)
        found = [
            decision
            for decision in decisions(source.new_lines())
            if not (wanted and decision.allowed)
        ]
        if found or not wanted:
            return found
    return []
