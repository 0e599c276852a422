"""The one place that decides whether a run is inside the sandbox.

Loopback HTTP, SDK endpoint overrides and the sandbox's provider plugins are honoured only when
`active` returns a marker. Being inside takes two things that no real deployment has: the variable
`SIGNET_SANDBOX`, and a state backend on disk in which that very sandbox has left its marker.
"""

import json
import os
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from signet.errors import Fault, SettingsError

VARIABLE = "SIGNET_SANDBOX"
FILE_NAME = ".signet-sandbox"
SANDBOX_STACKS = frozenset({"local", "local-fast"})

_LEAVE = "unset it, or take every line that `signet sandbox env` prints"
_OVERRIDE_PREFIXES = (
    "AWS_ENDPOINT_URL",
    "CLOUDSDK_API_ENDPOINT_OVERRIDES_",
    "STORAGE_EMULATOR_HOST",
)


@dataclass(frozen=True, kw_only=True)
class SandboxMarker:
    """Proof of being inside: the sandbox's id, its folder, and the backend that it marked."""

    sandbox_id: str
    folder: Path
    backend: Path


def active(environ: Mapping[str, str] | None = None) -> SandboxMarker | None:
    """Return the marker when this environment is inside the sandbox, None when it is outside.

    Raises SettingsError when the environment is neither: `SIGNET_SANDBOX` without a marked
    backend, or an endpoint override without the sandbox.
    """
    env = os.environ if environ is None else environ
    named = env.get(VARIABLE, "")
    if not named:
        faults = [
            Fault(
                key=name,
                value=env[name],
                problem="an endpoint override is honoured in the sandbox only",
                remedy="unset it; to work in the sandbox, run `signet sandbox env`",
            )
            for name in endpoint_overrides(env)
        ]
        if faults:
            raise SettingsError(faults)
        return None
    folder = Path(named)
    backend_url = env.get("PULUMI_BACKEND_URL", "")
    backend = backend_path(backend_url)
    if backend is None:
        raise SettingsError([_foreign(backend_url, "is not a folder on this machine")])
    sandbox_id = read_marker(backend)
    if sandbox_id is None:
        raise SettingsError([_foreign(backend_url, "does not carry a sandbox's marker")])
    if sandbox_id != _folder_id(folder):
        raise SettingsError([_foreign(backend_url, f"is not the backend of the sandbox {folder}")])
    return SandboxMarker(sandbox_id=sandbox_id, folder=folder, backend=backend)


def endpoint_overrides(environ: Mapping[str, str]) -> list[str]:
    """Return the names of the variables that would send a cloud's SDK to another address."""
    return sorted(
        name
        for name, value in environ.items()
        if value
        and (
            name.startswith(_OVERRIDE_PREFIXES)
            or (name.startswith("GOOGLE_") and name.endswith("_CUSTOM_ENDPOINT"))
        )
    )


def write_marker(backend: Path, sandbox_id: str) -> None:
    """Mark a backend folder as the sandbox's own. The sandbox calls it once, when it is made."""
    backend.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"schema": 1, "id": sandbox_id}) + "\n"
    (backend / FILE_NAME).write_text(text, encoding="utf-8")


def read_marker(backend: Path) -> str | None:
    """Return the id of the sandbox that owns this backend folder, None when nobody marked it."""
    return _id_of(backend / FILE_NAME)


def backend_path(url: str) -> Path | None:
    """Return the folder of a `file://` backend, None for any other backend.

    Pulumi reads `file://~/x` and `file://./x` relative to the home and the working folder; a
    sandbox's backend is always absolute, so those are not recognised here.
    """
    parts = urllib.parse.urlsplit(url)
    if parts.scheme != "file" or parts.netloc or not parts.path.startswith("/"):
        return None
    return Path(urllib.parse.unquote(parts.path))


def backend_url(folder: Path) -> str:
    """Return the URL by which the engine keeps its state in a folder of ours.

    `metadata=skip`: the engine's storage library (gocloud.dev's `fileblob`) otherwise keeps a side
    file for each, writes it in place, and cannot read the stack while one is half written, nor
    after a kill left it so.
    """
    return f"file://{folder}?metadata=skip"


def _folder_id(folder: Path) -> str | None:
    return _id_of(folder / "sandbox.json")


def _id_of(path: Path) -> str | None:
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    found = told.get("id") if isinstance(told, dict) else None
    return found if isinstance(found, str) and found else None


def _foreign(url: str, problem: str) -> Fault:
    return Fault(
        key="PULUMI_BACKEND_URL",
        value=url,
        problem=f"{VARIABLE} is set, but this backend {problem}",
        remedy=f"to leave the sandbox, unset {VARIABLE} and what came with it; to stay, {_LEAVE}",
    )
