"""What a caller's rule lets in that its author may not have meant. Pure.

A rule that is plainly wrong is a fault (`callers`). These are right and wide: `check` shows them,
and a reviewer decides.
"""

from __future__ import annotations

from collections.abc import Iterable

from signet.callers import Caller
from signet.errors import Fault

_TIED_TO_ONE_PLACE = {
    "github": ("environment", "ref", "job_workflow_ref", "workflow_ref", "sub"),
    "gitlab": ("environment", "ref", "ref_path", "ci_config_ref_uri", "sub"),
}


def warnings_of(callers: Iterable[Caller], where: str) -> list[Fault]:
    """Return what is wide about each caller; `where` begins every key, as in `parse_callers`."""
    return [
        warning
        for place, caller in enumerate(callers)
        for warning in _of(caller, f"{where}[{place}].match")
    ]


def _of(caller: Caller, where: str) -> list[Fault]:
    kind, match = caller.kind, caller.match
    found: list[Fault] = []

    def warn(key: str, problem: str, remedy: str) -> None:
        found.append(Fault(key=key, value=caller.name, problem=problem, remedy=remedy))

    pinned = [claim for claim in kind.immutable if claim in match]
    if not any(kind.immutable[claim] == "" for claim in pinned):
        who = "; ".join(kind.immutable[claim] for claim in pinned)
        one = next(claim for claim, alone in kind.immutable.items() if alone == "")
        warn(where, f"lets in {who}", f"add `{one}`")
    for claim, wanted in match.items():
        if wanted.open:
            warn(f"{where}.{claim}", "has a pattern that anything fits", "say what it must be")
        for values in (kind.required.get(claim), kind.refused.get(claim)):
            if values is not None and _lifts(wanted.alternatives, claim, caller):
                what = "unprotected refs" if claim == "ref_protected" else "events of outsiders"
                warn(f"{where}.{claim}", f"lets in {what}", "leave it out to refuse those")
    places = _TIED_TO_ONE_PLACE.get(kind.name, ())
    if places and not any(claim in match for claim in places):
        problem = "lets in every job on every protected ref, whatever its environment"
        warn(where, problem, f"add one of {', '.join(places[:3])}")
    if kind.name == "github" and "repository_id" in match and "repository_owner_id" not in match:
        problem = "goes on when the repository is transferred to another owner"
        warn(where, problem, "add `repository_owner_id`")
    return found


def _lifts(alternatives: tuple[str, ...], claim: str, caller: Caller) -> bool:
    """Whether naming this claim lets in what the platform's rules refuse by themselves."""
    required = caller.kind.required.get(claim)
    if required is not None:
        return any(value not in required for value in alternatives)
    refused = caller.kind.refused.get(claim, ())
    return any(value in refused or "*" in value for value in alternatives)
