"""What must be allowed: a validator that refuses everything is of no use."""

from functools import partial
from typing import Any

from . import forge
from .forge import NOW, Signer, compact, good_claims, good_policy, key_set
from .table import (
    allowed,
    line,
    rs256,
    with_claims,
    with_claims_text,
    with_header,
    with_header_text,
    with_key,
    with_policy,
)

_algorithm: Any
_typ: Any
_value: Any

for _algorithm in ("RS256", "PS256", "ES256", "ES384"):
    allowed(_algorithm, partial(lambda algorithm: line(signer=Signer(algorithm)), _algorithm))
allowed("RSA of 3072 bits", lambda: line(signer=Signer("RS256", forge.rsa_private(3072))))
allowed("RSA of 4096 bits", lambda: line(signer=Signer("RS256", forge.rsa_private(4096))))
allowed("typ in other case", lambda: with_header(typ="AT+JWT"))
allowed("typ with application/", lambda: with_header(typ="application/at+jwt"))
allowed("an unknown header name", lambda: with_header(note="x"))
allowed("white space in JSON", lambda: with_claims_text(" " + compact(good_claims()) + "\n"))
allowed("white space in the header", lambda: with_header_text(f"\n{compact(rs256().header())} "))
allowed("escapes", lambda: with_claims_text(compact(good_claims(name="\U0001d11e \\ é"))))
allowed("nested claims", lambda: with_claims(act={"sub": "x", "act": {"sub": ["y", 1, 1.5]}}))
allowed("aud a list", lambda: with_claims(aud=["other", forge.AUDIENCE]))
allowed(
    "no nbf, jti, scope or roles", lambda: with_claims(nbf=None, jti=None, scope=None, roles=None)
)
allowed(
    "exp a second ahead of now less the skew",
    lambda: with_claims(iat=NOW - 600, nbf=None, exp=NOW - 59),
)
allowed("nbf and iat as late as the skew allows", lambda: with_claims(nbf=NOW + 60, iat=NOW + 60))
allowed("lifetime at the cap", lambda: with_claims(iat=NOW - 10, exp=NOW + 890))
allowed(
    "all wanted scopes, roles and claims",
    lambda: with_policy(
        {"client_id": "c"},
        scopes=["orders:read", "orders:write"],
        roles=["reader"],
        required_claims=["client_id", "jti"],
    ),
)
allowed(
    "issuer and audience not checked",
    lambda: (
        with_policy({"iss": None, "aud": None}, issuer=None)
        | {"policy": {**good_policy(), "issuer": None, "audience": None}}
    ),
)
for _typ in (None, "JWT", "at+jwt", "jwt"):
    allowed(
        f"typ {_typ} where the policy names none",
        partial(lambda typ: {**with_header(typ=typ), "policy": good_policy(typ=None)}, _typ),
    )
allowed("another kid than the thumbprint, without use", lambda: with_key(kid="2026-11", use=None))
allowed("key_ops verify", lambda: with_key(key_ops=["verify"]))
allowed(
    "a sequence and a denied kid of another key",
    lambda: {**line(), "jwks": key_set(rs256(), sequence=7, denied=["gone"])},
)
allowed(
    "a key set and a key with unknown members",
    lambda: line(jwks=key_set({**rs256().jwk, "extra": [1]}, extra={"keys": []})),
)
allowed(
    "a key with a certificate beside it",
    lambda: with_key(x5c=["MII"], x5t="abc", x5u="https://x.invalid", **{"x5t#S256": "abc"}),
)
for _value in (2**53, 2**31):
    allowed(
        f"max_lifetime {_value}", partial(lambda value: with_policy({}, max_lifetime=value), _value)
    )
allowed(
    "a lifetime of a century under a max_lifetime of 2**53",
    lambda: with_policy({"exp": NOW + 3_155_760_000}, max_lifetime=2**53),
)
allowed(
    "another jti is denied", lambda: with_policy({}, denied_jtis=["other", [forge.ISSUER, "x"]])
)
allowed(
    "an issuer and an audience that the policy does not check",
    lambda: {**line(), "policy": {**good_policy(), "issuer": None, "audience": None}},
)
