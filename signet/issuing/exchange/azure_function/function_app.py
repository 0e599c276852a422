"""What the Azure Functions worker loads: it stands at the bundle's root, beside `host.json`."""

import sys
from pathlib import Path

# The bundle's own packages before those that the worker brings.
sys.path.insert(0, str(Path(__file__).parent))

from signet.issuing.exchange.azure_function.app import app

__all__ = ["app"]
