"""Forward authentication as many a team writes it: FastAPI, PyJWT, one worker of uvicorn."""

import json
import os
from pathlib import Path

import jwt
from fastapi import FastAPI, Header, HTTPException, Response

told = json.loads(Path(os.environ["BENCH_SERVICE"]).read_text())
keys = {key["kid"]: jwt.PyJWK(key) for key in told["jwks"]["keys"]}
app = FastAPI(openapi_url=None)


@app.get("/authorize/{path:path}")
async def authorize(path: str, authorization: str = Header()) -> Response:  # noqa: ARG001
    """200 with the subject, or 401."""
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer":
        raise HTTPException(401)
    try:
        claims = jwt.decode(
            token,
            keys[jwt.get_unverified_header(token)["kid"]],
            algorithms=["RS256"],
            audience=told["audience"],
            issuer=told["issuer"],
            options={"require": ["iss", "sub", "aud", "iat", "exp"]},
        )
    except (jwt.InvalidTokenError, KeyError) as error:
        raise HTTPException(401) from error
    return Response(headers={"x-signet-subject": claims["sub"]})
