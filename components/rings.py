"""The key rings of a run: the environment's, those of services that asked for one, those that end.

A service's own ring has its own issuer, below the environment's; its documents lie below a folder
of its own in each store. All else of a ring is the same for every ring. Pure.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace

from components.settings import Settings
from signet.errors import Fault, SettingsError
from signet.journal import Journal
from signet.key_ring import ENVIRONMENT_RING
from signet.rotation_policy import RingSpec
from signet.service import Service


def folder_of(ring: str) -> str:
    """Return where a store holds a ring's documents: the environment's at the top, others below."""
    return "" if ring == ENVIRONMENT_RING else f"{ring}/"


def document_path(ring: str, path: str) -> str:
    """Return where a store holds a ring's document; `path` is the environment's."""
    return f"{folder_of(ring)}{path}"


def issuer_of(settings: Settings, ring: str) -> str:
    """Return a ring's issuer: its discovery document is found below it (OpenID Connect
    Discovery 1.0 section 4).
    """
    return settings.issuer if ring == ENVIRONMENT_RING else f"{settings.issuer}/{ring}"


def ring_of(service: Service) -> str:
    """Return the name of the ring whose tokens a service takes."""
    return service.name if service.own_ring else ENVIRONMENT_RING


def of_services(
    settings: Settings,
    services: Iterable[Service],
    journal: Journal | None,
    let_go: Collection[str] = (),
) -> Settings:
    """Return the settings with every ring of a run.

    `services` is what is deployed, `let_go` names the services that are deployed no longer: the
    rings of those end. A ring without a service that nobody let go stops the run later on.
    """
    names = [service.name for service in services if service.own_ring]
    known = journal.rings if journal is not None else {}
    ending = [
        RingSpec(name, ring.issuer)
        for name, ring in known.items()
        if name not in (ENVIRONMENT_RING, *names)
        and not ring.closed
        and (name in let_go or not ring.published)
    ]
    return _with(settings, names, ending)


def of_record(settings: Settings, journal: Journal | None) -> Settings:
    """Return the settings with the rings that a record tells of, where no manifest is read."""
    known = journal.rings if journal is not None else {}
    others = {name: ring for name, ring in known.items() if name != ENVIRONMENT_RING}
    ending = [
        RingSpec(name, ring.issuer)
        for name, ring in others.items()
        if not ring.published and not ring.closed
    ]
    return _with(settings, [name for name, ring in others.items() if ring.published], ending)


def _with(settings: Settings, names: Iterable[str], ending: Iterable[RingSpec]) -> Settings:
    own = tuple(RingSpec(name, issuer_of(settings, name)) for name in names)
    rings = (settings.rotation.rings[0], *own)
    return replace(settings, rotation=replace(settings.rotation, rings=rings, ending=tuple(ending)))


def names_of(settings: Settings) -> tuple[str, ...]:
    """Return the names of all rings of which something may exist."""
    return tuple(spec.name for spec in (*settings.rotation.rings, *settings.rotation.ending))


def refuse_changed(services: Iterable[Service], journal: Journal | None) -> None:
    """Stop where a deployed service is given another ring: its live tokens would be refused.

    Raises SettingsError with every such service.
    """
    faults = list(_changed(services, journal)) if journal is not None else []
    if faults:
        raise SettingsError(faults)


def _changed(services: Iterable[Service], journal: Journal) -> Iterator[Fault]:
    for service in services:
        ring = journal.rings.get(service.name)
        own = ring is not None and bool(ring.published)
        if service.name in journal.services and own != service.own_ring:
            yield service.source.fault(
                ["keyRing"],
                "it is deployed with another ring, whose live tokens would all be refused",
                f"write keyRing: {'own' if own else 'environment'}, or let it go and onboard it "
                "under another name",
            )
