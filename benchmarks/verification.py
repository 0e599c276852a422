"""The verification module against the bare signature check, and beside other libraries.

Every figure is a ratio to `cryptography`'s own `verify` call for the same key and message, in one
process. The peers make the same checks: signature, algorithm, issuer, audience, expiry, required
claims.

A shared machine is never quiet for long, and a neighbour on the same core slows one call more than
another (Python's code lives in the caches that it takes, OpenSSL's arithmetic does not). So each
call is timed in many slices of under a millisecond, all calls in a new random order each round, and
what counts is a call's twentieth part of fastest slices: its time with the core to itself. Medians
of the same slices are in the notes, to show how quiet the machine was.
"""

import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import joserfc.jwk
import joserfc.jwt
import jwcrypto.jwk
import jwcrypto.jwt
import jwt
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils

from benchmarks.row import Row
from signet.paths import repo_root
from validator_functions.verification import KeySet, Policy, TokenRefused, verify
from validator_functions.verification.cache import TokenCache
from validator_functions.verification.encoding import decode, encode

ISSUER = "https://issuer.signet.invalid"
AUDIENCE = "https://api.signet.invalid"
LIMITS = {"RS256": 1.5, "ES256": 1.2}
REPEATED = 0.15
FIRST_DECISION = 1.25

Call = Callable[[], object]
_SLICE = range(10)


class Sample:
    """A key made now, and a token as a service sees it: nine claims, two roles."""

    def __init__(self, algorithm: str) -> None:
        self.algorithm = algorithm
        self.now = int(time.time())
        self.private_key: Any = (
            rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
            if algorithm == "RS256"
            else ec.generate_private_key(ec.SECP256R1())
        )
        self.public_key: Any = self.private_key.public_key()
        signer = jwt.get_algorithm_by_name(algorithm)
        members = dict(signer.to_jwk(self.public_key, as_dict=True))
        members.pop("key_ops", None)
        self.jwk = members | {"kid": "k" * 43, "alg": algorithm, "use": "sig"}
        self.keys = KeySet.parse({"keys": [self.jwk]})
        self.policy = Policy(issuer=ISSUER, audiences=[AUDIENCE], algorithms=[algorithm])
        self.token = self.sign({})

    def sign(self, changed: Mapping[str, Any], **header: Any) -> str:
        """A token with some claims or header members changed."""
        claims = {
            "iss": ISSUER,
            "sub": "service:orders",
            "aud": AUDIENCE,
            "iat": self.now - 5,
            "nbf": self.now - 5,
            "exp": self.now + 595,
            "jti": "f3b1c2d4e5f60718",
            "scope": "orders:read orders:write",
            "roles": ["operator", "auditor"],
        }
        return jwt.encode(
            claims | dict(changed),
            self.private_key,
            self.algorithm,
            {"kid": "k" * 43, "typ": "at+jwt", **header},
        )

    def bare(self) -> Call:
        """`cryptography`'s check of this token's signature, with nothing around it."""
        head, _, signature_text = self.token.rpartition(".")
        signature, message = decode(signature_text.encode()), head.encode()
        check, digest = self.public_key.verify, hashes.SHA256()
        if self.algorithm == "RS256":
            scheme = padding.PKCS1v15()
            return lambda: check(signature, message, scheme, digest)
        halves = (int.from_bytes(signature[:32]), int.from_bytes(signature[32:]))
        der, ecdsa = utils.encode_dss_signature(*halves), ec.ECDSA(digest)
        return lambda: check(der, message, ecdsa)

    def ours(self, token: str | None = None) -> Call:
        """Our whole decision over one token."""
        token = self.token if token is None else token
        keys, policy, now = self.keys, self.policy, self.now

        def call() -> None:
            try:  # `contextlib.suppress` costs more than what is measured
                verify(token, keys, policy, now)
            except TokenRefused:
                return

        return call

    def repeated(self) -> Call:
        """A token that the cache of verified tokens holds."""
        cache = TokenCache(entries=16, size=65_536)
        keys, policy, token, now = self.keys, self.policy, self.token, self.now
        cache.put(token, keys, policy, verify(token, keys, policy, now), now)
        if cache.get(token, keys, policy, now) is None:
            raise RuntimeError("the cache does not hold the token")
        return lambda: cache.get(token, keys, policy, now)

    def peers(self) -> dict[str, Call]:
        """The same checks by the libraries of the field."""
        token, algorithm = self.token, self.algorithm
        required = ["iss", "sub", "aud", "iat", "exp"]
        pyjwt_key = jwt.PyJWK(self.jwk)
        joserfc_key = joserfc.jwk.import_key(self.jwk)
        registry = joserfc.jwt.JWTClaimsRegistry(
            iss={"essential": True, "value": ISSUER},
            aud={"essential": True, "value": AUDIENCE},
            sub={"essential": True},
            iat={"essential": True},
            exp={"essential": True},
        )
        jwcrypto_key = jwcrypto.jwk.JWK(**self.jwk)
        wanted = {"iss": ISSUER, "aud": AUDIENCE, "sub": None, "iat": None, "exp": None}

        def with_pyjwt() -> None:
            jwt.decode(
                token,
                pyjwt_key,
                algorithms=[algorithm],
                audience=AUDIENCE,
                issuer=ISSUER,
                options={"require": required},
            )

        def with_joserfc() -> None:
            registry.validate(joserfc.jwt.decode(token, joserfc_key, algorithms=[algorithm]).claims)

        def with_jwcrypto() -> None:
            jwcrypto.jwt.JWT(
                jwt=token, key=jwcrypto_key, algs=[algorithm], check_claims=wanted
            ).claims.encode()

        return {"PyJWT": with_pyjwt, "joserfc": with_joserfc, "jwcrypto": with_jwcrypto}


def run(quick: bool) -> list[Row]:
    """Measure both algorithms; `quick` takes fewer rounds."""
    rows = []
    for algorithm, limit in LIMITS.items():
        sample = Sample(algorithm)
        rows += _ratios(sample, limit, rounds=150 if quick else 600)
        rows.append(_first_decision(sample, runs=11 if quick else 41))
    return rows


def _ratios(sample: Sample, limit: float, rounds: int) -> list[Row]:
    name = sample.algorithm
    refusals = {
        "expired": sample.sign({"exp": sample.now - 100, "iat": sample.now - 700}),
        "another audience": sample.sign({"aud": "https://other.signet.invalid"}),
        "another issuer": sample.sign({"iss": "https://other.signet.invalid"}),
        "unknown key": sample.sign({}, kid="x" * 43),
        "another type": sample.sign({}, typ="logout+jwt"),
        "no such algorithm": _none(sample.token),
        "two dots too many": sample.token + "..",
    }
    calls: dict[str, Call] = {"bare": sample.bare(), "ours": sample.ours()}
    calls["repeated"] = sample.repeated()
    calls |= {f"refusal: {why}": sample.ours(token) for why, token in refusals.items()}
    calls |= sample.peers()
    taken = measure(calls, rounds)
    bare = quiet(taken["bare"]) * 1e6
    note = f"{rounds} slices of each, fastest twentieth"
    accepted = ratio(taken, "ours")
    rows = [
        Row(name=f"{name} bare signature check", value=bare, unit="us", note=note),
        _row(taken, "ours", f"{name} ours", limit),
        _row(taken, "repeated", f"{name} ours, a repeated token", REPEATED),
    ]
    # Less than to accept, as closely as the measurement can tell.
    most = accepted * 1.005
    rows += [_row(taken, why, f"{name} {why}", most) for why in calls if why[:8] == "refusal:"]
    return rows + [_row(taken, peer, f"{name} {peer}") for peer in sample.peers()]


def _row(taken: Mapping[str, list[float]], call: str, name: str, limit: float | None = None) -> Row:
    median = statistics.median(taken[call]) / statistics.median(taken["bare"])
    value = ratio(taken, call)
    return Row(name=name, value=value, unit="x bare", limit=limit, note=f"medians {median:.3g}")


def _none(token: str) -> str:
    header = json.dumps({"alg": "none", "kid": "k" * 43, "typ": "at+jwt"}).encode()
    return encode(header) + token[token.index(".") :]


def measure(calls: Mapping[str, Call], rounds: int) -> dict[str, list[float]]:
    """Seconds a call, slice by slice."""
    for call in calls.values():
        for _ in range(100):
            call()  # the interpreter adapts its code to what it sees, in the first dozens of calls
    taken: dict[str, list[float]] = {name: [] for name in calls}
    order = list(calls.items())
    for _ in range(rounds):
        random.shuffle(order)
        for name, call in order:
            call()  # out of the cold that the call before left behind
            begun = time.perf_counter_ns()
            for _ in _SLICE:
                call()
            taken[name].append((time.perf_counter_ns() - begun) / len(_SLICE) / 1e9)
    return taken


def quiet(taken: list[float]) -> float:
    """The fastest twentieth: a call with the core to itself."""
    return sorted(taken)[len(taken) // 20]


def ratio(taken: Mapping[str, list[float]], name: str) -> float:
    """How many times `bare` a call takes."""
    return quiet(taken[name]) / quiet(taken["bare"])


OURS = """
import sys
from validator_functions.verification.keys import KeySet
from validator_functions.verification.policy import Policy
from validator_functions.verification.token import verify
token, jwks, now = open(sys.argv[1]).read().split("\\n")[:3]
policy = Policy(issuer="%s", audiences=["%s"], algorithms=["%s"])
verify(token, KeySet.parse(jwks.encode()), policy, int(now))
"""
BARE = {
    "RS256": """
import sys
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers
from cryptography.hazmat.primitives.hashes import SHA256
signature, message, n, e = open(sys.argv[1]).read().split("\\n")[3:7]
key = RSAPublicNumbers(int(e), int(n)).public_key()
key.verify(bytes.fromhex(signature), message.encode(), padding.PKCS1v15(), SHA256())
""",
    "ES256": """
import sys
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
signature, message, x, y = open(sys.argv[1]).read().split("\\n")[3:7]
key = ec.EllipticCurvePublicNumbers(int(x), int(y), ec.SECP256R1()).public_key()
key.verify(bytes.fromhex(signature), message.encode(), ec.ECDSA(SHA256()))
""",
}


def _first_decision(sample: Sample, runs: int) -> Row:
    """A fresh process: import, parse the keys, decide once; against `cryptography` alone."""
    head, _, signature_text = sample.token.rpartition(".")
    signature = decode(signature_text.encode())
    numbers: Any = sample.public_key.public_numbers()
    pair = (numbers.n, numbers.e) if sample.algorithm == "RS256" else (numbers.x, numbers.y)
    if sample.algorithm == "ES256":
        signature = utils.encode_dss_signature(
            int.from_bytes(signature[:32]), int.from_bytes(signature[32:])
        )
    lines = [sample.token, json.dumps({"keys": [sample.jwk]}), str(sample.now)]
    lines += [signature.hex(), head, *map(str, pair)]
    ours = OURS % (ISSUER, AUDIENCE, sample.algorithm)
    taken: dict[str, list[float]] = {"bare": [], "ours": []}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sample"
        path.write_text("\n".join(lines))
        for _ in range(runs):
            taken["bare"].append(_process(BARE[sample.algorithm], path))
            taken["ours"].append(_process(ours, path))
    return Row(
        name=f"{sample.algorithm} import and first decision",
        value=ratio(taken, "ours"),
        unit="x bare process",
        limit=FIRST_DECISION,
        note=f"{runs} pairs of processes, {quiet(taken['bare']) * 1e3:.0f} ms bare",
    )


def _process(program: str, path: Path) -> float:
    begun = time.perf_counter()
    # Compiled files are there after an installation; an environment that forbids them would have
    # our modules compiled at each start, and not the library's.
    environ = {name: v for name, v in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    command = [sys.executable, "-c", program, str(path)]
    subprocess.run(command, cwd=repo_root(), env=environ, check=True)
    return time.perf_counter() - begun
