"""Lines 23 to 36: which key, and which key sets."""

from functools import partial
from typing import Any

from . import forge
from .forge import Signer, b64, good_policy, key_set, number
from .table import case, line, rs256, with_header, with_header_text, with_key

_denied: Any
_exponent: Any
_jwks: Any
_kid: Any
_member: Any
_name: Any
_operations: Any
_sequence: Any
_text: Any
_value: Any

case(23, "kid missing", "key_id_invalid", lambda: with_header(kid=None))
for _kid in ("", 7, ["x"], {"x": 1}, True):
    case(23, f"kid {_kid!r}", "key_id_invalid", partial(lambda kid: with_header(kid=kid), _kid))
case(
    23,
    "kid null",
    "key_id_invalid",
    lambda: with_header_text('{"alg":"RS256","typ":"at+jwt","kid":null}'),
)
case(24, "kid a path", "key_unknown", lambda: with_header(kid="../../../../dev/null"))
case(24, "kid SQL", "key_unknown", lambda: with_header(kid="x' UNION SELECT 'secret'--"))
case(24, "kid a URL", "key_unknown", lambda: with_header(kid="https://keys.example.invalid/k"))
case(24, "kid with NUL", "key_id_invalid", lambda: with_header(kid=f"{rs256().kid}\x00"))
case(24, "kid not ASCII", "key_id_invalid", lambda: with_header(kid="schlüssel"))
case(25, "kid of 257 characters", "key_id_invalid", lambda: with_header(kid="k" * 257))
case(25, "kid of 3,000 characters", "key_id_invalid", lambda: with_header(kid="k" * 2_900))
case(26, "unknown kid", "key_unknown", lambda: with_header(kid="unknown"))
case(26, "kid in other case", "key_unknown", lambda: with_header(kid=rs256().kid.swapcase()))
case(26, "kid with a space after it", "key_unknown", lambda: with_header(kid=f"{rs256().kid} "))
case(
    28,
    "a kid that the policy denies",
    "key_denied",
    lambda: {**line(), "policy": good_policy(denied_kids=[rs256().kid])},
)
case(
    28,
    "a kid that the set denies",
    "key_denied",
    lambda: {**line(), "jwks": key_set(rs256(), denied=[rs256().kid])},
)
case(
    28,
    "a withdrawn kid that is denied",
    "key_denied",
    lambda: {**line(), "jwks": key_set(Signer("PS256"), denied=[rs256().kid])},
)
case(29, "a kid of another issuer's ring", "key_unknown", lambda: line(Signer("PS256").token()))
case(
    30,
    "a duplicate kid",
    "key_set_invalid",
    lambda: line(jwks=key_set(rs256(), Signer("PS256", kid=rs256().kid))),
)
case(30, "the same key twice", "key_set_invalid", lambda: line(jwks=key_set(rs256(), rs256())))
case(
    31,
    "a symmetric key",
    "key_set_invalid",
    lambda: line(jwks=key_set(rs256(), {"kty": "oct", "kid": "s", "alg": "HS256", "k": "AAAA"})),
)
for _member in ("d", "p", "q", "dp", "dq", "qi", "oth", "k"):
    case(
        31,
        f"a private member {_member}",
        "key_set_invalid",
        partial(
            lambda member: line(jwks=key_set(rs256(), Signer("PS256", **{member: "AAAA"}))), _member
        ),
    )
case(
    31,
    "a private EC key",
    "key_set_invalid",
    lambda: line(jwks=key_set(rs256(), Signer("ES256", d=b64(bytes(32))))),
)
case(32, "use enc", "key_set_invalid", lambda: with_key(use="enc"))
case(32, "use a list", "key_set_invalid", lambda: with_key(use=["sig"]))
for _operations in (["sign"], [], "verify", ["verify", "verify"], ["verify", 1], {"verify": 1}):
    case(
        33,
        f"key_ops {_operations}",
        "key_set_invalid",
        partial(lambda value: with_key(key_ops=value), _operations),
    )
case(
    34,
    "RSA of 1024 bits",
    "key_set_invalid",
    lambda: line("x", jwks=key_set(Signer("RS256", forge.rsa_private(1024)))),
)
case(34, "RSA of 2047 bits", "key_set_invalid", lambda: with_key(n=number((1 << 2046) | 1)))
case(34, "RSA of 4097 bits", "key_set_invalid", lambda: with_key(n=number((1 << 4096) | 1)))
case(34, "RSA of 65536 bits", "key_set_invalid", lambda: with_key(n=number((1 << 65535) | 1)))
case(34, "an even modulus", "key_set_invalid", lambda: with_key(n=number(1 << 2047)))
for _exponent in (1, 2, 3, 65536, (1 << 32) + 1, (1 << 64) + 1, (1 << 2000) + 1):
    case(
        35,
        f"exponent {_exponent if _exponent < 1 << 70 else 'oversized'}",
        "key_set_invalid",
        partial(lambda value: with_key(e=number(value)), _exponent),
    )
case(35, "exponent 0", "key_set_invalid", lambda: with_key(e="AA"))
case(35, "exponent with leading zeros", "key_set_invalid", lambda: with_key(e="AAEAAQ"))
case(
    35,
    "modulus with leading zeros",
    "key_set_invalid",
    lambda: with_key(
        n=b64(bytes(1) + rs256().private.public_key().public_numbers().n.to_bytes(256))
    ),
)
case(
    36,
    "a point off the curve",
    "key_set_invalid",
    lambda: line(signer=Signer("ES256", y=b64(bytes(31) + b"\x01"))),
)
case(
    36,
    "the point at infinity",
    "key_set_invalid",
    lambda: line(signer=Signer("ES256", x=b64(bytes(32)), y=b64(bytes(32)))),
)
case(
    36,
    "a coordinate above the field",
    "key_set_invalid",
    lambda: line(signer=Signer("ES256", x=b64(b"\xff" * 32))),
)
case(
    36,
    "a coordinate too short",
    "key_set_invalid",
    lambda: line(signer=Signer("ES256", x=b64(b"\x01" * 31))),
)
case(
    36,
    "a coordinate too long",
    "key_set_invalid",
    lambda: line(signer=Signer("ES256", x=b64(bytes(1) + b"\x01" * 32))),
)
case(36, "a set without keys", "key_set_invalid", lambda: line(jwks={"keys": []}))
case(
    36,
    "a set of 65 keys",
    "key_set_invalid",
    lambda: line(jwks=key_set(*[{**rs256().jwk, "kid": str(i)} for i in range(65)])),
)
for _jwks in (None, [], "x", 7, {}, {"keys": {}}, {"keys": [7]}, {"keys": [None]}, {"keys": [[]]}):
    case(
        36,
        f"a set that is {_jwks!r}",
        "key_set_invalid",
        partial(lambda value: line(jwks=value), _jwks),
    )
for _name, _value in (
    ("x5u", 7),
    ("x5u", None),
    ("x5t", ["a"]),
    ("x5t#S256", {}),
    ("x5c", "MII"),
    ("x5c", [7]),
    ("x5c", None),
):
    case(
        36,
        f"a JWK's {_name} {_value!r}",
        "key_set_invalid",
        partial(
            lambda name, value: line(jwks=key_set({**rs256().jwk, name: value})), _name, _value
        ),
    )
for _sequence in (0, -1, True, 1.5, "1", 2**53):
    case(
        36,
        f"a sequence {_sequence!r}",
        "key_set_invalid",
        partial(lambda value: line(jwks=key_set(rs256(), sequence=value)), _sequence),
    )
for _denied in ("x", {}, [7], [""], ["x" * 257], [["x"]], ["x"] * 1025):
    case(
        36,
        f"denied {str(_denied)[:20]}",
        "key_set_invalid",
        partial(lambda value: line(jwks=key_set(rs256(), denied=value)), _denied),
    )
for _kid in (None, "", 7, "k" * 257, "a\nb", "ü"):
    case(
        36,
        f"a JWK's kid {str(_kid)[:10]!a}",
        "key_set_invalid",
        partial(lambda kid: line("x", jwks=key_set(Signer("RS256", kid=kid))), _kid),
    )
for _text in (
    "",
    "AQAB=",
    "AQA+",
    "AQ AB",
    "AQAB\n",
    "AQ",
    "AR",
    "A",
    "é",
    65537,
    ["AQAB"],
    "A" * 800,
):
    case(
        35,
        f"e as {str(_text)[:10]!a}",
        "key_set_invalid",
        partial(lambda value: with_key(e=value), _text),
    )
