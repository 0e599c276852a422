"""`signet service`: onboard services, check their manifests, list them, and let them go."""

import argparse
import importlib
from pathlib import Path

from signet.paths import repo_root

EXAMPLE = """\
examples:
  signet service add                                  asks for everything
  signet service add orders --owner team-orders --contact orders@example.com --cloud aws \\
      --audience https://orders.example.com --route 'GET /orders/{id} orders:read' --yes
  signet service check
  signet service list
  signet service remove orders --stack prod           twice: marks it, then takes it away
"""

_ACTIONS = {
    "add": ("signet.cli.service_add", "write the manifest of a new service"),
    "check": ("signet.cli.service_check", "check all manifests, and the claims contract"),
    "list": ("signet.cli.service_list", "list the services"),
    "remove": ("signet.cli.service_remove", "let a service go, once its tokens have run out"),
}


def add(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the command and its actions."""
    parser = subparsers.add_parser(
        "service", help="onboard services", description=__doc__, epilog=EXAMPLE
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    for name, (module, text) in _ACTIONS.items():
        action = importlib.import_module(module)
        inner = actions.add_parser(name, help=text, description=action.__doc__, epilog=EXAMPLE)
        inner.add_argument(
            "--services",
            metavar="FOLDER",
            type=Path,
            default=repo_root() / "services",
            help="folder of the manifests (default: services)",
        )
        action.declare(inner)


def run(args: argparse.Namespace) -> int:
    """Run the chosen action."""
    module, _ = _ACTIONS[args.action]
    return int(importlib.import_module(module).run(args))
