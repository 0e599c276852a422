"""Lines 58 to 68: claims."""

from functools import partial
from typing import Any

from . import forge
from .forge import NOW, compact, good_claims, good_policy
from .table import (
    Line,
    allowed,
    case,
    es256,
    with_claims,
    with_claims_text,
    with_policy,
    with_signature,
)

_aud: Any
_iss: Any
_jti: Any
_roles: Any
_scope: Any
_sub: Any
_text: Any
_value: Any


def with_raw(name: str, text: str) -> Line:
    """A claim with a value as JSON text."""
    return with_claims_text(compact(good_claims(**{name: None}))[:-1] + f',"{name}":{text}}}')


_NO_DATES = (
    '"1800000500"',
    "true",
    "[1800000500]",
    "1800000500.0",
    "1800000500.5",
    "1e300",
    "1.8e9",
    "-1",
    "{}",
)
case(58, "exp missing", "claim_missing", lambda: with_claims(exp=None))
case(58, "exp null", "claim_missing", lambda: with_raw("exp", "null"))
for _text in _NO_DATES:
    case(59, f"exp {_text}", "claim_invalid", partial(lambda text: with_raw("exp", text), _text))
for _text in ("NaN", "Infinity"):
    case(59, f"exp {_text}", "json_invalid", partial(lambda text: with_raw("exp", text), _text))
case(
    60,
    "exp equal to now less the skew",
    "token_expired",
    lambda: with_claims(exp=NOW - 60, iat=NOW - 100, nbf=None),
)
case(
    60,
    "exp equal to now without skew",
    "token_expired",
    lambda: with_policy({"exp": NOW}, clock_skew=0),
)
case(
    60,
    "exp long ago",
    "token_expired",
    lambda: with_claims(exp=NOW - 1000, iat=NOW - 1500, nbf=None),
)
case(61, "nbf in the future", "token_not_yet_valid", lambda: with_claims(nbf=NOW + 61))
case(
    61,
    "nbf a second ahead without skew",
    "token_not_yet_valid",
    lambda: with_policy({"nbf": NOW + 1}, clock_skew=0),
)
for _text in (*_NO_DATES, "null"):
    case(61, f"nbf {_text}", "claim_invalid", partial(lambda text: with_raw("nbf", text), _text))
case(62, "iat missing", "claim_missing", lambda: with_claims(iat=None))
case(62, "iat null", "claim_missing", lambda: with_raw("iat", "null"))
case(62, "iat in the future", "issued_in_future", lambda: with_claims(iat=NOW + 61, nbf=None))
for _text in _NO_DATES:
    case(62, f"iat {_text}", "claim_invalid", partial(lambda text: with_raw("iat", text), _text))
case(62, "iat after exp", "claim_invalid", lambda: with_claims(iat=NOW + 30, exp=NOW + 20))
case(62, "iat equal to exp", "claim_invalid", lambda: with_claims(iat=NOW + 30, exp=NOW + 30))
case(63, "lifetime a second over the cap", "lifetime_too_long", lambda: with_claims(exp=NOW + 891))
case(63, "exp ten years out", "lifetime_too_long", lambda: with_claims(exp=NOW + 315_360_000))
case(63, "issued too long ago", "lifetime_too_long", lambda: with_claims(iat=NOW - 7200, nbf=None))
case(63, "iat zero", "lifetime_too_long", lambda: with_claims(iat=0, nbf=None))
case(64, "iss missing", "claim_missing", lambda: with_claims(iss=None))
case(64, "iss null", "claim_missing", lambda: with_raw("iss", "null"))
for _iss in (
    forge.ISSUER[:-1],
    f"{forge.ISSUER}/",
    forge.ISSUER.upper(),
    f" {forge.ISSUER}",
    "",
    f"{forge.ISSUER}\x00",
):
    case(64, f"iss {_iss!r}", "issuer_mismatch", partial(lambda iss: with_claims(iss=iss), _iss))
for _iss in ([forge.ISSUER], 7, {"iss": forge.ISSUER}, True):
    case(64, f"iss {_iss!r}", "claim_invalid", partial(lambda iss: with_claims(iss=iss), _iss))
case(
    64,
    "iss a list where the policy does not check it",
    "claim_invalid",
    lambda: {**with_claims(iss=[forge.ISSUER]), "policy": {**good_policy(), "issuer": None}},
)
case(65, "aud missing", "claim_missing", lambda: with_claims(aud=None))
case(65, "aud null", "claim_missing", lambda: with_raw("aud", "null"))
for _aud in (forge.AUDIENCE[:-1], f"{forge.AUDIENCE}/", forge.AUDIENCE.upper(), ["other"], "*"):
    case(65, f"aud {_aud!r}", "audience_mismatch", partial(lambda aud: with_claims(aud=aud), _aud))
for _aud in (
    "",
    [],
    {"aud": forge.AUDIENCE},
    [forge.AUDIENCE, 7],
    [forge.AUDIENCE, None],
    [[forge.AUDIENCE]],
    [forge.AUDIENCE, ""],
    7,
    True,
):
    case(65, f"aud {_aud!r}", "claim_invalid", partial(lambda aud: with_claims(aud=aud), _aud))
case(
    65,
    "aud mixed where the policy does not check it",
    "claim_invalid",
    lambda: {**with_claims(aud=["x", 7]), "policy": {**good_policy(), "audience": None}},
)
case(66, "sub missing", "claim_missing", lambda: with_claims(sub=None))
case(66, "sub null", "claim_missing", lambda: with_raw("sub", "null"))
for _sub in ("", 7, ["x"], True, {"x": 1}, "a\nb", "a\u202eb"):
    case(66, f"sub {_sub!a}", "claim_invalid", partial(lambda sub: with_claims(sub=sub), _sub))
case(
    66,
    "a claim that the policy requires missing",
    "claim_missing",
    lambda: with_policy({}, required_claims=["client_id"]),
)
for _value in ("", [], {}):
    case(
        66,
        f"a claim that the policy requires {_value!r}",
        "claim_missing",
        partial(
            lambda value: with_policy({"client_id": value}, required_claims=["client_id"]), _value
        ),
    )
case(
    66,
    "a claim that the policy requires null",
    "claim_missing",
    lambda: {
        **with_raw("client_id", "null"),
        "policy": good_policy(required_claims=["client_id"]),
    },
)
for _jti in ("", 7, ["x"]):
    case(66, f"jti {_jti!r}", "claim_invalid", partial(lambda jti: with_claims(jti=jti), _jti))
case(66, "jti null", "claim_invalid", lambda: with_raw("jti", "null"))
case(
    67,
    "scope missing",
    "scope_missing",
    lambda: with_policy({"scope": None}, scopes=["orders:read"]),
)
for _scope in (
    "",
    "orders:rea",
    "orders:read2",
    "ORDERS:READ",
    "orders:write\torders:read",
    "orders:read,orders:write",
    ["orders:read"],
    {"orders:read": 1},
    7,
    True,
):
    case(
        67,
        f"scope {_scope!r}",
        "scope_missing",
        partial(lambda scope: with_policy({"scope": scope}, scopes=["orders:read"]), _scope),
    )
case(
    67,
    "one of two scopes",
    "scope_missing",
    lambda: with_policy({"scope": "orders:read"}, scopes=["orders:read", "orders:write"]),
)
case(67, "roles missing", "role_missing", lambda: with_policy({"roles": None}, roles=["reader"]))
for _roles in (
    [],
    ["read"],
    ["readers"],
    ["READER"],
    "reader",
    {"reader": 1},
    ["reader", 7],
    [["reader"]],
    7,
    True,
):
    case(
        67,
        f"roles {_roles!r}",
        "role_missing",
        partial(lambda roles: with_policy({"roles": roles}, roles=["reader"]), _roles),
    )
case(
    67,
    "one of two roles",
    "role_missing",
    lambda: with_policy({"roles": ["reader"]}, roles=["reader", "writer"]),
)


def _other_s() -> Line:
    def change(signature: bytes) -> bytes:
        other = forge.P256_ORDER - int.from_bytes(signature[32:])
        return signature[:32] + other.to_bytes(32)

    return {
        **with_signature(change, es256()),
        "policy": good_policy(
            algorithms=["ES256"], denied_jtis=[[forge.ISSUER, good_claims()["jti"]]]
        ),
    }


allowed(
    "the other valid s of a token that is not denied",
    lambda: {**_other_s(), "policy": good_policy(algorithms=["ES256"])},
)
case(68, "a denied jti with the other valid s", "token_denied", _other_s)
case(
    68, "a denied jti", "token_denied", lambda: with_policy({}, denied_jtis=[good_claims()["jti"]])
)
case(
    68,
    "a denied pair of iss and jti",
    "token_denied",
    lambda: with_policy({}, denied_jtis=[[forge.ISSUER, good_claims()["jti"]]]),
)
allowed(
    "a denied pair of another iss and this jti",
    lambda: with_policy({}, denied_jtis=[["https://other.invalid", good_claims()["jti"]]]),
)
