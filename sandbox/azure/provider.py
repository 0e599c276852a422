"""The tables of the plugin, put together: apart from the package, whose other modules are wanted
without them (the command starts by the fakes' services alone).
"""

from __future__ import annotations

from importlib.metadata import version

from sandbox.azure.cloud import configure, explain, prepare
from sandbox.azure.tables import FUNCTIONS, RESOURCES
from sandbox.plugin.spec import STR, Provider, choice, opt

__all__ = ["provider"]

_CONFIG = {
    "subscriptionId": opt(STR, replace=True),
    "tenantId": opt(STR, replace=True),
    "location": opt(STR),
    # The SDK fills it in; another one would be another Azure.
    "environment": opt(choice("public"), replace=True),
}


def provider() -> Provider:
    """The plugin's tables, under the version of the SDK that the program uses."""
    return Provider(
        name="azure-native",
        version=version("pulumi-azure-native"),
        config=_CONFIG,
        resources=RESOURCES,
        functions=FUNCTIONS,
        configure=configure,
        prepare=prepare,
        explain=explain,
    )
