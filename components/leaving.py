"""When the last token of a service that is leaving has run out, as the stack's outputs tell it."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import pulumi

from components.record import Record
from components.settings import Settings
from signet.service import Service

OUTPUT: Final = "servedUntil"
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
    for outputs in known.outputs_of(_STACK):
        services = outputs.get("services")
        if isinstance(services, Mapping):
            return services
    return {}
