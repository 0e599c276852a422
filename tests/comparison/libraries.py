"""PyJWT, joserfc and jwcrypto, each used as its own documentation shows, with nothing added.

Each takes a line of the batch format and answers claims or raises. All get the key set, the
algorithms, issuer, audience and skew of the line's policy, and its time. What the policy asks
beyond that (type, lifetime, required claims, scopes, roles, denials) has no setting in their
ordinary calls, so whoever uses them has to write it.
"""

import datetime
import json
import time
import warnings
from collections.abc import Callable
from typing import Any
from unittest import mock

import joserfc.errors
import joserfc.jwk
import joserfc.jwt
import jwcrypto.common
import jwcrypto.jwk
import jwcrypto.jws
import jwcrypto.jwt
import jwt

Line = dict[str, Any]


class _KeyUnknown(ValueError):
    """What `PyJWKClient` raises for a `kid` that is not in the set, or a set without keys."""


def pyjwt(line: Line) -> dict[str, Any]:
    """Usage examples, "Retrieve RSA signing keys from a JWKS endpoint", without the fetch."""
    policy = line["policy"]
    keys = jwt.PyJWKSet.from_dict(line["jwks"]).keys
    kid = jwt.get_unverified_header(line["token"]).get("kid")
    signing = [key for key in keys if key.public_key_use in ("sig", None) and key.key_id]
    found = jwt.PyJWKClient.match_kid(signing, kid)  # type: ignore[arg-type]
    if found is None:
        raise _KeyUnknown

    class Clock(datetime.datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return datetime.datetime.fromtimestamp(line["now"], tz)

    with mock.patch("jwt.api_jwt.datetime", Clock):
        claims: dict[str, Any] = jwt.decode(
            line["token"],
            found,
            algorithms=policy["algorithms"],
            audience=policy["audience"],
            issuer=policy["issuer"],
            leeway=policy["clock_skew"],
        )
    return claims


def joserfc_(line: Line) -> dict[str, Any]:
    """Guide, "JSON Web Token": decode with a key set, then validate claims with a registry."""
    policy = line["policy"]
    keys = joserfc.jwk.KeySet.import_key_set(line["jwks"])
    token = joserfc.jwt.decode(line["token"], keys, algorithms=policy["algorithms"])
    joserfc.jwt.JWTClaimsRegistry(
        now=line["now"],
        leeway=policy["clock_skew"],
        iss={"essential": True, "value": policy["issuer"]},
        aud={"essential": True, "values": policy["audience"]},
    ).validate(token.claims)
    return dict(token.claims)


def jwcrypto_(line: Line) -> dict[str, Any]:
    """JSON Web Token, "Examples": a key set, algorithms and the claims to check.

    With claims named to check it looks at `exp` only when that is named too, so it is.
    """
    policy = line["policy"]
    keys = jwcrypto.jwk.JWKSet.from_json(json.dumps(line["jwks"]))
    with mock.patch.object(time, "time", return_value=line["now"]):
        token = jwcrypto.jwt.JWT(
            algs=policy["algorithms"],
            check_claims={"iss": policy["issuer"], "aud": policy["audience"], "exp": None},
            expected_type="JWS",
        )
        token.leeway = policy["clock_skew"]
        token.deserialize(line["token"], keys)
        token.validate(keys)
    claims: dict[str, Any] = json.loads(token.claims)
    return claims


LIBRARIES: dict[str, Callable[[Line], dict[str, Any]]] = {
    "PyJWT": pyjwt,
    "joserfc": joserfc_,
    "jwcrypto": jwcrypto_,
}
_OWN_ERRORS: dict[str, tuple[type[Exception], ...]] = {
    "PyJWT": (jwt.PyJWTError, _KeyUnknown),
    "joserfc": (joserfc.errors.JoseError, ValueError),
    "jwcrypto": (jwcrypto.common.JWException, ValueError),
}


def opinion(library: str, line: Line) -> str:
    """`allows`, `refuses`, or `breaks off` for an exception that is not one to refuse with."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            LIBRARIES[library](line)
        except _OWN_ERRORS[library]:
            return "refuses"
        except Exception:  # noqa: BLE001 - whatever comes out of a library is what is told
            return "breaks off"
    return "allows"
