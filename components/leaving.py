"""Services that go: until when their tokens live, and those whose manifest went before its time.

A manifest that was deleted by hand holds up nobody's run: its service is deployed from what the
stack's outputs tell of it, as one that is leaving, until its last token has run out.
"""

import json
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import pulumi

from components.record import Record
from components.settings import Settings
from signet.errors import SettingsError
from signet.service import Service, parse_service
from signet.service_edit import MOMENT_FORMAT
from signet.timings import moment

OUTPUT: Final = "servedUntil"
MANIFEST: Final = "manifest"
"""In the output of a service: its manifest, as JSON (which is YAML)."""
_STACK: Final = "pulumi:pulumi:Stack"


def served_until(
    services: Sequence[Service],
    known: Record,
    settings: Settings,
    after: Sequence[pulumi.Resource],
    clock: Callable[[], float] = time.time,
) -> dict[str, pulumi.Input[float]]:
    """Return, for each leaving service, until when tokens for it may live, in epoch seconds.

    The first run that finds the mark counts from its own end, when every issuer has been told;
    later ones keep what it said, so that they change nothing.
    """
    timings = settings.timings
    rest = timings.token_lifetime + 2 * timings.clock_skew + timings.issuer_lag
    before = deployed(known)
    found: dict[str, pulumi.Input[float]] = {}
    for service in services:
        if not service.leaving:
            continue
        told = before.get(service.name) or {}
        if told.get("leaving") == service.leaving and told.get(OUTPUT):
            found[service.name] = float(told[OUTPUT])
        else:
            ends = pulumi.Output.all(*(each.urn for each in after))
            found[service.name] = ends.apply(lambda _: float(int(clock()) + rest))
    return found


def deployed(known: Record) -> Mapping[str, Any]:
    """Return what the stack's outputs told of its services when this run began."""
    services = outputs(known).get("services")
    return services if isinstance(services, Mapping) else {}


def outputs(known: Record) -> Mapping[str, Any]:
    """Return the stack's outputs when this run began; empty before the first."""
    return next(iter(known.outputs_of(_STACK)), {})


def held(
    manifests: Collection[str], known: Record, now: int, *, sandbox: bool
) -> tuple[list[Service], list[str]]:
    """Return the services without a manifest whose tokens may live, and what to say of them.

    `manifests` names the services that have one here, `now` is in epoch seconds.
    """
    services, lines = [], []
    for name, told in sorted(deployed(known).items()):
        until = float(told.get(OUTPUT) or 0)
        if name in manifests or (told.get("leaving") and 0 < until <= now):
            continue
        service = _as_deployed(name, told, now, sandbox=sandbox)
        if service is None:
            lines.append(f"{name}: its manifest is gone, and what was deployed cannot be kept")
            continue
        end = f" ({moment(int(until))})" if until else ""
        lines.append(
            f"{name}: its manifest is gone, so nobody gets a token for it; its validators go when"
            f" its last token has run out{end}, with the first run after that"
        )
        services.append(service)
    return services, lines


def _as_deployed(name: str, told: Mapping[str, Any], now: int, *, sandbox: bool) -> Service | None:
    """Return a service as the outputs tell it, marked as leaving; None where they are damaged."""
    since = datetime.fromtimestamp(now, UTC).strftime(MOMENT_FORMAT)
    try:
        manifest = json.loads(told[MANIFEST])
        manifest["leaving"] = told.get("leaving") or since
        return parse_service(json.dumps(manifest), f"{name}.yaml", sandbox=sandbox)
    except (SettingsError, KeyError, TypeError, ValueError):
        return None
