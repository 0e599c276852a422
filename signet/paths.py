"""Where things are: the repository, its state folder, and the machine's cache.

Pure over the environment that is passed in; nothing here creates a folder.
"""

import os
from collections.abc import Mapping
from pathlib import Path


def repo_root() -> Path:
    """Return the folder that holds `Pulumi.yaml`, which is the one above this package."""
    return Path(__file__).resolve().parent.parent


def state_dir(environ: Mapping[str, str] | None = None) -> Path:
    """Return the folder for everything a run leaves behind: `SIGNET_STATE_DIR` or `.signet`."""
    env = os.environ if environ is None else environ
    named = env.get("SIGNET_STATE_DIR")
    return Path(named).expanduser().absolute() if named else repo_root() / ".signet"


def sandbox_dir(environ: Mapping[str, str] | None = None) -> Path:
    """Return the sandbox's own part of the state folder."""
    return state_dir(environ) / "sandbox"


def key_audit_file(stack: str, environ: Mapping[str, str] | None = None) -> Path:
    """Return the file to which a stack's key events are appended on this machine."""
    return state_dir(environ) / "audit" / f"{stack.rsplit('/', 1)[-1]}.keys.jsonl"


def cache_dir(environ: Mapping[str, str] | None = None) -> Path:
    """Return the folder for what set-up obtained once for this machine, outside the tree.

    `SIGNET_CACHE_DIR`, else `$XDG_CACHE_HOME/signet`, else `~/.cache/signet`.
    """
    env = os.environ if environ is None else environ
    named = env.get("SIGNET_CACHE_DIR")
    if named:
        return Path(named).expanduser().absolute()
    base = env.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "signet"
