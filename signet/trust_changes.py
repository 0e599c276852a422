"""What changed manifests and settings trust more than what is deployed: for a reviewer. Pure.

A new caller, another issuer or match, more scopes, a longer lifetime, a route that asks for less:
each is one line. What trusts less is no matter of safety and is not told.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from signet.callers import Caller
from signet.service import Service
from signet.token_service import caller_members

CALLERS: Final = "environmentCallers"
LIFETIME: Final = "tokenLifetime"
"""Outputs of a stack that are there to be compared with the next run's."""


def widened(before: Mapping[str, Any], after: Iterable[Service], longest_token: int) -> list[str]:
    """Return what is trusted more than before, in words.

    `before` is the stack output `services` of the last run, by name; `longest_token` what a service
    without a token lifetime of its own accepts, in seconds.
    """
    lines = []
    for service in after:
        told = before.get(service.name)
        lines += _new(service) if told is None else _changed(service, told, longest_token)
    return lines


def environment_widened(
    before: Mapping[str, Any], after: Mapping[str, Any], callers: Iterable[Caller]
) -> list[str]:
    """Return what an environment's own audience trusts more than before, in words.

    `before` is the stack's outputs of the last run, `after` those of `exported` that this one will
    have. An output that no run gave yet is no change, but for the callers.
    """
    lines = []
    for output, what in (("audience", "audience"), ("requiredScope", "required scope")):
        was, now = before.get(output), after[output]
        if was is not None and was != now:
            lines.append(f"another {what}: {now or 'none'} (was {was or 'none'})")
    was, now = int(before.get(LIFETIME) or 0), int(after[LIFETIME])
    if 0 < was < now:
        lines.append(f"tokens may live {now}s (were {was}s)")
    lines += _callers(callers, {each["name"]: each for each in before.get(CALLERS) or ()})
    return [f"the environment: {line}" for line in lines]


def _new(service: Service) -> list[str]:
    first = f"{service.name}: a new service of {service.owner}, audience {service.audience}"
    return [first, *(f"{service.name}: {_caller(caller)}" for caller in service.callers)]


def _changed(service: Service, told: Mapping[str, Any], longest_token: int) -> list[str]:
    lines = []
    if told.get("audience") != service.audience:
        lines.append(f"another audience: {service.audience} (was {told.get('audience')})")
    was = int(told.get("tokenLifetime") or longest_token)
    now = service.token_lifetime or longest_token
    if now > was:
        lines.append(f"tokens may live {now}s (were {was}s)")
    lines += _callers(service.callers, {each["name"]: each for each in told.get("callers") or ()})
    lines += _routes(service, told.get("routes") or ())
    if set(told.get("claims") or ()) - set(service.claims):
        lines.append("it asks for fewer claims")
    return [f"{service.name}: {line}" for line in lines]


def _callers(callers: Iterable[Caller], before: Mapping[str, Mapping[str, Any]]) -> list[str]:
    lines = []
    for caller in callers:
        told = before.get(caller.name)
        if told is None:
            lines.append(_caller(caller))
            continue
        now = caller_members(caller)
        for part in ("identity", "issuer", "match", "subject_audience"):
            if now.get(part) != told.get(part):
                lines.append(f"caller {caller.name} has another {part}: {now.get(part)}")
        for part in ("scopes", "roles"):
            if more := sorted(set(now[part]) - set(told.get(part) or ())):
                lines.append(f"caller {caller.name} may have {', '.join(more)} too")
        was = str(told.get("lifetime") or "0s")
        if caller.lifetime > int(was.removesuffix("s")):
            lines.append(f"caller {caller.name} gets tokens of {caller.lifetime}s (were {was})")
        if told.get("once") and not caller.once:
            lines.append(f"caller {caller.name} may use a platform's token more than once")
    return lines


def _caller(caller: Caller) -> str:
    rights = ", ".join((*caller.scopes, *caller.roles)) or "nothing"
    return f"a new caller {caller.name} ({caller.kind.says}, {caller.issuer}) for {rights}"


def _routes(service: Service, before: Iterable[Mapping[str, Any]]) -> list[str]:
    asked = {
        (method, route["path"]): set(route["scopes"]) | set(route["roles"])
        for route in before
        for method in route["methods"]
    }
    lines = []
    for route in service.routes:
        needs = {*route["scopes"], *route["roles"]}
        for method in route["methods"]:
            was = asked.get((method, route["path"]))
            name = f"{method} {route['path']}"
            if was is None:
                lines.append(f"a new route {name} for {', '.join(sorted(needs)) or 'any token'}")
            elif was - needs:
                lines.append(f"{name} no longer asks for {', '.join(sorted(was - needs))}")
    return lines
