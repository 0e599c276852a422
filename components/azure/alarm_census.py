"""Finds the environment's alarms in Azure Monitor: scheduled query rules of its resource group."""

from collections.abc import Mapping
from typing import Final

from components.azure.manager import Manager
from components.azure.settings import AzureSettings

_VERSION: Final = "2023-12-01"


def find_alarms(settings: AzureSettings, environment: str) -> Mapping[str, bool | None]:
    """Return the environment's rules by name. Whether one goes off, a rule does not tell.

    Raises azure.core's own errors.
    """
    manager = Manager.connect(settings.endpoint)
    group = f"/subscriptions/{settings.subscription}/resourceGroups/{settings.resource_group}"
    rules = manager.listed(f"{group}/providers/Microsoft.Insights/scheduledQueryRules", _VERSION)
    names = [str(rule["name"]) for rule in rules]
    return {name: None for name in names if name.startswith(f"signet-{environment}-")}
