"""Check all manifests and the claims contract: every fault at once, with file, line and remedy.

What only an environment can tell (the clouds that it is in, say) is for `signet preview`.
"""

import argparse

from signet.caller_warnings import warnings_of
from signet.cli import output, service_folder


def declare(parser: argparse.ArgumentParser) -> None:
    """Nothing but the folder."""


def run(args: argparse.Namespace) -> int:
    """Say that all is well, and warn of rules that let in whom their author may not have meant."""
    found = service_folder.read(args.services)
    told = {
        name: [
            str(line) for line in warnings_of(service.callers, f"{service.source.file}: callers")
        ]
        for name, service in found.services.items()
    }
    if args.json:
        output.emit_json({"services": sorted(found.services), "warnings": told})
        return 0
    for lines in told.values():
        for line in lines:
            output.say(line, style="warn")
    claims = len(found.contract.claims)
    count = len(found.services)
    output.say(
        f"{count} service{'' if count == 1 else 's'} and {claims} agreed claims: no faults",
        style="good",
    )
    return 0
