"""What one byte string of a fuzzer means, and what must hold whatever it says.

The bytes drive edits of good tokens, key sets and policies. Tokens are signed after their edit
with keys of this process, so the fuzzer reaches the checks behind the signature, and a corpus
holds no key, token or date. `judge` raises `AssertionError` when something is wrong:

- every input has one well-formed answer;
- a token with a flipped bit never passes;
- whatever passes here passes in PyJWT and in joserfc too, with the same checks.
"""

import base64
import json
import time
from functools import cache
from typing import Any

import joserfc.jwk
import joserfc.jwt
import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from joserfc.jws import JWSRegistry

from validator_functions.verification.batch import decide_batch_line
from validator_functions.verification.reasons import Reason

ISSUER = "https://issuer.signet.invalid"
AUDIENCE = "https://api.signet.invalid"
ALGORITHMS = ("ES256", "RS256", "PS256", "ES384")
STATUSES = {None: 200} | {str(reason): reason.status for reason in Reason}

NAMES = (
    "alg",
    "kid",
    "typ",
    "crit",
    "jku",
    "jwk",
    "x5u",
    "x5c",
    "x5t",
    "x5t#S256",
    "zip",
    "cty",
    "b64",
    "enc",
    "epk",
    "iss",
    "aud",
    "sub",
    "exp",
    "nbf",
    "iat",
    "jti",
    "scope",
    "roles",
    "client_id",
    "act",
    "events",
    "keys",
    "kty",
    "crv",
    "n",
    "e",
    "x",
    "y",
    "d",
    "k",
    "use",
    "key_ops",
    "sequence",
    "denied",
    "issuer",
    "audience",
    "algorithms",
    "max_lifetime",
    "clock_skew",
    "scopes",
    "required_claims",
    "denied_kids",
    "denied_jtis",
    "token",
    "jwks",
    "policy",
    "now",
    "id",
    "signature_only",
)
VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 59, 60, 61, 2**31, 2**53, 2**63, 0.5, 1e300, 1.0, "", " ", "a"),
    *([], {}, [[]], [None], ["alg"], ["b64"], {"a": 1}, [ISSUER], [AUDIENCE], AUDIENCE, ISSUER),
    *(ISSUER + "/", ISSUER.upper(), "none", "HS256", "RS256", "PS256", "ES256", "ES384", "at+jwt"),
    *("JWT", "application/at+jwt", "AT+JWT", "logout+jwt", "read", "read write", "rea", "AQAB"),
    *(
        "A",
        "AA",
        "AQ",
        "AR",
        "../../etc/passwd",
        "' OR 1=1 --",
        "\x00",
        "é",
        "sig",
        "enc",
        "verify",
    ),
)
OFFSETS = (-400_000, -901, -900, -600, -61, -60, -59, -1, 0, 1, 59, 60, 61, 600, 900, 901, 10**9)


class Bytes:
    """Reads choices from a byte string; when it ends, every further choice is the first."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def number(self, below: int) -> int:
        """An integer from 0 to `below` less one."""
        taken = self._data[self._at : self._at + 2]
        self._at += 2
        return int.from_bytes(taken) % below

    def pick(self, choices: Any) -> Any:
        """One of a sequence."""
        return choices[self.number(len(choices))]

    def rest(self) -> bytes:
        """Everything not read yet."""
        taken = self._data[self._at :]
        self._at = len(self._data)
        return taken


@cache
def private_key(algorithm: str) -> Any:
    """One key for each algorithm, made in this process."""
    if algorithm in ("RS256", "PS256"):
        return rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
    return ec.generate_private_key(ec.SECP256R1() if algorithm == "ES256" else ec.SECP384R1())


@cache
def _public_members(algorithm: str) -> dict[str, Any]:
    signer = jwt.get_algorithm_by_name(algorithm)
    return dict(signer.to_jwk(private_key(algorithm).public_key(), as_dict=True))


def public_jwk(algorithm: str) -> dict[str, Any]:
    """The public JWK of `private_key`, new at each call."""
    jwk = {name: value for name, value in _public_members(algorithm).items() if name != "key_ops"}
    return jwk | {"kid": algorithm.lower(), "alg": algorithm, "use": "sig"}


def encode(data: bytes) -> str:
    """Base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def sign(algorithm: str, header: bytes, payload: bytes) -> str:
    """A compact JWS over any bytes at all."""
    message = f"{encode(header)}.{encode(payload)}"
    signer = jwt.get_algorithm_by_name(algorithm)
    return f"{message}.{encode(signer.sign(message.encode(), private_key(algorithm)))}"


def good_line(algorithm: str, now: int) -> dict[str, Any]:
    """A line of `signet verify --batch` that is allowed, but for its token."""
    return {
        "id": 1,
        "jwks": {"keys": [public_jwk(name) for name in dict.fromkeys((algorithm, "ES256"))]},
        "policy": {
            "issuer": ISSUER,
            "audience": [AUDIENCE],
            "algorithms": list(ALGORITHMS),
            "max_lifetime": 900,
            "clock_skew": 60,
            "scopes": ["read"],
        },
        "now": now,
    }


def good_header(algorithm: str) -> dict[str, Any]:
    """A header that is allowed."""
    return {"alg": algorithm, "kid": algorithm.lower(), "typ": "at+jwt"}


def good_claims(now: int) -> dict[str, Any]:
    """Claims that are allowed."""
    return {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "service-a",
        "iat": now - 10,
        "nbf": now - 10,
        "exp": now + 600,
        "jti": "1",
        "scope": "read write",
        "roles": ["operator"],
    }


def judge(data: bytes, now: int | None = None) -> dict[str, Any]:
    """Decide one input and check what must hold. Returns the answer."""
    source = Bytes(data)
    now = int(time.time()) if now is None else now
    algorithm = source.pick(ALGORITHMS)
    line = good_line(algorithm, now)
    text, flipped = _build(source, algorithm, line, now)
    answer = decide_batch_line(text)
    _check_shape(answer)
    assert not (flipped and answer["allowed"]), "a token with a changed bit passed"
    if answer["allowed"] and answer["claims"] is not None:
        _check_second_opinions(json.loads(text), answer["claims"])
    return answer


def _build(source: Bytes, algorithm: str, line: dict[str, Any], now: int) -> tuple[bytes, bool]:
    """The line as the fuzzer wants it, and whether a bit of its token was changed."""
    header, claims = good_header(algorithm), good_claims(now)
    what = source.pick(
        ("claims", "header", "both", "bits", "set", "policy", "text", "token", "line", "good")
    )
    if what == "line":
        return source.rest(), False
    if what in ("header", "both"):
        _edit(source, header, now)
    if what in ("claims", "both"):
        _edit(source, claims, now)
    header_text, payload_text = _text(header), _text(claims)
    if what == "text":
        header_text, payload_text = _splice(source, header_text), _splice(source, payload_text)
    token = sign(algorithm, header_text, payload_text)
    if what == "bits":
        token = _flip(source, token)
    if what == "token":
        token = source.rest().decode("latin-1")
    if what == "set":
        _edit(source, source.pick([line["jwks"], *line["jwks"]["keys"]]), now)
    if what == "policy":
        _edit(source, line["policy"], now)
    line["token"] = token
    return _text(line), what == "bits"


def _text(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode(
        "utf-8", "surrogatepass"
    )


def _edit(source: Bytes, target: dict[str, Any], now: int) -> None:
    names = (*target, *NAMES)
    for _ in range(1 + source.number(3)):
        action = source.number(4)
        name = source.pick(names)
        if action == 0:
            target.pop(name, None)
        elif action == 1:
            target[name] = source.pick(VALUES)
        elif action == 2:
            target[name] = now + source.pick(OFFSETS)
        else:
            target[name] = [target.get(name), source.pick(VALUES)]


def _splice(source: Bytes, text: bytes) -> bytes:
    at, removed = source.number(len(text) + 1), source.number(8)
    inserted = source.pick(
        (
            b"",
            b'"',
            b",",
            b'"exp":9999999999,',
            b'"alg":"none",',
            b"\xef\xbb\xbf",
            b"\xff",
            b"\\u",
            b"\\ud800",
            b"[" * 40,
            b"1e999",
            b"NaN",
            b"\x00",
            b" ",
            b"9" * 40,
            b"}",
            b"{}",
            b"\n",
        )
    )
    return text[:at] + inserted + text[at + removed :]


def _flip(source: Bytes, token: str) -> str:
    data = bytearray(token.encode())
    at = source.number(len(data))
    data[at] ^= 1 << source.number(8)
    return data.decode("latin-1")


def _check_shape(answer: dict[str, Any]) -> None:
    assert list(answer) == ["id", "allowed", "reason", "status", "claims"]
    assert answer["allowed"] is (answer["reason"] is None)
    assert answer["status"] == STATUSES[answer["reason"]]
    assert answer["claims"] is None or answer["allowed"]
    assert answer["reason"] != Reason.INTERNAL_ERROR, "an exception that nobody foresaw"
    json.dumps(answer)


def _check_second_opinions(line: dict[str, Any], claims: dict[str, Any]) -> None:
    token, policy = line["token"], line["policy"]
    kid = jwt.get_unverified_header(token)["kid"]
    jwk = next(key for key in line["jwks"]["keys"] if key.get("kid") == kid)
    for opinion in (_pyjwt, _joserfc):
        assert opinion(token, jwk, policy) == claims, f"{opinion.__name__} reads other claims"


def _pyjwt(token: str, jwk: dict[str, Any], policy: dict[str, Any]) -> dict[str, Any]:
    options: Any = {"verify_aud": policy["audience"] is not None}
    claims: dict[str, Any] = jwt.decode(
        token,
        jwt.PyJWK(jwk),
        algorithms=[jwk["alg"]],
        audience=policy["audience"],
        issuer=policy["issuer"],
        leeway=policy["clock_skew"],
        options=options,
    )
    return claims


def _joserfc(token: str, jwk: dict[str, Any], policy: dict[str, Any]) -> dict[str, Any]:
    # A certificate beside a key takes no part in our check nor in this one; joserfc would refuse
    # some of their spellings. RFC 7515 section 4 has unknown header names ignored, which joserfc
    # does when it is told to.
    members = {name: value for name, value in jwk.items() if not name.startswith("x5")}
    imported = joserfc.jwk.import_key(members)
    lenient = JWSRegistry(algorithms=[jwk["alg"]], strict_check_header=False)
    read = joserfc.jwt.decode(token, imported, registry=lenient)
    wanted: dict[str, Any] = {"exp": {"essential": True}, "iat": {"essential": True}}
    if policy["issuer"] is not None:
        wanted["iss"] = {"essential": True, "value": policy["issuer"]}
    if policy["audience"] is not None:
        wanted["aud"] = {"essential": True, "values": policy["audience"]}
    joserfc.jwt.JWTClaimsRegistry(leeway=policy["clock_skew"], **wanted).validate(read.claims)
    return dict(read.claims)
