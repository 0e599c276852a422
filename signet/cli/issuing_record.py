"""What issuing needs of a stack's state, read at once: the record, the outputs, who may sign."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from signet.confirmed import Confirmed
    from signet.engine.stack import EngineStack
    from signet.issuing.active import ActiveKey
    from signet.journal import Journal


@dataclass(frozen=True, kw_only=True)
class IssuingRecord:
    """A stack's record and outputs, from one export of its state."""

    journal: "Journal | None"
    confirmed: "Confirmed | None"
    outputs: Mapping[str, Any]

    def identity(self, key: "ActiveKey") -> str | None:
        """Return whom the key allows to sign (see `signer_for`), None where nobody is named."""
        rings = self.outputs.get("issuers") or {}
        named = (rings.get(key.ring) or {}).get(key.cloud)
        return named if isinstance(named, str) and named else None


def read(stack: "EngineStack") -> IssuingRecord:
    """Read a stack's state once. Raises RunFailed or CouldNotCheck."""
    from signet.engine import record
    from signet.engine.stack import outputs_of

    deployment = stack.export()
    journal, confirmed = record.of_deployment(deployment)
    return IssuingRecord(journal=journal, confirmed=confirmed, outputs=outputs_of(deployment))
