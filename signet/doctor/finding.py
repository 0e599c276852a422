"""One thing that the doctor found, and what the findings together come to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class Level(StrEnum):
    """How much a finding matters, the worst first."""

    FAULT = "fault"
    """It has to be mended: exit code 1."""
    UNKNOWN = "unknown"
    """It could not be found out: exit code 3 where nothing is at fault."""
    WARNING = "warning"
    """It works, and somebody should look."""
    GOOD = "good"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A sentence about one area, in one cloud or in all (empty), with its remedy."""

    level: Level
    area: str
    text: str
    cloud: str = ""
    remedy: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return it as `--json` prints it."""
        return {**asdict(self), "level": str(self.level)}


def sorted_by_weight(findings: Iterable[Finding]) -> list[Finding]:
    """Return the findings, the worst first, otherwise in their order."""
    order = list(Level)
    return sorted(findings, key=lambda finding: order.index(finding.level))


def exit_code(findings: Iterable[Finding]) -> int:
    """Return 1 where anything is at fault, else 3 where something is not known, else 0."""
    levels = {finding.level for finding in findings}
    if Level.FAULT in levels:
        return 1
    return 3 if Level.UNKNOWN in levels else 0
