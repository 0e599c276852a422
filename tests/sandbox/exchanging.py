"""A token service as its cloud starts it, in this process, with the fakes and platforms of ours."""

from __future__ import annotations

import hashlib
import time
from typing import Any
from urllib.parse import urlencode

from signet.issuing.exchange.form import FORM_TYPE, GRANT_TYPE, JWT
from signet.token_service import (
    HASH_VARIABLE,
    OfferedService,
    SigningKey,
    TokenServiceSettings,
    packed,
)
from tests.unit.exchange.issuers import Issuers
from tests.unit.exchange.world import AUDIENCE_OF, callers
from validator_functions.verification import KeySet, Policy, verify

ISSUER = "https://keys.signet.example/prod"
AUDIENCE = "https://orders.example"
LONGEST = 900


def settings(
    issuers: Issuers, cloud: str, jwk: dict[str, str], reference: str, **places: str
) -> TokenServiceSettings:
    """The settings of a service whose one key is `reference`, for the callers of `issuers`."""
    key = SigningKey(
        issuer=ISSUER,
        generation=1,
        algorithm=jwk["alg"],
        jwk=jwk,
        cloud=cloud,
        reference=reference,
        identity="issuer-client-id",
        longest_lifetime=LONGEST,
    )
    offered = OfferedService(
        service="orders", audience=AUDIENCE, ring="environment", callers=callers(issuers.callers())
    )
    return TokenServiceSettings(
        environment="prod",
        cloud=cloud,
        sandbox=True,
        bundle_sha256="0" * 64,
        subject_audience=ISSUER,
        keys={"environment": key},
        services=(offered,),
        **places,
    )


def variables(told: TokenServiceSettings) -> dict[str, str]:
    """What the cloud sets of a container or an app."""
    text = told.dumps()
    digest = hashlib.sha256(text.encode()).hexdigest()
    return {"SIGNET_SETTINGS": packed(text), HASH_VARIABLE: digest}


def form(issuers: Issuers, identity: str, **changes: Any) -> bytes:
    """The body that asks for a token with a platform's."""
    audience = AUDIENCE_OF.get(identity, ISSUER)
    token = issuers.platforms[identity].token(audience, int(time.time()), **changes)
    return urlencode(
        {
            "grant_type": GRANT_TYPE,
            "subject_token": token,
            "subject_token_type": JWT,
            "audience": AUDIENCE,
        }
    ).encode()


HEADERS = {"content-type": FORM_TYPE}


def check(token: str, jwk: dict[str, str]) -> str:
    """Verify an issued token as a validator does, and return its subject."""
    policy = Policy(
        issuer=ISSUER,
        audiences=(AUDIENCE,),
        algorithms=(jwk["alg"],),
        max_lifetime=LONGEST,
        clock_skew=0,
        typ="at+jwt",
    )
    return verify(token, KeySet.parse({"keys": [jwk]}), policy, int(time.time())).subject
