"""The folder of manifests, as the `signet service` commands read and write it."""

import os
from pathlib import Path

from signet.errors import UsageError
from signet.service import Service
from signet.service_set import ServiceSet, parse_set, texts_of


def read(folder: Path) -> ServiceSet:
    """Return all services of a folder. Raises SettingsError with every fault, UsageError."""
    return parse_set(texts(folder), folder.name, sandbox=True)


def texts(folder: Path) -> dict[str, str]:
    """Return the folder's files. Raises UsageError where there is no folder."""
    if not folder.is_dir():
        raise UsageError(f"there is no folder {folder}", remedy="make it, or name it: --services")
    return texts_of(folder)


def with_text(folder: Path, name: str, text: str) -> Service:
    """Return the service that a text would make among the others. Raises SettingsError."""
    found = parse_set({**texts(folder), f"{name}.yaml": text}, folder.name, sandbox=True)
    return found.services[name]


def path_of(folder: Path, name: str) -> Path:
    """Return a service's file. Raises UsageError where there is none."""
    path = folder / f"{name}.yaml"
    if name == "contract" or not path.is_file():
        known = ", ".join(sorted(read(folder).services)) or "none"
        raise UsageError(f"there is no service {name} in {folder}", remedy=f"there are: {known}")
    return path


def write(path: Path, text: str) -> None:
    """Write a file as a whole or not at all."""
    draft = path.with_name(f".{path.name}.draft")
    draft.write_text(text, encoding="utf-8")
    os.replace(draft, path)  # noqa: PTH105 - one step, and nothing else
