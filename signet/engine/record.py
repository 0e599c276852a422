"""Reads a stack's own record out of its state: the journal, and what the last run confirmed.

Nothing is run. The program reads the same two resources at its start (DESIGN: "Keys and their
record"); a Stash keeps its first value as `output`, so its `input` is what counts.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from signet.confirmed import Confirmed
from signet.errors import CouldNotCheck
from signet.journal import Journal
from signet.strict_json import RecordError

if TYPE_CHECKING:
    from signet.engine.stack import EngineStack

_STASH = "pulumi:index:Stash"


def read(stack: "EngineStack") -> tuple[Journal | None, Confirmed | None]:
    """Return the stack's journal and its last completely applied confirmation; None for neither.

    Raises RunFailed when the state is out of reach, CouldNotCheck when the record is not ours.
    """
    return of_deployment(stack.export())


def of_deployment(deployment: Mapping[str, Any]) -> tuple[Journal | None, Confirmed | None]:
    """Return the record that a deployment holds; see `read`."""
    journal = _stashed(deployment, "journal")
    confirmed = _stashed(deployment, "confirmed")
    try:
        return (
            None if journal is None else Journal.parse(journal),
            None if confirmed is None else Confirmed.parse(confirmed),
        )
    except RecordError as error:
        raise CouldNotCheck(
            f"the stack's record cannot be read: {error}",
            remedy="use the version of signet that wrote it, or a newer one",
        ) from error


def _stashed(deployment: Mapping[str, Any], name: str) -> str | None:
    for resource in deployment.get("resources") or ():
        if (
            resource.get("type") == _STASH
            and str(resource.get("urn", "")).endswith(f"::{name}")
            and not resource.get("delete")
        ):
            value = (resource.get("outputs") or {}).get("input")
            # Anything but text is damage, which parsing reports.
            return value if isinstance(value, str) else f"not a text: {type(value).__name__}"
    return None
