"""The settings of a provider, which travel in two forms.

The SDK writes everything that is not a string as JSON text, so `defaultTags` arrives as a string.
Source: the generated `Provider` class of any SDK (`pulumi.Output.json_dumps` around such inputs).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from sandbox.plugin.check import faults_of
from sandbox.plugin.spec import Fault, Kind, Prop
from sandbox.plugin.values import Props

_ENGINE_OWN = frozenset({"version", "pluginDownloadURL", "__internal", "__defaults"})


def read_config(args: Props, spec: Mapping[str, Prop]) -> Props:
    """The settings with their JSON texts read."""
    return {
        name: _opened(value, spec.get(name))
        for name, value in args.items()
        if name not in _ENGINE_OWN and value not in (None, "")
    }


def _opened(value: Any, prop: Prop | None) -> Any:
    if prop is None or prop.type.kind is Kind.STRING or not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


def config_faults(args: Props, spec: Mapping[str, Prop]) -> Iterator[Fault]:
    """Settings that the sandbox does not handle, or of a wrong type. `false` asks for nothing."""
    asked = {
        name: value
        for name, value in read_config(args, spec).items()
        if name in spec or value not in (False, "false")
    }
    return faults_of(asked, spec)
