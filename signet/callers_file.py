"""A YAML file of callers: those that may have a token for the environment's own audience. Pure."""

from __future__ import annotations

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from signet.callers import Caller, parse_callers
from signet.errors import Fault, SettingsError

_REMEDY = "write `callers:` and one entry for each caller (docs/token-service.md)"


def callers_of(text: str, where: str, *, sandbox: bool = False) -> tuple[Caller, ...]:
    """Return the callers of a file whose name is `where`. Raises SettingsError with every fault."""
    try:
        found = YAML(typ="safe", pure=True).load(text)
    except YAMLError as error:
        problem = f"is not YAML: {str(error).splitlines()[0]}"
        mark = error.problem_mark if isinstance(error, MarkedYAMLError) else None
        if isinstance(error, MarkedYAMLError) and mark is not None:
            problem = f"is not YAML: {error.problem}, line {mark.line + 1}"
        raise SettingsError([Fault(key=where, problem=problem, remedy=_REMEDY)]) from None
    if not isinstance(found, dict) or set(found) != {"callers"}:
        problem = "does not hold `callers` and nothing else"
        raise SettingsError([Fault(key=where, problem=problem, remedy=_REMEDY)])
    return parse_callers(found["callers"], f"{where}: callers", sandbox=sandbox)
