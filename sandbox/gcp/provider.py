"""The tables of the plugin, put together: apart from the package, whose other modules are wanted
without them (the command starts by the fakes' services alone).
"""

from __future__ import annotations

from importlib.metadata import version

from sandbox.gcp import iam_types, kms_types, monitoring_types, run_types, storage_types
from sandbox.gcp.cloud import configure, explain, with_defaults
from sandbox.plugin.spec import STR, Provider, map_of, opt

__all__ = ["provider"]

_CONFIG = {
    "project": opt(STR, replace=True),
    "region": opt(STR, replace=True),
    "defaultLabels": opt(map_of(STR)),
}


def provider() -> Provider:
    """The plugin's tables, under the version of the SDK that the program uses."""
    return Provider(
        name="gcp",
        version=version("pulumi-gcp"),
        config=_CONFIG,
        resources={
            **kms_types.RESOURCES,
            **iam_types.RESOURCES,
            **storage_types.RESOURCES,
            **run_types.RESOURCES,
            **monitoring_types.RESOURCES,
        },
        functions={kms_types.GET_VERSION.token: kms_types.GET_VERSION},
        configure=configure,
        prepare=with_defaults,
        explain=explain,
    )
