"""`python -m sandbox.plugin aws`: what the sandbox's Pulumi home starts as a provider plugin."""

from __future__ import annotations

import gc
import importlib
import sys

from sandbox.plugin.server import serve

_ROOMS = {
    "aws": "sandbox.aws.provider",
    "azure-native": "sandbox.azure.provider",
    "gcp": "sandbox.gcp.provider",
}


def main(arguments: list[str]) -> int:
    """Serve the named cloud's plugin; the engine's own argument (its address) is not needed."""
    if not arguments or arguments[0] not in _ROOMS:
        sys.stderr.write(f"usage: python -m sandbox.plugin {'|'.join(_ROOMS)}\n")
        return 2
    provider = importlib.import_module(_ROOMS[arguments[0]]).provider()
    # A cloud's SDK is half a million objects that stay: no search for garbage goes through them.
    gc.freeze()
    serve(provider)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
