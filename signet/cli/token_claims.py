"""What `signet token issue` may say beyond the standard claims, and for which services."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from signet.contract import FILE_NAME, Contract, parse_contract
from signet.errors import Fault, UsageError
from signet.key_ring import ENVIRONMENT_RING

if TYPE_CHECKING:
    from signet.issuing.claims import TokenRequest


def parse(given: Sequence[str]) -> dict[str, object]:
    """Return claims by name; a value is JSON where it is any, else text. Raises UsageError."""
    found: dict[str, object] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name or name in found:
            raise UsageError(
                f"--claim: {text!r} is no NAME=VALUE, or stands twice", remedy="tenant=acme"
            )
        try:
            found[name] = json.loads(value)
        except ValueError:
            found[name] = value
    return found


def contract(folder: Path) -> Contract:
    """Return the claims contract; without a file nothing is agreed. Raises SettingsError."""
    path = folder / FILE_NAME
    if not path.is_file():
        return Contract()
    return parse_contract(path.read_text(encoding="utf-8"), f"{folder.name}/{FILE_NAME}")


def longest_for(audience: str, services: Mapping[str, Mapping[str, Any]]) -> int:
    """Return the longest lifetime of a service's tokens in seconds; 0 where nothing is said."""
    told = (each for each in services.values() if each.get("audience") == audience)
    return next((int(each.get("tokenLifetime") or 0) for each in told), 0)


def ring_for(audience: str, services: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the key ring whose tokens the service of an audience takes."""
    told = (each for each in services.values() if each.get("audience") == audience)
    return str(next(told, {}).get("ring") or ENVIRONMENT_RING)


def service_faults(
    request: "TokenRequest", services: Mapping[str, Mapping[str, Any]]
) -> Iterable[Fault]:
    """Return why the service of the request's audience takes no such token, as deployed."""
    for name, told in services.items():
        if told.get("audience") != request.audience:
            continue
        longest = int(told.get("tokenLifetime") or 0)
        if longest and request.lifetime > longest:
            yield Fault(
                key="ttl",
                value=f"{request.lifetime}s",
                problem=f"{name} takes tokens of {longest}s at most",
                remedy=f"use --ttl {longest}s or less",
            )
        if told.get("leaving"):
            yield Fault(
                key="audience",
                value=request.audience,
                problem=f"{name} is leaving: since {told['leaving']} nobody gets a token for it",
                remedy=f"remove `leaving:` from services/{name}.yaml, if it is to stay",
            )
