"""The fake's identities: a managed identity's endpoint, and tokens that only this fake takes.

A token says for which service it is and until when; it carries no rights, because the fake does not
enforce any (docs/sandbox.md).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time

from sandbox.azure.http import Refusal
from sandbox.fakes.http import Asked, Said, said_json

PATH = "/msi/token"
_LIFETIME = 3600
_UNAUTHORIZED, _BAD = 401, 400


class Identity:
    """Issues and checks tokens under the sandbox's own secret."""

    def __init__(self, secret: str) -> None:
        self._secret = secret

    def answer(self, asked: Asked) -> Said:
        """Answer as App Service's endpoint does (REST reference, API version 2019-08-01)."""
        if asked.headers.get("x-identity-header") != self._secret:
            raise Refusal(_UNAUTHORIZED, "Unauthorized", "the identity header is another one")
        resource = asked.query.get("resource", "")
        if not resource or asked.query.get("api-version") != "2019-08-01":
            raise Refusal(_BAD, "BadRequest", "resource or api-version is missing")
        until = int(time.time()) + _LIFETIME
        return said_json(
            200,
            {
                "access_token": self.token(resource, until),
                "expires_on": str(until),
                "resource": resource,
                "token_type": "Bearer",
                "client_id": asked.query.get("client_id", "sandbox"),
            },
        )

    def token(self, resource: str, until: int) -> str:
        """Return a token for one service."""
        text = json.dumps({"aud": resource.rstrip("/"), "exp": until}).encode()
        body = base64.urlsafe_b64encode(text).decode()
        return f"{body}.{self._seal(body)}"

    def require(self, asked: Asked, *resources: str) -> bool:
        """Whether the request carries a good token for one of `resources`; False without any.

        Raises Refusal for a token that is not good.
        """
        value = asked.headers.get("authorization", "")
        if not value:
            return False
        body, _, seal = value.removeprefix("Bearer ").rpartition(".")
        if not hmac.compare_digest(seal.encode(), self._seal(body).encode()):
            raise Refusal(_UNAUTHORIZED, "InvalidAuthenticationInfo", "no token of this sandbox")
        told = json.loads(base64.urlsafe_b64decode(body))
        if told["exp"] < time.time():
            raise Refusal(_UNAUTHORIZED, "InvalidAuthenticationInfo", "the token has expired")
        if told["aud"] not in {resource.rstrip("/") for resource in resources}:
            raise Refusal(_UNAUTHORIZED, "InvalidAuthenticationInfo", f"for {told['aud']}")
        return True

    def _seal(self, text: str) -> str:
        return hmac.new(self._secret.encode(), text.encode(), hashlib.sha256).hexdigest()
