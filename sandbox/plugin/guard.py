"""The plugin's refusal to touch anything but a stack of the sandbox."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from signet.engine.sandbox_marker import active
from signet.errors import SettingsError


class NotTheSandbox(Exception):
    """The stack in hand is not one of the sandbox."""


def sandbox_folder(environ: Mapping[str, str]) -> Path:
    """The sandbox that the stack in hand belongs to, or `NotTheSandbox`.

    The engine passes its own environment on to its plugins, the backend's URL included, so this
    sees the backend that is in force.
    """
    refusal = (
        "this is the plugin of Signet's sandbox, and the stack's backend is not the sandbox's: "
        "refused. "
        "For a real deployment unset PULUMI_HOME (`signet sandbox env` had set it); "
        'for the sandbox run `eval "$(signet sandbox env)"` first.'
    )
    try:
        marker = active(environ)
    except SettingsError as error:
        msg = f"{refusal} ({error})"
        raise NotTheSandbox(msg) from error
    if marker is None:
        raise NotTheSandbox(refusal)
    return Path(environ["SIGNET_SANDBOX"])
