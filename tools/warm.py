"""Fetch what the first `signet up local` would fetch: the emulator, and the bundles' wheels.

Run by set-up, inside `.venv`, so that a demo's time is the demo's and needs no network.
"""

import os
import sys

from components.packaging import (
    TOKEN_SERVICE,
    TOKEN_SERVICE_BY_REST,
    build_bundle,
    default_target,
)
from sandbox import ministack_venv
from signet.errors import SignetError


def main() -> int:
    """Fetch them; exit 2 with the reason when one cannot be had."""
    try:
        print("the AWS emulator", flush=True)
        ministack_venv.ensure(os.environ, lambda _state: None)
        print("the validator bundle", flush=True)
        build_bundle(default_target())
        print("the token service", flush=True)
        for recipe in (TOKEN_SERVICE, TOKEN_SERVICE_BY_REST):
            build_bundle(default_target(), recipe=recipe)
    except SignetError as error:
        print(error)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
