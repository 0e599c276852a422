"""The environment's own record in its state: the journal before any effect, the confirmed one last.

Both are `pulumi.Stash` resources. Their `input` is read, because a Stash's `output` keeps the first
value that it was given.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import pulumi

from signet.confirmed import Confirmed
from signet.errors import RunFailed
from signet.journal import Journal
from signet.strict_json import RecordError

JOURNAL: Final = "journal"
CONFIRMED: Final = "confirmed"

_PATIENCE: Final = (0.05, 0.2, 0.5)
"""Seconds to wait before asking the engine again."""

_READ: Final = "pulumi:pulumi:readStackResourceOutputs"
_STASH: Final = "pulumi:index:Stash"


@dataclass(frozen=True, kw_only=True)
class Record:
    """What earlier runs left in the state."""

    journal: Journal | None = None
    """What was intended last; None before the first run."""
    confirmed: Confirmed | None = None
    """What was completely applied last."""
    resources: Mapping[str, Mapping[str, Any]] | None = None
    """Outputs of every recorded resource, by URN."""

    def outputs_of(self, resource_type: str) -> list[Mapping[str, Any]]:
        """Return the outputs of every recorded resource of one type."""
        marker = f"::{resource_type}::"
        nested = f"${resource_type}::"
        return [
            outputs
            for urn, outputs in (self.resources or {}).items()
            if marker in urn or nested in urn
        ]


def read() -> Record:
    """Read this stack's record from the engine, as it stood when the run began.

    Raises RunFailed for a record that this version cannot read.
    """
    organization = pulumi.get_organization() or "organization"
    name = f"{organization}/{pulumi.get_project()}/{pulumi.get_stack()}"
    return parse((_answer(name) or {}).get("outputs") or {})


def _answer(stack: str) -> Any:
    """Ask the engine, which writes that very state at this moment.

    A backend that is a folder keeps a side file beside each file, and rewrites it in place
    (gocloud.dev's `fileblob`, unless its URL says `metadata=skip`): who reads it in between gets
    "failed to load checkpoint: EOF".
    """
    for patience in _PATIENCE:
        try:
            return pulumi.runtime.invoke(_READ, {"stackName": stack}).value
        except Exception as error:  # what the SDK raises for a failed invoke
            if "EOF" not in str(error):
                raise
            time.sleep(patience)
    return pulumi.runtime.invoke(_READ, {"stackName": stack}).value


def parse(state: Mapping[str, Any]) -> Record:
    """Return the record in a state's resources (URN -> type and outputs). Raises RunFailed."""
    resources = {urn: resource.get("outputs") or {} for urn, resource in state.items()}
    journal, confirmed = _stashed(resources, JOURNAL), _stashed(resources, CONFIRMED)
    try:
        return Record(
            journal=Journal.parse(journal) if journal is not None else None,
            confirmed=Confirmed.parse(confirmed) if confirmed is not None else None,
            resources=resources,
        )
    except RecordError as error:
        raise RunFailed(
            "the record in this stack's state cannot be read, so nothing was changed",
            where=str(error),
            remedy="if a newer Signet wrote it, use that version; if it is damaged, restore an "
            "earlier state (`pulumi stack export --version N`), whose ring may not be behind the "
            "published sets",
        ) from error


def write_journal(journal: Journal) -> pulumi.Stash:
    """Register the journal. Everything else has to depend on it."""
    return pulumi.Stash(JOURNAL, input=journal.dumps())


def write_confirmed(confirmed: pulumi.Output[str], after: list[pulumi.Resource]) -> pulumi.Stash:
    """Register what this run confirms, after everything that it speaks of."""
    return pulumi.Stash(CONFIRMED, input=confirmed, opts=pulumi.ResourceOptions(depends_on=after))


def _stashed(resources: Mapping[str, Mapping[str, Any]], name: str) -> str | None:
    for urn, outputs in resources.items():
        if urn.endswith(f"::{_STASH}::{name}"):
            text = outputs.get("input")
            # Anything but text is damage, which parsing reports with its place.
            return text if isinstance(text, str) else f"not a text: {type(text).__name__}"
    return None
