"""Line 77, the clock; and lines of the batch format that are wrong in themselves."""

from functools import partial
from typing import Any

from .forge import NOW, Signer, good_claims, good_policy, key_set
from .table import Line, allowed, case, last_bits, line, rs256, signed_as_spelled

_name: Any
_now: Any
_value: Any

for _now in (0, 1_577_836_799, 4_102_444_801, -1, 2**60):
    case(77, f"a clock at {_now}", "clock_invalid", partial(lambda now: line(now=now), _now))
for _now in (None, "1800000000", 1.8e9, True, [NOW]):
    case(77, f"now {_now!r}", "clock_invalid", partial(lambda now: line(now=now), _now))
case(
    77,
    "no now",
    "clock_invalid",
    lambda: {name: value for name, value in line().items() if name != "now"},
)

for _name, _value in (
    ("issuer", ""),
    ("issuer", 7),
    ("issuer", ["x"]),
    ("audience", []),
    ("audience", "x"),
    ("audience", [7]),
    ("audience", [""]),
    ("algorithms", []),
    ("algorithms", "RS256"),
    ("algorithms", ["none"]),
    ("algorithms", ["HS256"]),
    ("algorithms", ["RS256", 7]),
    ("algorithms", None),
    ("max_lifetime", 0),
    ("max_lifetime", -1),
    ("max_lifetime", True),
    ("max_lifetime", 900.0),
    ("max_lifetime", "900"),
    ("max_lifetime", 2**53 + 1),
    ("max_lifetime", None),
    ("clock_skew", -1),
    ("clock_skew", 301),
    ("clock_skew", True),
    ("clock_skew", "60"),
    ("clock_skew", None),
    ("typ", ""),
    ("typ", 7),
    ("typ", "ü"),
    ("scopes", "x"),
    ("scopes", [""]),
    ("scopes", ["a b"]),
    ("scopes", [7]),
    ("scopes", None),
    ("roles", "x"),
    ("roles", [7]),
    ("required_claims", "x"),
    ("required_claims", [7]),
    ("denied_kids", "x"),
    ("denied_kids", [7]),
    ("denied_jtis", "x"),
    ("denied_jtis", [7]),
    ("denied_jtis", [["a"]]),
    ("denied_jtis", [["a", ""]]),
    ("denied_jtis", [""]),
    ("unknown", 1),
):
    case(
        0,
        f"a policy's {_name} {_value!r}",
        "policy_invalid",
        partial(lambda name, value: line(policy={**good_policy(), name: value}), _name, _value),
    )
for _name in ("issuer", "audience", "algorithms", "max_lifetime", "clock_skew"):
    case(
        0,
        f"a policy without {_name}",
        "policy_invalid",
        partial(lambda name: line(policy=good_policy(**{name: None})), _name),
    )
for _value in (None, [], "x", 7):
    case(
        0,
        f"a policy that is {_value!r}",
        "policy_invalid",
        partial(lambda value: line(policy=value), _value),
    )
case(0, "an unknown member of the line", "policy_invalid", lambda: line(extra=1))
case(0, "signature_only not a boolean", "policy_invalid", lambda: line(signature_only="yes"))


def _signature_only(token: str, signer: Signer | None = None) -> Line:
    signer = signer or rs256()
    return {
        "token": token,
        "jwks": key_set(signer),
        "policy": {"algorithms": [signer.algorithm], "typ": "at+jwt"},
        "signature_only": True,
    }


allowed(
    "signature only, a payload that is not JSON", lambda: _signature_only(rs256().token("not JSON"))
)
allowed("signature only, an empty payload", lambda: _signature_only(rs256().token("")))
allowed(
    "signature only, an expired token", lambda: _signature_only(rs256().token(good_claims(exp=1)))
)
allowed(
    "signature only, with a whole policy and a time",
    lambda: line(rs256().token("x"), signature_only=True),
)
allowed("signature_only false", lambda: line(signature_only=False))
case(
    0,
    "signature only, another payload",
    "signature_invalid",
    lambda: _signature_only(rs256().token("x").replace(".eA.", ".eQ.")),
)
case(
    0,
    "signature only, a payload with unused bits",
    "encoding_invalid",
    lambda: _signature_only(signed_as_spelled(last_bits)["token"]),
)
case(
    0,
    "signature only, jku",
    "header_forbidden",
    lambda: _signature_only(rs256().token("x", rs256().header(jku="https://x.invalid"))),
)
