"""Finds the environment's alarms in Azure Monitor: scheduled query rules of its resource group."""

from collections.abc import Mapping, Sequence
from typing import Final

from components.azure.manager import Manager
from components.azure.settings import AzureSettings

_VERSION: Final = "2023-12-01"


def find_alarms(settings: AzureSettings, names: Sequence[str]) -> Mapping[str, bool | None]:
    """Return those of these rules that are there. Whether one goes off, a rule does not tell.

    Raises azure.core's own errors.
    """
    manager = Manager.connect(settings.endpoint)
    group = f"/subscriptions/{settings.subscription}/resourceGroups/{settings.resource_group}"
    rules = f"{group}/providers/Microsoft.Insights/scheduledQueryRules"
    return {name: None for name in names if manager.get(f"{rules}/{name}", _VERSION) is not None}
