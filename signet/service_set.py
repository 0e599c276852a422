"""All manifests of a folder together: held against each other and against an environment. Pure.

`parse_set` takes texts by file name; `texts_of` reads them from a folder.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Final

from signet.contract import FILE_NAME, Contract, parse_contract
from signet.errors import Fault, SettingsError
from signet.service import Service, read_service

_ENDING: Final = ".yaml"


@dataclass(frozen=True, kw_only=True)
class ServiceSet:
    """The services of a folder, by name in their order, and the contract that they keep."""

    services: Mapping[str, Service] = field(default_factory=dict)
    contract: Contract = field(default_factory=Contract)


@dataclass(frozen=True, kw_only=True)
class Ground:
    """What an environment gives its services. `longest_token` is in seconds."""

    environment: str
    clouds: tuple[str, ...]
    audience: str
    longest_token: int


def parse_set(texts: Mapping[str, str], folder: str, *, sandbox: bool = False) -> ServiceSet:
    """Return the services of `folder`; `texts` is each file's text by its name.

    Raises SettingsError with the faults of all files at once.
    """
    found, faults = read_set(texts, folder, sandbox=sandbox)
    if faults:
        raise SettingsError(faults)
    return found


def read_set(
    texts: Mapping[str, str], folder: str, *, sandbox: bool = False
) -> tuple[ServiceSet, list[Fault]]:
    """Return what can be read of the services of `folder`, and the faults of all files."""
    faults: list[Fault] = []
    contract: Contract | None = Contract()
    if FILE_NAME in texts:
        try:
            contract = parse_contract(texts[FILE_NAME], f"{folder}/{FILE_NAME}")
        except SettingsError as error:
            contract = None
            faults += error.faults
    services: dict[str, Service] = {}
    for name in sorted(texts):
        if name == FILE_NAME or not name.endswith(_ENDING):
            continue
        try:
            service, own = read_service(texts[name], f"{folder}/{name}", contract, sandbox=sandbox)
            services[name.removesuffix(_ENDING)] = service
            faults += own
        except SettingsError as error:
            faults += error.faults
    faults += _audiences(services.values())
    return ServiceSet(services=services, contract=contract or Contract()), faults


def for_environment(
    found: ServiceSet, ground: Ground, faults: Sequence[Fault] = ()
) -> tuple[Service, ...]:
    """Return the services that an environment deploys.

    Raises SettingsError with every fault, those that were found before among them.
    """
    chosen = tuple(
        service for service in found.services.values() if service.deployed_by(ground.environment)
    )
    unfit = [fault for service in chosen for fault in _unfit(service, ground)]
    if faults or unfit:
        raise SettingsError([*faults, *unfit])
    return chosen


def _audiences(services: Iterable[Service]) -> Iterator[Fault]:
    seen: dict[str, Service] = {}
    for service in services:
        if not service.audience:
            continue
        first = seen.setdefault(service.audience, service)
        if first is not service:
            where = first.source.where(["audience"])
            yield service.source.fault(
                ["audience"],
                f"another service has it: {where}",
                "give each service an audience of its own, or a token for one opens the other",
            )


def _unfit(service: Service, ground: Ground) -> Iterator[Fault]:
    for index, cloud in enumerate(service.clouds):
        if cloud not in ground.clouds:
            yield service.source.fault(
                ["clouds", index],
                f"the environment {ground.environment} is not in this cloud",
                f"use {', '.join(ground.clouds)}, or name in `environments:` those that have it",
            )
    if service.audience == ground.audience:
        yield service.source.fault(
            ["audience"],
            f"it is the audience of the environment {ground.environment} itself",
            "give the service one of its own",
        )
    longest = ground.longest_token
    if service.token_lifetime is not None and service.token_lifetime > longest:
        yield service.source.fault(
            ["tokenLifetime"],
            f"tokens of the environment {ground.environment} live {longest}s at most",
            f"write {longest}s or less, or leave it out",
        )
    for index, caller in enumerate(service.callers):
        if caller.lifetime > longest:
            yield service.source.fault(
                ["callers", index, "lifetime"],
                f"tokens of the environment {ground.environment} live {longest}s at most",
                f"write lifetime: {longest}s or less",
            )


def texts_of(folder: FilePath) -> dict[str, str]:
    """Return the YAML files of a folder by name. Raises SettingsError for one that is not UTF-8."""
    texts, faults = {}, []
    for path in sorted(folder.glob(f"*{_ENDING}")):
        try:
            texts[path.name] = path.read_text(encoding="utf-8")
        except (OSError, UnicodeError) as error:
            problem = f"it cannot be read: {error}"
            key = f"{folder.name}/{path.name}:1"
            faults.append(Fault(key=key, problem=problem, remedy="write it again, in UTF-8"))
    if faults:
        raise SettingsError(faults)
    return texts
