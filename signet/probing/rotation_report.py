"""What `signet demo --rotation` ends with: tokens by cloud, times to refusal, the verdict. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from signet.denial import RefusalTimes
from signet.probing.refusal_times import Measured
from signet.probing.traffic import Tally


@dataclass(frozen=True, kw_only=True)
class RotationReport:
    """All that was counted and measured."""

    seconds: float
    runs: int
    rotations: int
    tally: Tally
    unissued_while_rotating: int
    measured: Sequence[Measured]
    promised: RefusalTimes

    def faults(self) -> list[str]:
        """Return what is not as promised; nothing means that all is well."""
        refused = [str(each) for each in self.tally.refused]
        late = [line for m in self.measured for line in m.late(self.promised)]
        return [*refused, *late]

    def verdict(self) -> str:
        """Return the last line."""
        told = self.tally
        text = (
            f"{self.seconds:.0f} s, {self.runs} runs, {self.rotations} rotations, {len(told.keys)} "
            f"keys signed; {told.issued} tokens issued, {told.checks} checks accepted, "
            f"{len(told.refused)} refused"
        )
        kept = "every time to refusal within what the settings promise"
        return f"{text}; {kept}" if not self.faults() else f"{text}: not as promised"

    def token_columns(self) -> list[str]:
        """Return the clouds."""
        return sorted(self.tally.accepted)

    def token_rows(self) -> list[list[object]]:
        """Return one row each for accepted and refused checks."""
        clouds = self.token_columns()
        refused = dict.fromkeys(clouds, 0)
        for each in self.tally.refused:
            refused[each.cloud] = refused.get(each.cloud, 0) + 1
        return [
            ["accepted", *(self.tally.accepted[cloud] for cloud in clouds)],
            ["refused", *((n, "bad" if n else "good") for n in (refused[c] for c in clouds))],
        ]

    def time_columns(self) -> list[str]:
        """Return the heads of the table of times."""
        return ["cloud", "store reachable", "settings redeployed", "neither"]

    def time_rows(self) -> list[list[object]]:
        """Return what was promised, then what each cloud took."""
        promised = self.promised
        rows: list[list[object]] = [
            [
                "promised",
                f"{promised.store_reachable} s",
                "when the run is over",
                f"{promised.out_of_contact} s",
            ]
        ]
        for each in self.measured:
            times = (each.store_reachable, each.redeployed, each.out_of_contact)
            rows.append([each.cloud, *("never" if t is None else f"{t:.1f} s" for t in times)])
        return rows

    def time_caption(self) -> str:
        """Say what the columns mean."""
        return (
            "store reachable: at the gateway, A + C. settings redeployed: when the taint's run was "
            "complete. neither: an instance of the verification module that was cut off from its "
            "store at the taint, E; one that starts cold and reaches nothing has no bound."
        )

    def document(self) -> dict[str, Any]:
        """Return what `--json` prints."""
        return {
            "seconds": round(self.seconds, 1),
            "runs": self.runs,
            "rotations": self.rotations,
            "issued": self.tally.issued,
            "accepted": dict(self.tally.accepted),
            "refused": [str(each) for each in self.tally.refused],
            "not_issued_while_rotating": self.unissued_while_rotating,
            "not_issued": len(self.tally.unissued),
            "promised": {
                "store_reachable": self.promised.store_reachable,
                "neither": self.promised.out_of_contact,
            },
            "measured": {
                each.cloud: {
                    "store_reachable": each.store_reachable,
                    "redeployed": each.redeployed,
                    "neither": each.out_of_contact,
                }
                for each in self.measured
            },
            "faults": self.faults(),
        }
