"""What can go wrong, as the command's exit codes tell it apart.

SignetError
├── NegativeAnswer    exit 1: the question was answered, and the answer is no; or the work failed
│   └── RunFailed     the engine or a cloud refused or broke off a run
├── UsageError        exit 2: the command line is wrong
├── SettingsError     exit 2: settings are wrong; nothing was touched
└── CouldNotCheck     exit 3: the question could not be answered

"Refused" and "could not check" are never the same error. No message may hold token or key material.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One wrong setting: which, what it was, why that is wrong, and what to write instead."""

    key: str
    problem: str
    remedy: str
    value: str | None = None

    def __str__(self) -> str:
        """One fault on two lines, as it stands in the message that lists them all."""
        shown = self.key if self.value is None else f"{self.key} = {self.value!r}"
        return f"{shown}: {self.problem}\n    {self.remedy}"


class SignetError(Exception):
    """Base of every error that the command prints without a stack trace.

    `what` went wrong, `where` (a file, a resource, a cloud) and the `remedy`: what to do next.
    """

    exit_code = 1
    kind = "failed"

    def __init__(self, what: str, *, where: str = "", remedy: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.remedy = remedy

    def __str__(self) -> str:
        """What, where and what to do, each on its own line."""
        lines = [self.what]
        if self.where:
            lines.append(f"  where: {self.where}")
        if self.remedy:
            lines.append(f"  to do: {self.remedy}")
        return "\n".join(lines)

    def as_dict(self) -> dict[str, Any]:
        """Return the error as `--json` prints it."""
        told = {"kind": self.kind, "what": self.what, "where": self.where, "remedy": self.remedy}
        return {key: value for key, value in told.items() if value}


class NegativeAnswer(SignetError):
    """The answer is no, or the work could not be finished."""

    kind = "negative"


class RunFailed(NegativeAnswer):
    """A run of the engine failed; `details` holds what each cloud or resource said."""

    kind = "run_failed"

    def __init__(
        self, what: str, *, where: str = "", remedy: str = "", details: Iterable[str] = ()
    ) -> None:
        super().__init__(what, where=where, remedy=remedy)
        self.details = tuple(details)

    def __str__(self) -> str:
        """What failed, then each detail, then what to do."""
        lines = [self.what]
        if self.where:
            lines.append(f"  where: {self.where}")
        lines.extend("  - " + detail.replace("\n", "\n    ") for detail in self.details)
        if self.remedy:
            lines.append(f"  to do: {self.remedy}")
        return "\n".join(lines)

    def as_dict(self) -> dict[str, Any]:
        """Return the error as `--json` prints it, with its details."""
        return {**super().as_dict(), "details": list(self.details)}


class UsageError(SignetError):
    """The command line is wrong."""

    exit_code = 2
    kind = "usage"


class SettingsError(SignetError):
    """Settings are wrong; every fault that was found, in one error."""

    exit_code = 2
    kind = "settings"

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        if not self.faults:
            raise ValueError("a SettingsError needs at least one fault")
        count = len(self.faults)
        super().__init__("1 setting is wrong" if count == 1 else f"{count} settings are wrong")

    def __reduce__(self) -> tuple[Any, ...]:
        """Keep the faults when the error crosses a process or a thread."""
        return type(self), (self.faults,)

    def __str__(self) -> str:
        """All faults in one message."""
        return "\n".join([f"{self.what}:", *(f"  - {fault}" for fault in self.faults)])

    def as_dict(self) -> dict[str, Any]:
        """Return the error as `--json` prints it, with every fault."""
        return {"kind": self.kind, "what": self.what, "faults": [asdict(f) for f in self.faults]}

    @classmethod
    def from_dict(cls, told: Mapping[str, Any]) -> "SettingsError":
        """Rebuild the error from `as_dict`, after it crossed the engine as text."""
        return cls(Fault(**fault) for fault in told["faults"])


class CouldNotCheck(SignetError):
    """The question could not be answered: something needed to answer it was out of reach."""

    exit_code = 3
    kind = "could_not_check"
