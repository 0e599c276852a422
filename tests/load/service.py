"""A key, settings and tokens for whatever runs as a process of its own."""

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.cases.forge import AUDIENCE, ISSUER, Signer, good_claims, key_set
from tests.cases.settings import artefact, document, issuer
from tests.load.store import Store


class Service:
    """A service's validator settings in a folder, its key store, and the key that signs (RS256).

    `others` are deployed and published too, and sign nothing yet.
    """

    def __init__(self, folder: Path, others: Sequence[Signer] = (), **settings: Any) -> None:
        self.signer = Signer("RS256")
        self.folder = folder
        signers = (self.signer, *others)
        self.store = Store(key_set(*signers, sequence=1, denied=[]))
        trusted = issuer(*signers, jwks_urls=[self.store.url])
        # The sandbox's marker lets the store be plain HTTP on loopback.
        told = document(*signers, sandbox=True, issuers=[trusted], **settings)
        self.settings_file = folder / "signet_settings.json"
        self.settings_file.write_bytes(artefact(told))
        self.peer_file = folder / "peer.json"
        told = {"jwks": key_set(self.signer), "issuer": ISSUER, "audience": AUDIENCE}
        self.peer_file.write_text(json.dumps(told))
        self._made = 0

    def token(self, **claims: Any) -> str:
        """A token that no other is like, good for ten minutes."""
        self._made += 1
        now = int(time.time())
        times = {"iat": now - 5, "nbf": now - 5, "exp": now + 595}
        return self.signer.token(good_claims(jti=f"{self._made:032x}", **{**times, **claims}))

    def tokens(self, count: int) -> list[str]:
        """Fresh ones, each used once."""
        return [self.token() for _ in range(count)]

    @staticmethod
    def event(token: str) -> dict[str, Any]:
        """An HTTP API's authorizer event (payload format 2.0), as its documentation has it."""
        arn = "arn:aws:execute-api:eu-central-1:123456789012:abcdef123/$default/GET/orders/7"
        return {
            "version": "2.0",
            "type": "REQUEST",
            "routeArn": arn,
            "identitySource": [f"Bearer {token}"],
            "routeKey": "GET /orders/{id}",
            "rawPath": "/orders/7",
            "rawQueryString": "",
            "headers": {
                "accept": "application/json",
                "authorization": f"Bearer {token}",
                "content-length": "0",
                "host": "abcdef123.execute-api.eu-central-1.amazonaws.com",
                "user-agent": "orders/1.2",
                "x-amzn-trace-id": "Root=1-65f0c0de-0123456789abcdef01234567",
                "x-forwarded-for": "203.0.113.7",
                "x-forwarded-port": "443",
                "x-forwarded-proto": "https",
            },
            "requestContext": {
                "accountId": "123456789012",
                "apiId": "abcdef123",
                "domainName": "abcdef123.execute-api.eu-central-1.amazonaws.com",
                "domainPrefix": "abcdef123",
                "http": {
                    "method": "GET",
                    "path": "/orders/7",
                    "protocol": "HTTP/1.1",
                    "sourceIp": "203.0.113.7",
                    "userAgent": "orders/1.2",
                },
                "requestId": "JKJaXmPLvHcESHA=",
                "routeKey": "GET /orders/{id}",
                "stage": "$default",
                "time": "25/Nov/2026:12:00:00 +0000",
                "timeEpoch": 1_795_608_000_000,
            },
            "pathParameters": {"id": "7"},
            "stageVariables": {},
        }


def request(token: str, path: str = "/authorize/orders/7") -> bytes:
    """A proxy's question over HTTP/1.1, with the headers that a browser's request has."""
    return (
        f"GET {path} HTTP/1.1\r\nHost: api.signet.invalid\r\n"
        f"Authorization: Bearer {token}\r\nAccept: application/json\r\n"
        "User-Agent: orders/1.2\r\nX-Forwarded-For: 203.0.113.7\r\n"
        "X-Forwarded-Proto: https\r\nX-Request-Id: 7b1f63e7-6a8f-4c1c-9f43-0f4f4c2b8d11\r\n\r\n"
    ).encode()


def changed(environ: Mapping[str, str], **more: str) -> dict[str, str]:
    """An environment without what a developer's machine or a sandbox would add."""
    kept = {name: environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in environ}
    return {**kept, **more}
