"""List the services: who answers for each, where it is, and what it asks for."""

import argparse
from typing import TYPE_CHECKING

from signet.cli import output, service_folder

if TYPE_CHECKING:
    from signet.service import Service


def declare(parser: argparse.ArgumentParser) -> None:
    """Nothing but the folder."""


def run(args: argparse.Namespace) -> int:
    """Print the table."""
    services = service_folder.read(args.services).services.values()
    if args.json:
        output.emit_json(
            [
                {
                    "service": service.name,
                    "owner": service.owner,
                    "contact": service.contact,
                    "clouds": list(service.clouds),
                    "environments": list(service.environments),
                    "audience": service.audience,
                    "token_lifetime": service.token_lifetime,
                    "key_ring": "own" if service.own_ring else "environment",
                    "scopes": sorted(service.scopes),
                    "roles": sorted(service.roles),
                    "callers": [caller.name for caller in service.callers],
                    "leaving": service.leaving or None,
                }
                for service in services
            ]
        )
        return 0
    rows = [
        (
            service.name,
            service.owner,
            ", ".join(service.clouds),
            service.audience,
            ", ".join(sorted(service.scopes | service.roles)) or "-",
            ", ".join(caller.name for caller in service.callers) or "-",
            _leaving(service),
        )
        for service in services
    ]
    if not rows:
        output.say("no services yet: signet service add")
        return 0
    columns = ["service", "owner", "clouds", "audience", "scopes and roles", "callers", ""]
    output.print_table("", columns, rows)
    return 0


def _leaving(service: "Service") -> str:
    if not service.leaving:
        return ""
    return "leaving at once" if service.gone else f"leaving since {service.leaving}"
