"""Lines 1 to 22: algorithm and key."""

from functools import partial
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from . import forge
from .forge import Signer, b64, compact, good_claims, good_policy, key_set
from .table import (
    Line,
    case,
    es256,
    line,
    rs256,
    unsigned,
    with_claims_text,
    with_header,
    with_header_text,
    with_key,
)

_algorithm: Any
_name: Any
_reason: Any
_typ: Any


def _hmac_with(secret: bytes) -> Line:
    import hashlib
    import hmac

    header = rs256().header(alg="HS256")
    signing_input = f"{b64(compact(header))}.{b64(compact(good_claims()))}"
    tag = hmac.new(secret, signing_input.encode(), hashlib.sha256).digest()
    return line(f"{signing_input}.{b64(tag)}")


def _pem() -> bytes:
    return _public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def _public_bytes(encoding: Encoding, form: PublicFormat) -> bytes:
    octets: bytes = rs256().private.public_key().public_bytes(encoding, form)
    return octets


def _under(algorithm: str, **header: Any) -> Line:
    """A token that the ring's key really signed, but under another algorithm."""
    signer = rs256()
    signing_input = (
        f"{b64(compact(signer.header(alg=algorithm, **header)))}.{b64(compact(good_claims()))}"
    )
    signature = forge.raw_signature(signer.private, algorithm, signing_input.encode())
    return line(
        f"{signing_input}.{b64(signature)}",
        policy=good_policy(algorithms=["RS256", "PS256", "ES256", "ES384"]),
    )


_INFINITY_POINT = b64(bytes(32))

for _name in ("none", "None", "NONE", "nOnE"):
    case(1, f"alg {_name}", "algorithm_not_allowed", partial(unsigned, _name))
case(2, "alg missing", "header_invalid", lambda: with_header(alg=None))
case(2, "alg empty", "header_invalid", lambda: with_header(alg=""))
case(2, "alg a list", "header_invalid", lambda: with_header(alg=["RS256"]))
case(2, "alg a number", "header_invalid", lambda: with_header(alg=256))
case(3, "alg rs256", "algorithm_not_allowed", lambda: with_header(alg="rs256"))
case(3, "alg RS256 with a space", "algorithm_not_allowed", lambda: with_header(alg="RS256 "))
case(
    4,
    "HS256 keyed with the PEM",
    "algorithm_not_allowed",
    lambda: _hmac_with(_pem()),
)
case(
    4,
    "HS256 keyed with the PKCS#1 PEM",
    "algorithm_not_allowed",
    lambda: _hmac_with(_public_bytes(Encoding.PEM, PublicFormat.PKCS1)),
)
case(
    5,
    "HS256 keyed with the DER",
    "algorithm_not_allowed",
    lambda: _hmac_with(_public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)),
)
case(
    5,
    "HS256 keyed with the JWK",
    "algorithm_not_allowed",
    lambda: _hmac_with(compact(rs256().jwk).encode()),
)
case(
    5,
    "HS256 keyed with the SSH key",
    "algorithm_not_allowed",
    lambda: _hmac_with(_public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)),
)
case(
    5,
    "HS256 keyed with a space and the PEM",
    "algorithm_not_allowed",
    lambda: _hmac_with(b" " + _pem()),
)
for _algorithm in ("RS384", "RS512", "PS256", "PS384"):
    case(
        6,
        f"{_algorithm} under an RS256 key",
        "algorithm_not_allowed",
        partial(_under, _algorithm),
    )
case(
    7,
    "ES256 in the header of an RSA key",
    "algorithm_not_allowed",
    lambda: with_header(alg="ES256"),
)
case(
    7,
    "an algorithm that the policy does not name",
    "algorithm_not_allowed",
    lambda: line(signer=es256(), policy=good_policy()),
)
case(8, "a JWK without alg", "key_set_invalid", lambda: with_key(alg=None))
case(8, "a JWK with another alg than its kty", "key_set_invalid", lambda: with_key(alg="ES256"))
case(8, "a JWK with an alg that is not supported", "key_set_invalid", lambda: with_key(alg="RS512"))
case(
    9,
    "ES256K",
    "key_set_invalid",
    lambda: line(
        "x", jwks=key_set({**Signer("ES256", forge.ec_private("secp256k1")).jwk, "alg": "ES256K"})
    ),
)
case(
    9,
    "secp256k1 called ES256",
    "key_set_invalid",
    lambda: line("x", jwks=key_set(Signer("ES256", forge.ec_private("secp256k1")))),
)
case(
    9,
    "P-384 under ES256",
    "key_set_invalid",
    lambda: line("x", jwks=key_set(Signer("ES256", forge.ec_private("P-384")))),
)
case(
    9,
    "P-384 called P-256",
    "key_set_invalid",
    lambda: line("x", jwks=key_set(Signer("ES256", forge.ec_private("P-384"), crv="P-256"))),
)
case(
    9,
    "a secp256k1 point called P-256",
    "key_set_invalid",
    lambda: line("x", jwks=key_set(Signer("ES256", forge.ec_private("secp256k1"), crv="P-256"))),
)
case(10, "embedded jwk", "header_forbidden", lambda: with_header(jwk=rs256().jwk))
case(
    10,
    "embedded jwk of the attacker",
    "header_forbidden",
    lambda: line(
        Signer("RS256", forge.rsa_private(label="evil")).token(
            header=rs256().header(jwk=Signer("RS256", forge.rsa_private(label="evil")).jwk)
        )
    ),
)
case(11, "jku", "header_forbidden", lambda: with_header(jku="https://keys.example.invalid/"))
case(12, "x5u", "header_forbidden", lambda: with_header(x5u="https://keys.example.invalid/"))
case(13, "x5c", "header_forbidden", lambda: with_header(x5c=["MII"]))
case(13, "x5t", "header_forbidden", lambda: with_header(x5t="abc"))
case(13, "x5t#S256", "header_forbidden", lambda: with_header(**{"x5t#S256": "abc"}))
case(14, "crit with an unknown name", "header_forbidden", lambda: with_header(crit=["x"], x=1))
case(15, "crit empty", "header_forbidden", lambda: with_header(crit=[]))
case(15, "crit not a list", "header_forbidden", lambda: with_header(crit="exp"))
case(
    15,
    "crit null",
    "header_forbidden",
    lambda: with_header_text(compact(rs256().header())[:-1] + ',"crit":null}'),
)
case(15, "crit repeated", "header_forbidden", lambda: with_header(crit=["x", "x"], x=1))
case(16, "crit naming alg", "header_forbidden", lambda: with_header(crit=["alg"]))
case(16, "crit naming an absent header", "header_forbidden", lambda: with_header(crit=["exp"]))
case(17, "b64 false without crit", "header_forbidden", lambda: with_header(b64=False))
case(17, "b64 false with crit", "header_forbidden", lambda: with_header(b64=False, crit=["b64"]))
case(17, "b64 true", "header_forbidden", lambda: with_header(b64=True))
case(18, "zip", "header_forbidden", lambda: with_header(zip="DEF"))
case(
    19,
    "cty JWT",
    "header_forbidden",
    lambda: line(rs256().token(rs256().token(), rs256().header(cty="JWT"))),
)
case(
    19, "a token in a token without cty", "json_invalid", lambda: with_claims_text(rs256().token())
)
case(
    20,
    "five-part JWE",
    "token_malformed",
    lambda: line(".".join([b64('{"alg":"RSA-OAEP","enc":"A256GCM"}'), "a", "b", "c", "d"])),
)
case(
    20,
    "JWE around an unsigned token",
    "token_malformed",
    lambda: line(
        ".".join(
            [
                b64('{"alg":"dir","enc":"A256GCM","cty":"JWT"}'),
                "",
                b64(bytes(12)),
                b64(unsigned("none")["token"]),
                b64(bytes(16)),
            ]
        )
    ),
)
case(20, "enc in a signed token", "header_forbidden", lambda: with_header(enc="A256GCM"))
for _typ, _reason in (
    ("JWT", "type_not_allowed"),
    (None, "type_not_allowed"),
    ("id+jwt", "type_not_allowed"),
    ("", "type_not_allowed"),
    ("application/application/at+jwt", "type_not_allowed"),
    (["at+jwt"], "header_invalid"),
    (7, "header_invalid"),
    ("at+\u212awt", "header_invalid"),
):
    case(21, f"typ {_typ!a}", _reason, partial(lambda typ: with_header(typ=typ), _typ))
case(
    21,
    "typ null",
    "header_invalid",
    lambda: with_header_text(compact(rs256().header())[:-1].replace('"at+jwt"', "null") + "}"),
)
case(
    21,
    "typ of something else where the policy names none",
    "type_not_allowed",
    lambda: {**with_header(typ="secevent+jwt"), "policy": good_policy(typ=None)},
)
case(
    22,
    "an ID token",
    "type_not_allowed",
    lambda: line(rs256().token(good_claims(nonce="n", at_hash="h"), rs256().header(typ="JWT"))),
)
case(
    22,
    "a logout token",
    "type_not_allowed",
    lambda: line(
        rs256().token(
            good_claims(events={"http://schemas.openid.net/event/backchannel-logout": {}}),
            rs256().header(typ="logout+jwt"),
        )
    ),
)
case(
    22,
    "a logout token of typ JWT where the policy names none",
    "claim_invalid",
    lambda: line(
        rs256().token(
            good_claims(events={"http://schemas.openid.net/event/backchannel-logout": {}}),
            rs256().header(typ="JWT"),
        ),
        policy=good_policy(typ=None),
    ),
)
