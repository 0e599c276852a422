"""The demo backend: answers which identity the gateway passed on. Runs alone in a Lambda function.

It reads the authorizer's context, which only the gateway can fill, and never a header: a caller can
send any header. It repeats neither the token nor any other header.
"""

import json
from typing import Any

_GATEWAY_OWN = {"principalId", "integrationLatency", "usageIdentifierKey"}


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Answer an HTTP API event (format 2.0) or a REST API proxy event."""
    request = event.get("requestContext") or {}
    authorizer = request.get("authorizer") or {}
    identity = authorizer.get("lambda", authorizer) or {}
    shown = {
        name: value
        for name, value in identity.items()
        if name not in _GATEWAY_OWN and isinstance(value, (str, int, float, bool))
    }
    path = event.get("rawPath") or event.get("path") or "/"
    return {
        "statusCode": 200,
        "headers": {"content-type": "application/json", "cache-control": "no-store"},
        "body": json.dumps({"identity": shown, "path": path}, sort_keys=True),
    }
