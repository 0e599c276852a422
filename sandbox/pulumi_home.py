"""The Pulumi home of the sandbox: where the engine finds our provider plugins and no others.

The engine looks for `plugins/resource-<name>-v<version>/pulumi-resource-<name>` and asks for the
version of the SDK in use (tried with pulumi 3.259.0: nothing on PATH is needed).
"""

from __future__ import annotations

import shlex
import sys
from importlib.metadata import version
from pathlib import Path

PLUGINS = {"aws": "pulumi-aws", "azure-native": "pulumi-azure-native", "gcp": "pulumi-gcp"}


def write(home: Path) -> None:
    """Put the launchers in place; they follow the SDK's version and our own interpreter."""
    for name, distribution in PLUGINS.items():
        folder = home / "plugins" / f"resource-{name}-v{version(distribution)}"
        folder.mkdir(parents=True, exist_ok=True)
        launcher = folder / f"pulumi-resource-{name}"
        text = _launcher(name)
        if not launcher.is_file() or launcher.read_text(encoding="utf-8") != text:
            launcher.write_text(text, encoding="utf-8")
        launcher.chmod(0o755)


def _launcher(name: str) -> str:
    # -P: the engine starts a plugin in the program's folder, which must not lend it modules.
    python = shlex.quote(sys.executable)
    return f'#!/bin/sh\nexec {python} -P -m sandbox.plugin {name} "$@"\n'
