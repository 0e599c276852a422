"""Lines 45 to 57: one spelling for each token."""

from collections.abc import Callable
from functools import partial
from typing import Any

from .forge import b64, compact, good_claims
from .table import (
    Line,
    case,
    last_bits,
    line,
    rs256,
    segments,
    signed_as_spelled,
    with_claims,
    with_claims_text,
    with_header,
    with_header_text,
)

_change: Any
_depth: Any
_digits: Any
_escape: Any
_name: Any
_octets: Any
_text: Any
_token: Any


def spelled(segment: int, change: Callable[[str], str]) -> Line:
    parts = rs256().token().split(".")
    parts[segment] = change(parts[segment])
    return line(".".join(parts))


for _name, _token in (
    ("nothing", ""),
    ("no dot", "abc"),
    ("one dot", "a.b"),
    ("a dot", "."),
    ("two dots", ".."),
    ("three dots", "a.b.c.d"),
    ("four dots", "a.b.c.d.e"),
    ("a thousand dots", "." * 1000),
    ("an array", ["a", "b"]),
    ("a number", 7),
    ("true", True),
    ("an object", {"a": 1}),
):
    case(45, f"a token of {_name}", "token_malformed", partial(line, _token))
case(45, "a token null", "token_missing", lambda: {**line(), "token": None})
case(
    45,
    "no token",
    "token_missing",
    lambda: {name: value for name, value in line().items() if name != "token"},
)
case(45, "a leading dot", "token_malformed", lambda: line(f".{rs256().token()}"))
case(45, "a trailing dot", "token_malformed", lambda: line(f"{rs256().token()}."))
case(45, "a doubled dot", "token_malformed", lambda: line(rs256().token().replace(".", "..", 1)))
case(45, "an empty header", "token_malformed", lambda: segments(lambda _, p, s: f".{p}.{s}"))
case(45, "an empty payload", "token_malformed", lambda: line(rs256().token("")))
case(
    46,
    "flattened JSON serialization",
    "token_malformed",
    lambda: segments(lambda h, p, s: compact({"protected": h, "payload": p, "signature": s})),
)
case(
    46,
    "general JSON serialization",
    "token_malformed",
    lambda: segments(
        lambda h, p, s: compact({"payload": p, "signatures": [{"protected": h, "signature": s}]})
    ),
)


def _spelling_reason(change: Callable[[str], str]) -> str:
    """A signature of another length is none of the key's; one of its length is decoded first."""
    text = "A" * 342
    return "encoding_invalid" if len(change(text)) == len(text) else "signature_invalid"


for _name, _change in (
    ("padding", lambda text: text + "=" * (-len(text) % 4 or 4)),
    ("a space after it", lambda text: text + " "),
    ("a space before it", lambda text: " " + text),
    ("a newline inside", lambda text: text[:8] + "\n" + text[8:]),
    ("a line break after it", lambda text: text + "\r\n"),
    ("a plus", lambda text: text[:8] + "+" + text[9:]),
    ("a slash", lambda text: text[:8] + "/" + text[9:]),
    ("a question mark", lambda text: text[:8] + "?" + text[8:]),
    ("a tab", lambda text: text[:8] + "\t" + text[9:]),
    ("a percent escape", lambda text: text[:8] + "%3D" + text[8:]),
    ("a NUL", lambda text: text[:8] + "\x00" + text[9:]),
    ("equals inside", lambda text: text[:8] + "==" + text[10:]),
):
    case(
        47,
        f"{_name} in the header",
        "encoding_invalid",
        partial(lambda change: spelled(0, change), _change),
    )
    case(
        47,
        f"{_name} in the payload",
        "signature_invalid",
        partial(lambda change: spelled(1, change), _change),
    )
    case(
        47,
        f"{_name} in the signature",
        _spelling_reason(_change),
        partial(lambda change: spelled(2, change), _change),
    )
for _name, _change in (
    ("a plus", lambda text: text[:8] + "+" + text[9:]),
    ("a dollar", lambda text: text[:8] + "$" + text[9:]),
    ("equals", lambda text: text[:-2] + "=="),
):
    case(
        47,
        f"{_name} for a character of the signature",
        "encoding_invalid",
        partial(lambda change: spelled(2, change), _change),
    )


for _name, _change in (
    ("padding", lambda text: text + "=="),
    ("one padding character", lambda text: text + "="),
    ("a newline", lambda text: text[:8] + "\n" + text[8:]),
    ("a space", lambda text: text + " "),
    ("the standard alphabet", lambda text: text[:8] + "+" + text[9:]),
    ("a character more", lambda text: text + "AAA"),
):
    case(
        47,
        f"a signed payload with {_name}",
        "encoding_invalid",
        partial(signed_as_spelled, _change),
    )
case(
    48,
    "unused bits in a signed payload",
    "encoding_invalid",
    lambda: signed_as_spelled(last_bits),
)
case(48, "unused bits in the signature", "encoding_invalid", lambda: spelled(2, last_bits))
case(
    48,
    "unused bits in the header",
    "encoding_invalid",
    lambda: spelled(
        0,
        lambda _: last_bits(
            b64(
                compact(
                    rs256().header(note="x" * (2 - len(compact(rs256().header(note=""))) % 3 + 2))
                )
            )
        ),
    ),
)
case(
    49,
    "a token that is not ASCII",
    "encoding_invalid",
    lambda: line(rs256().token().replace("a", "\u0430")),
)
case(
    49, "a full-width dot", "encoding_invalid", lambda: line(rs256().token().replace(".", "\uff0e"))
)
case(
    50,
    "a byte order mark before the claims",
    "json_invalid",
    lambda: with_claims_text(b"\xef\xbb\xbf" + compact(good_claims()).encode()),
)
case(
    50,
    "a byte order mark before the header",
    "json_invalid",
    lambda: with_header_text("\ufeff" + compact(rs256().header())),
)
for _name in ("utf-16", "utf-16-be", "utf-16-le", "utf-32", "utf-32-be", "utf-32-le"):
    case(
        50,
        f"claims in {_name}",
        "encoding_invalid" if _name in ("utf-16", "utf-32") else "json_invalid",
        partial(lambda name: with_claims_text(compact(good_claims()).encode(name)), _name),
    )
for _name, _octets in (
    ("a lone continuation", b"\x80"),
    ("an overlong slash", b"\xc0\xaf"),
    ("a cut sequence", b"\xe2\x82"),
    ("a surrogate", b"\xed\xa0\x80"),
    ("above U+10FFFF", b"\xf4\x90\x80\x80"),
):
    case(
        51,
        f"UTF-8 with {_name}",
        "encoding_invalid",
        partial(
            lambda octets: with_claims_text(
                compact(good_claims(x="@")).encode().replace(b"@", octets)
            ),
            _octets,
        ),
    )
for _name, _escape in (
    ("a lone high surrogate", "\\ud800"),
    ("a lone low surrogate", "\\udc00"),
    ("surrogates the wrong way round", "\\udc00\\ud800"),
):
    case(
        51,
        f"{_name} in a value",
        "encoding_invalid",
        partial(
            lambda escape: with_claims_text(compact(good_claims(x="@")).replace("@", escape)),
            _escape,
        ),
    )
    case(
        51,
        f"{_name} in a name",
        "encoding_invalid",
        partial(
            lambda escape: with_claims_text(compact(good_claims(**{"@": 1})).replace("@", escape)),
            _escape,
        ),
    )
    case(
        51,
        f"{_name} in a list",
        "encoding_invalid",
        partial(
            lambda escape: with_claims_text(compact(good_claims(x=["@"])).replace("@", escape)),
            _escape,
        ),
    )
for _name in ("alg", "kid", "typ", "note"):
    case(
        52,
        f"{_name} twice in the header",
        "json_invalid",
        partial(
            lambda name: with_header_text(
                compact(rs256().header(note="x"))[:-1] + f',"{name}":"x"}}'
            ),
            _name,
        ),
    )
case(
    52,
    "alg twice by an escape",
    "json_invalid",
    lambda: with_header_text(compact(rs256().header())[:-1] + ',"\\u0061lg":"none"}'),
)
for _name in ("iss", "sub", "aud", "exp", "nbf", "iat", "jti", "scope", "roles"):
    case(
        53,
        f"{_name} twice",
        "json_invalid",
        partial(
            lambda name: with_claims_text(
                compact(good_claims())[:-1] + f',"{name}":{compact(good_claims()[name])}}}'
            ),
            _name,
        ),
    )
case(
    53,
    "a name twice by an escape",
    "json_invalid",
    lambda: with_claims_text(compact(good_claims())[:-1] + ',"\\u0073ub":"admin"}'),
)
case(
    53,
    "a nested name twice",
    "json_invalid",
    lambda: with_claims_text(compact(good_claims())[:-1] + ',"act":{"sub":"a","sub":"b"}}'),
)
case(
    53,
    "a name twice in a list's object",
    "json_invalid",
    lambda: with_claims_text(compact(good_claims())[:-1] + ',"x":[{"a":1,"a":2}]}'),
)
for _text in (
    "[]",
    '["a"]',
    '[["iss","x"]]',
    '"text"',
    "7",
    "null",
    "true",
    "",
    " ",
    "{",
    "}",
    "{]",
    '{"a":1',
    '{"a"}',
    "{'a':1}",
    '{"a":1,}',
    '{"a":01}',
    '{"a":+1}',
    '{"a":.5}',
    '{"a":1.}',
    '{"a":0x1}',
    '{"a":"\t"}',
    '{"a":"\\x"}',
    "{a:1}",
    "//x\n{}",
    "nul",
):
    case(
        54,
        f"a payload {_text!r}",
        "token_malformed" if not _text else "json_invalid",
        partial(with_claims_text, _text),
    )
for _text in ("x", "{}", ",", "\x00", "]", ' {"iss":"x"}', "\u00a0", "\u2028", "\x0b"):
    case(
        54,
        f"{_text!a} after the object",
        "json_invalid",
        partial(lambda text: with_claims_text(compact(good_claims()) + text), _text),
    )
for _text in ("\x0b", "\u00a0", "x"):
    case(
        54,
        f"{_text!a} before the object",
        "json_invalid",
        partial(lambda text: with_claims_text(text + compact(good_claims())), _text),
    )
for _depth in (16, 17, 100, 400, 3000):
    case(
        55,
        f"lists {_depth} deep",
        "json_invalid",
        partial(
            lambda depth: with_claims_text(
                compact(good_claims())[:-1] + ',"x":' + "[" * depth + "]" * depth + "}"
            ),
            _depth,
        ),
    )
case(
    55,
    "objects 17 deep",
    "json_invalid",
    lambda: with_claims_text(
        compact(good_claims())[:-1] + ',"x":' + '{"a":' * 16 + "1" + "}" * 16 + "}"
    ),
)
case(
    55,
    "a header 1,000 deep",
    "json_invalid",
    lambda: with_header_text(
        compact(rs256().header())[:-1] + ',"x":' + "[" * 1000 + "]" * 1000 + "}"
    ),
)
for _digits in (1025, 5000, 8000):
    case(
        56,
        f"a number of {_digits} digits",
        "json_invalid",
        partial(
            lambda digits: with_claims_text(compact(good_claims())[:-1] + f',"x":{"9" * digits}}}'),
            _digits,
        ),
    )
    case(
        56,
        f"a fraction of {_digits} digits",
        "json_invalid",
        partial(
            lambda digits: with_claims_text(
                compact(good_claims())[:-1] + f',"x":0.{"9" * digits}}}'
            ),
            _digits,
        ),
    )
for _text in ("NaN", "Infinity", "-Infinity", "1e999", "-1e999"):
    case(
        56,
        f"a number {_text}",
        "json_invalid",
        partial(
            lambda text: with_claims_text(compact(good_claims())[:-1] + f',"x":{text}}}'), _text
        ),
    )
case(57, "a token of 16,385 characters", "token_too_large", lambda: line("a" * 16_385))
case(57, "a token of a million characters", "token_too_large", lambda: line("a" * 1_000_000))
case(57, "a header over its limit", "token_too_large", lambda: with_header(note="x" * 4_000))
case(57, "a payload over its limit", "token_too_large", lambda: with_claims(x="x" * 9_300))
case(
    57,
    "a signature over its length",
    "signature_invalid",
    lambda: segments(lambda h, p, s: f"{h}.{p}.{s * 10}"),
)
