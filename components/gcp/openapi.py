"""API Gateway's own JWT check, as an OpenAPI document, for teams that want no validator. Pure.

It checks signature, issuer, audience and expiry against the published set; no scopes, no lifetime
cap, no denied keys before its cache ends. Source: API Gateway, "Authentication between services".
"""

import json
from typing import Any, Final

_SECURITY: Final = "signet"


def document(environment: str, issuer: str, jwks_url: str, audience: str, backend: str) -> str:
    """Return an OpenAPI 2.0 document that guards every path of a backend."""
    told: dict[str, Any] = {
        "swagger": "2.0",
        "info": {"title": f"signet-{environment}", "version": "1"},
        "schemes": ["https"],
        "produces": ["application/json"],
        "x-google-backend": {"address": backend, "path_translation": "APPEND_PATH_TO_ADDRESS"},
        "securityDefinitions": {
            _SECURITY: {
                "type": "oauth2",
                "flow": "implicit",
                "authorizationUrl": "",
                "x-google-issuer": issuer,
                "x-google-jwks_uri": jwks_url,
                "x-google-audiences": audience,
            }
        },
        "security": [{_SECURITY: []}],
        "paths": {
            "/**": {
                method: {
                    "operationId": f"any-{method}",
                    "responses": {"200": {"description": "what the backend answers"}},
                }
                for method in ("get", "post", "put", "patch", "delete")
            }
        },
    }
    return json.dumps(told, indent=2)
