"""Names that a run is about to take and that somebody has already, found out before it begins.

A bucket's or a vault's name is one for all the world, and a deleted vault keeps its own for months.
Without this, a run makes half of an environment and then ends in the middle.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from components.bounded import ask_all, wait_for
from components.record import Record
from components.setting_values import NAMESPACE
from signet.errors import CouldNotCheck, Fault, SettingsError

_SECONDS: Final = 5.0
"""A cloud that has not said anything by then says nothing: that is no collision."""


@dataclass(frozen=True, kw_only=True)
class ChosenName:
    """One name that this environment takes, out of a setting."""

    setting: str
    value: str
    what: str
    """Whose and what it is, the cloud first: `AWS: the S3 bucket`."""
    resource_type: str
    """The type by which the state records who bears it, in its output `recorded_as`."""
    recorded_as: str
    taken: Callable[[], str | None]
    """Asks the cloud: None where the name is free, else why it is not.

    Raises CouldNotCheck where the cloud does not say. Takes a few seconds at most.
    """
    remedy: str
    """What to do, if it is somebody else's."""


def refuse_taken(names: Iterable[ChosenName], known: Record) -> list[str]:
    """Ask about every name that the state does not record yet, all at once.

    Returns, in words, what no cloud would say. Raises SettingsError with every name that is taken.
    """
    wanted = {f"{name.what} {name.value}": name for name in names if not _recorded(name, known)}
    answers = ask_all({label: name.taken for label, name in wanted.items()})
    wait_for(answers.values(), _SECONDS)
    faults: list[Fault] = []
    unsaid: list[str] = []
    for label, answer in answers.items():
        name = wanted[label]
        try:
            why = answer.result()
        except TimeoutError:
            unsaid.append(f"{label}: whether it is free was not answered in time")
            continue
        except CouldNotCheck as error:
            unsaid.append(f"{label}: whether it is free could not be found out ({error.where})")
            continue
        if why is not None:
            faults.append(
                Fault(
                    key=f"{NAMESPACE}:{name.setting}",
                    value=name.value,
                    problem=f"{label} {why}, and this stack's state does not record it",
                    remedy=f"if it is not this environment's, {name.remedy}; if it is, bring the "
                    'newest state back (docs/operations.md, "A name that is taken")',
                )
            )
    if faults:
        raise SettingsError(faults)
    return unsaid


def _recorded(name: ChosenName, known: Record) -> bool:
    return any(
        str(outputs.get(name.recorded_as, "")) == name.value
        for outputs in known.outputs_of(name.resource_type)
    )
