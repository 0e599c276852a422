"""The program: settings, record, what the clouds hold, plan, environment, exports.

`__main__.py` runs it under plain `pulumi up`, and the command runs it inline.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pulumi

from components import (
    collisions,
    key_audit,
    leaving,
    manifests,
    observe,
    packaging,
    record,
    rings,
    token_service,
    token_service_clouds,
)
from components.adoption import Adoption
from components.environment import Environment, EnvironmentArgs
from components.observe import CloudReader
from components.planning import Planned, is_urgent, plan_run, refuse_unsafe
from components.setting_values import NAMESPACE
from components.settings import Settings, load
from components.surroundings import Surroundings
from signet.errors import Fault, RunFailed, SettingsError
from signet.journal import Journal
from signet.key_events import Origin, completed, of_plan
from signet.key_ring import ENVIRONMENT_RING
from signet.rotation_plan import Plan, Request
from signet.service import Service
from signet.token_service import OfferedService, caller_members
from signet.trust_changes import CALLERS, LIFETIME, environment_widened, widened

Readers = Callable[[Settings], Mapping[str, CloudReader]]
"""The settings name every ring that is to be looked at."""


def main(
    readers: Readers = observe.readers,
    clock: Callable[[], float] = time.time,
    *,
    request: Request | None = None,
    reason: str = "",
    tell: Callable[[Planned], object] = lambda _: None,
    services: Path | None = None,
    tell_trust: Callable[[Sequence[str]], object] = lambda _: None,
) -> None:
    """Declare the environment of the selected stack.

    `request` is what an operator asks of a ring, and `reason` why; `tell` is given the plan;
    `services` is a folder of manifests that stands for the one that the settings name;
    `tell_trust` is given what manifests and settings trust more than what is deployed.
    Raises SettingsError, CouldNotCheck or RunFailed before anything is declared.
    """
    surroundings = Surroundings.observe(pulumi.get_stack())
    settings = load(surroundings)
    onboarded = manifests.read(settings, services)
    _warn_of_unguarded_keys(settings)
    known = record.read()
    _check_issuer(settings, known.journal)
    staying = _staying(onboarded, known, settings, int(clock()))
    rings.refuse_changed(staying, known.journal)
    left = {*leaving.deployed(known), *(each.name for each in onboarded)}
    left -= {each.name for each in staying}
    settings = rings.of_services(settings, staying, known.journal, left)
    looking = readers(settings)
    if not is_urgent(request):
        _refuse_taken_names(looking, known)
    seen = observe.observe(looking, rings.names_of(settings), despite_keys=is_urgent(request))
    now = int(clock())
    seconds = {
        service.name: service.token_lifetime or settings.timings.token_lifetime
        for service in staying
    }
    planned = plan_run(settings, known, seen, now, request, offered=seconds)
    tell(planned)
    journal = _say(planned.plan)
    compared = _compared(settings)
    wider = widened(leaving.deployed(known), staying, settings.timings.token_lifetime)
    if known.journal is not None:
        wider += environment_widened(leaving.outputs(known), compared, settings.callers)
    for line in wider if known.journal is not None or staying else ():
        pulumi.log.warn(f"trusts more: {line}")
    tell_trust(wider)
    refuse_unsafe(settings, seen, planned, request)
    bundle = packaging.build_bundle(settings.python)
    if not is_urgent(request):
        _refuse_other_code(looking, bundle.tree_sha256)
    written = record.write_journal(journal)
    origin = Origin(
        stack=surroundings.stack, actor=surroundings.actor, reason=reason, request=request
    )
    say = pulumi.log.info if surroundings.in_pipeline else None
    _write_down(written, origin, lambda: of_plan(planned.plan, origin, now, known.confirmed), say)
    environment = Environment(
        settings.environment,
        EnvironmentArgs(
            settings=settings,
            journal=journal,
            journal_resource=written,
            confirmed=known.confirmed,
            adoption=planned.adoption,
            bundle=bundle,
            services=staying,
        ),
    )
    service = token_service_clouds.declare(
        token_service.TokenServiceOrder(
            settings=settings,
            journal=journal,
            before=known.confirmed,
            environment=environment,
            services=[offered(service) for service in staying],
        )
    )
    confirmed = record.write_confirmed(
        environment.confirmed
        if service is None
        else service.confirmed(environment.confirmed, known.confirmed),
        [written, environment, *([] if service is None else [service.resource])],
    )
    _write_down(
        confirmed,
        origin,
        lambda: filter(None, [completed(planned.plan, origin, int(clock()), known.confirmed)]),
        say,
    )
    _export(compared, environment, confirmed, planned.adoption)
    watched = {} if service is None else {service.cloud: service.alarms}
    pulumi.export(
        "monitoring",
        {cloud: [*names, *watched.get(cloud, ())] for cloud, names in environment.alarms.items()},
    )
    after = [environment, *([] if service is None else [service.resource])]
    ends = leaving.served_until(staying, known, settings, after, clock)
    pulumi.export(
        "services",
        {
            name: {**told, **({leaving.OUTPUT: ends[name]} if name in ends else {})}
            for name, told in environment.services.items()
        },
    )
    pulumi.export("tokenService", None if service is None else service.exported())


def _staying(
    onboarded: Sequence[Service], known: record.Record, settings: Settings, now: int
) -> list[Service]:
    """Return what is deployed of the manifests, and of those that went before their time."""
    names = [service.name for service in onboarded]
    kept, lines = leaving.held(names, known, now, sandbox=settings.in_sandbox)
    for line in lines:
        pulumi.log.warn(line)
    return [*(service for service in onboarded if not service.gone), *kept]


def offered(service: Service) -> OfferedService:
    """Return a service as the token service offers it; one that is leaving has no callers left."""
    return OfferedService(
        service=service.name,
        audience=service.audience,
        ring=rings.ring_of(service),
        callers=() if service.leaving else service.callers,
    )


def _refuse_taken_names(looking: Mapping[str, CloudReader], known: record.Record) -> None:
    names = [name for reader in looking.values() for name in reader.names()]
    for line in collisions.refuse_taken(names, known):
        pulumi.log.info(line)


def _refuse_other_code(looking: Mapping[str, CloudReader], bundle_sha256: str) -> None:
    for reader in looking.values():
        if (line := reader.code(bundle_sha256)) is not None:
            pulumi.log.warn(line)


def _warn_of_unguarded_keys(settings: Settings) -> None:
    if not settings.protect_keys and not settings.in_sandbox:
        pulumi.log.warn(
            f"{NAMESPACE}:protectKeys is off: the signing keys of {settings.environment} are not "
            "guarded. `signet down` would destroy them, and a mistake in a run could. Remove the "
            "line as soon as this environment is meant to stay."
        )


def _write_down(
    after: pulumi.Resource,
    origin: Origin,
    lines: Callable[[], Iterable[str]],
    say: Callable[[str], object] | None,
) -> None:
    """Append to the audit once `after` is in the state; a preview writes nothing."""
    if pulumi.runtime.is_dry_run():
        return
    after.urn.apply(
        lambda _: key_audit.append(origin.stack, lines(), say=say, warn=pulumi.log.warn)
    )


def _check_issuer(settings: Settings, journal: Journal | None) -> None:
    """An issuer never changes: every consumer has it written down."""
    ring = journal.rings.get(ENVIRONMENT_RING) if journal is not None else None
    if ring is None or ring.issuer == settings.issuer:
        return
    how = (
        "computed from where the first cloud's documents are" if settings.issuer_is_default else ""
    )
    problem = f"the issuer of this environment is {ring.issuer} for good"
    raise SettingsError(
        [
            Fault(
                key=f"{NAMESPACE}:issuer",
                value=settings.issuer,
                problem=f"{problem}; this value was {how}" if how else problem,
                remedy=f"set {NAMESPACE}:issuer to {ring.issuer}, or make a new environment",
            )
        ]
    )


def _say(planned: Plan) -> Journal:
    """Show the plan in words, and return its journal. Raises RunFailed when it stops the run."""
    if planned.stopped or planned.journal is None:
        raise RunFailed(
            "the key rings stand in a way that this run must not go on from",
            details=[stop.text for stop in planned.stops],
            remedy="settle what each line says, then run it again; nothing was changed",
        )
    for alarm in planned.alarms:
        pulumi.log.warn(str(alarm))
    for line in (*planned.transitions, *planned.held):
        pulumi.log.info(str(line))
    return planned.journal


def _compared(settings: Settings) -> dict[str, Any]:
    """Return the outputs by which the next run tells what it trusts more than this one."""
    return {
        "audience": settings.audience,
        "requiredScope": settings.required_scope,
        LIFETIME: settings.timings.token_lifetime,
        CALLERS: [caller_members(caller) for caller in settings.callers],
    }


def _export(
    compared: Mapping[str, Any],
    environment: Environment,
    confirmed: pulumi.Stash,
    taken: Adoption,
) -> None:
    pulumi.export("issuer", environment.issuer)
    for name, value in compared.items():
        pulumi.export(name, value)
    pulumi.export("jwksUrls", environment.jwks_urls)
    pulumi.export("gateways", environment.gateways)
    pulumi.export("attached", environment.attached)
    pulumi.export("validators", environment.validators)
    pulumi.export("issuers", environment.issuers)
    pulumi.export("signingKeys", environment.signing_keys)
    pulumi.export("confirmed", confirmed.input)
    leftovers = [
        {"cloud": key.cloud, "id": key.id, "ring": key.ring, "generation": key.generation}
        for key in taken.leftovers
    ]
    pulumi.export("leftovers", leftovers)
    for key in taken.leftovers:
        pulumi.log.warn(
            f"{key.cloud}: the KMS key {key.id} carries the tags of {key.ring} generation "
            f"{key.generation}, and nothing records it: an interrupted run made it. "
            f"`signet keys leftovers {pulumi.get_stack()} --remove` removes it."
        )
