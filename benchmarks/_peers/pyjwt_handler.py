"""The same Lambda authorizer (HTTP API 2.0, simple answer) with PyJWT, by its documentation."""

import json
import os
from pathlib import Path
from typing import Any

import jwt

told = json.loads(Path(os.environ["BENCH_SERVICE"]).read_text())
keys = {key["kid"]: jwt.PyJWK(key) for key in told["jwks"]["keys"]}


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ARG001
    """Allow or refuse one request."""
    token = event["headers"]["authorization"].removeprefix("Bearer ")
    try:
        claims = jwt.decode(
            token,
            keys[jwt.get_unverified_header(token)["kid"]],
            algorithms=["RS256"],
            audience=told["audience"],
            issuer=told["issuer"],
            options={"require": ["iss", "sub", "aud", "iat", "exp"]},
        )
    except (jwt.InvalidTokenError, KeyError):
        return {"isAuthorized": False}
    return {"isAuthorized": True, "context": {"subject": claims["sub"]}}
