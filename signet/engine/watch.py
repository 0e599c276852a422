"""What the engine reports while it runs, as facts: changes, messages, errors by resource."""

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from pulumi.automation.events import EngineEvent, OpType, StepEventMetadata

_HIDDEN_OPS = frozenset({OpType.SAME, OpType.READ, OpType.READ_REPLACEMENT})

# A replacement is three steps; the creation stands for it in what people read.
_STEPS_OF_A_REPLACEMENT = frozenset({OpType.REPLACE, OpType.DELETE_REPLACED})

_COLOUR_TAG = re.compile(r"<\{%[^%]*%\}>")


@dataclass(frozen=True, kw_only=True)
class Change:
    """One resource that a run changes or changed."""

    op: str
    """create, update, replace, delete, import or refresh"""
    type: str
    name: str
    urn: str
    properties: tuple[str, ...] = ()
    seconds: float | None = None
    failed: bool = False

    @property
    def symbol(self) -> str:
        """Return the sign that the engine's own display uses."""
        return {"create": "+", "update": "~", "replace": "±", "delete": "-", "import": "="}.get(
            self.op, " "
        )


@dataclass(kw_only=True)
class Tell:
    """Where a run's progress goes; each is called from the engine's event thread."""

    started: Callable[[Change], object] = lambda _: None
    changed: Callable[[Change], object] = lambda _: None
    message: Callable[[str, str], object] = lambda _severity, _text: None
    raw: Callable[[str], object] | None = None


@dataclass(kw_only=True)
class Watch:
    """Collects one run's events."""

    tell: Tell = field(default_factory=Tell)
    changes: list[Change] = field(default_factory=list)
    unchanged: int = 0
    errors: dict[str, list[str]] = field(default_factory=dict)
    """What went wrong, by URN; the empty URN is the run itself."""
    _started: dict[tuple[str, str], float] = field(default_factory=dict)

    def __call__(self, event: EngineEvent) -> None:
        """Take one event."""
        if event.resource_pre_event:
            self._begin(event.resource_pre_event.metadata)
        elif event.res_outputs_event:
            self._end(event.res_outputs_event.metadata)
        elif event.res_op_failed_event:
            self._end(event.res_op_failed_event.metadata, failed=True)
        elif event.diagnostic_event:
            told = event.diagnostic_event
            self._say(told.severity, told.message, told.urn or "", ephemeral=bool(told.ephemeral))
        elif event.policy_event:
            self._say("error", event.policy_event.message, event.policy_event.resource_urn or "")

    def counts(self) -> dict[str, int]:
        """Return how many resources each kind of change touched, and how many stayed."""
        found: dict[str, int] = {}
        for change in self.changes:
            if not change.failed:
                found[change.op] = found.get(change.op, 0) + 1
        return {**found, "same": self.unchanged}

    def _begin(self, step: StepEventMetadata) -> None:
        self._started[(step.op, step.urn)] = time.monotonic()
        if _shown(step):
            self.tell.started(_change(step))

    def _end(self, step: StepEventMetadata, *, failed: bool = False) -> None:
        if step.op == OpType.SAME and _interesting(step) and not failed:
            self.unchanged += 1
        if not _shown(step):
            return
        begun = self._started.pop((step.op, step.urn), None)
        took = None if begun is None else time.monotonic() - begun
        change = _change(step, seconds=took, failed=failed)
        if change.op == "refresh" and not change.properties and not failed:
            return
        self.changes.append(change)
        self.tell.changed(change)

    def _say(self, severity: str, text: str, urn: str, *, ephemeral: bool = False) -> None:
        clean = _COLOUR_TAG.sub("", text).strip()
        if not clean or ephemeral or severity == "debug":
            return
        if severity == "error":
            kept = self.errors.setdefault(urn, [])
            if clean not in kept:
                kept.append(clean)
        elif severity != "info#err":
            self.tell.message(severity, clean)


def _interesting(step: StepEventMetadata) -> bool:
    """Leave out what is bookkeeping: the stack, providers, and components (which hold no thing)."""
    state = step.new or step.old
    if step.type.startswith("pulumi:providers:") or step.type == "pulumi:pulumi:Stack":
        return False
    return state is None or bool(state.custom)


def _shown(step: StepEventMetadata) -> bool:
    return (
        step.op not in _HIDDEN_OPS and step.op not in _STEPS_OF_A_REPLACEMENT and _interesting(step)
    )


def _change(
    step: StepEventMetadata, *, seconds: float | None = None, failed: bool = False
) -> Change:
    op = OpType(step.op)
    plain = {
        OpType.CREATE_REPLACEMENT: "replace",
        OpType.IMPORT_REPLACEMENT: "import",
        OpType.DISCARD: "delete",
        OpType.DISCARD_REPLACED: "delete",
        OpType.REMOVE_PENDING_REPLACE: "delete",
    }.get(op, op.value)
    return Change(
        op=plain,
        type=short_type(step.type),
        name=step.urn.rsplit("::", 1)[-1],
        urn=step.urn,
        properties=tuple(step.diffs or ()),
        seconds=seconds,
        failed=failed,
    )


def short_type(token: str) -> str:
    """Return `aws:kms:Key` for `aws:kms/key:Key`: the middle repeats what the end says."""
    package, _, rest = token.partition(":")
    module, _, name = rest.rpartition(":")
    return ":".join(part for part in (package, module.split("/", 1)[0], name) if part)


def names_of(changes: Sequence[Change]) -> list[str]:
    """Return one readable line for each change, for messages and tests."""
    return [f"{change.symbol} {change.type} {change.name}" for change in changes]
