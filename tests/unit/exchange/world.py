"""A token service in this process: five platforms of ours, a clock that is told, a local key."""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import jsonschema

from signet.callers import Caller, parse_callers
from signet.documents import jwk_from_pem
from signet.issuing.exchange.form import FORM_TYPE, GRANT_TYPE, JWT
from signet.issuing.exchange.replay import MemoryReplayStore, ReplayStore
from signet.issuing.exchange.service import Answer, Clocks, HttpRequest, TokenService
from signet.issuing.exchange.signing import signings
from signet.issuing.exchange.subjects import Subjects
from signet.issuing.signers import Signer
from signet.paths import repo_root
from signet.token_service import Limits, OfferedService, SigningKey, TokenServiceSettings
from tests.cases import platforms
from tests.cases.forge import NOW
from tests.cases.platforms import Platform
from tests.unit.issuing.local_keys import LocalSigner
from tests.unit.verification.stores import Stores

SCHEMA = json.loads((repo_root() / "docs" / "audit.schema.json").read_text())
ISSUER = "https://keys.signet.example/prod"
ORDERS = "https://orders.example"
LONGEST = 900

CALLERS: list[dict[str, Any]] = [
    {
        "name": "orders-ci",
        "identity": "github",
        "match": {
            "repository_id": "74",
            "repository_owner_id": "65",
            "environment": "prod",
            "ref": "refs/heads/main",
        },
        "scopes": ["orders:read", "orders:write"],
        "roles": ["deployer"],
        "lifetime": "10m",
    },
    {
        "name": "orders-pipeline",
        "identity": "gitlab",
        "match": {"project_id": "46573356", "namespace_id": "68413579", "ref": "main"},
        "scopes": ["orders:read"],
        "once": True,
    },
    {
        "name": "orders-nightly",
        "identity": "aws",
        "issuer": platforms.AWS["iss"],
        "match": {"sub": platforms.AWS["sub"], "aws_account": "123456789012"},
        "scopes": ["orders:read"],
    },
    {
        "name": "orders-job",
        "identity": "azure",
        "issuer": platforms.ENTRA["iss"],
        "match": {"oid": platforms.ENTRA["oid"], "tid": platforms.ENTRA["tid"]},
        "subject_audience": "api://exchange",
        "scopes": ["orders:read"],
    },
    {
        "name": "orders-batch",
        "identity": "google",
        "match": {"sub": platforms.GOOGLE["sub"]},
        "scopes": ["orders:read"],
    },
]
AUDIENCE_OF = {"azure": "api://exchange"}
"""What a platform's token is made out to, where that is not the environment's issuer."""


def callers(raw: list[dict[str, Any]] | None = None) -> tuple[Caller, ...]:
    return parse_callers(CALLERS if raw is None else raw, "callers", sandbox=True)


def signing_key(signer: LocalSigner) -> SigningKey:
    return SigningKey(
        issuer=ISSUER,
        generation=1,
        algorithm=signer.algorithm,
        jwk=jwk_from_pem(signer.public_key_pem(), signer.algorithm),
        cloud="aws",
        reference="arn:aws:kms:eu-west-1:123456789012:key/1",
        identity="arn:aws:iam::123456789012:role/issuer",
        longest_lifetime=LONGEST,
    )


def settings(
    signer: LocalSigner, raw: list[dict[str, Any]] | None = None, **changes: Any
) -> TokenServiceSettings:
    arguments: dict[str, Any] = {
        "environment": "prod",
        "cloud": "aws",
        "sandbox": False,
        "bundle_sha256": "0" * 64,
        "subject_audience": ISSUER,
        "keys": {"environment": signing_key(signer)},
        "services": (
            OfferedService(
                service="orders", audience=ORDERS, ring="environment", callers=callers(raw)
            ),
        ),
        "replay": "used-tokens",
    }
    return TokenServiceSettings(**(arguments | changes))


def checked(line: str) -> dict[str, Any]:
    """The line as read back, after the schema was held to it."""
    assert line.isascii()
    assert line.isprintable()
    found: dict[str, Any] = json.loads(line)
    jsonschema.validate(found, SCHEMA)
    return found


class World:
    """A token service, its platforms and what it wrote."""

    def __init__(
        self,
        *,
        raw: list[dict[str, Any]] | None = None,
        limits: Limits | None = None,
        signer: Signer | None = None,
        connect: Callable[[SigningKey], Signer] | None = None,
        replay: ReplayStore | None = None,
        local: LocalSigner | None = None,
        memory_since: int | None = 0,
    ) -> None:
        self.now = float(NOW)
        self.monotonic = 1_000.0
        self.lines: list[dict[str, Any]] = []
        self.platforms = {made.identity: made for made in (make() for make in platforms.PLATFORMS)}
        self.stores = Stores()
        self.local = local or LocalSigner("RS256")
        self.settings = settings(
            self.local, raw, limits=limits or Limits(), memory_since=memory_since
        )
        (service,) = self.settings.services
        for caller in service.callers:
            if caller.kind.name in self.platforms:
                key_set = self.platforms[caller.kind.name].key_set()
                self.stores.held[caller.kind.jwks_uri(caller.issuer)] = key_set
        self.service = TokenService(
            self.settings,
            Subjects(service.callers, ISSUER, self.stores),
            signings(self.settings.keys, connect or (lambda _: signer or self.local)),
            replay or MemoryReplayStore(),
            clocks=Clocks(wall=lambda: self.now, monotonic=lambda: self.monotonic),
            write=lambda line: self.lines.append(checked(line)),
        )

    def token(self, identity: str, **changes: Any) -> str:
        """A good token of a platform, for this service."""
        audience = AUDIENCE_OF.get(identity, ISSUER)
        return self.platforms[identity].token(audience, int(self.now), **changes)

    def ask(self, token: str, **changes: Any) -> Answer:
        """Exchange `token`; None takes a parameter away."""
        form = {
            "grant_type": GRANT_TYPE,
            "subject_token": token,
            "subject_token_type": JWT,
            "audience": ORDERS,
            **changes,
        }
        kept = {name: value for name, value in form.items() if value is not None}
        return self.send(urlencode(kept).encode())

    def send(
        self,
        body: bytes,
        *,
        method: str = "POST",
        path: str = "/token",
        content_type: str = FORM_TYPE,
    ) -> Answer:
        """Send bytes as they are."""
        return self.service.handle(
            HttpRequest(
                method=method,
                path=path,
                headers={"content-type": content_type},
                body=body,
                request_id="r-1",
            )
        )


def told(answer: Answer) -> dict[str, Any]:
    """The answer's members."""
    members: dict[str, Any] = json.loads(answer.body)
    return members


def other(platform: Platform, **changes: Any) -> Platform:
    """The same platform with other claims."""
    return Platform(
        platform.identity, {**platform.claims, **changes}, platform.signer, platform.header
    )
