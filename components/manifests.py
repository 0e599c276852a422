"""Reads the folder of service manifests, and holds it against the environment's settings."""

from pathlib import Path

from components.setting_values import NAMESPACE
from components.settings import Settings
from signet.errors import Fault, SettingsError
from signet.service import Service
from signet.service_set import Ground, for_environment, read_set, texts_of


def read(settings: Settings, folder: Path | None = None) -> tuple[Service, ...]:
    """Return the services of this environment, from `folder` or where the settings say.

    Raises SettingsError with every fault of every file.
    """
    place = folder or settings.services
    if not place.is_dir():
        raise SettingsError(
            [
                Fault(
                    key=f"{NAMESPACE}:services",
                    value=str(place),
                    problem="there is no such folder",
                    remedy="make it, or name the folder of service manifests",
                )
            ]
        )
    found, faults = read_set(texts_of(place), place.name, sandbox=settings.in_sandbox)
    return for_environment(found, ground(settings), faults)


def ground(settings: Settings) -> Ground:
    """Return what this environment gives its services."""
    return Ground(
        environment=settings.environment,
        clouds=settings.clouds,
        audience=settings.audience,
        longest_token=settings.timings.token_lifetime,
    )
